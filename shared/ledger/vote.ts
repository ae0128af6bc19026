import { quorumOf } from "#shared/domain/action.ts";
import type { Person } from "#shared/domain/person.ts";
import { iso } from "#shared/ledger/items.ts";
import type { OrderBody, Vote } from "#shared/ledger/order.ts";

/** counted: `order` is the next version. late: it is decided or over. twice: this person has said yes before. */
export type Voted =
  | { readonly kind: "counted"; readonly order: OrderBody; readonly missing: number }
  | { readonly kind: "late" | "twice"; readonly because: string };

/**
 * A question with one more voice. `quorum`: people who must say yes. One person counts once, whichever way they come; a no of anyone ends it,
 * also of one who has said yes.
 */
export function voted(order: OrderBody, vote: Vote, quorum: number): Voted {
  const nowMs = vote.atMs;
  if (order.state !== "awaiting") return { kind: "late", because: whatBecame(order) };
  if (order.atMs <= nowMs)
    return { kind: "late", because: `nobody had answered by ${iso(order.atMs)}: it is over, and a new alert asks again` };
  const votes = [...(order.votes ?? []), vote];
  if (vote.says === "no")
    return { kind: "counted", missing: 0, order: { ...order, votes, state: "denied", by: vote.person, decidedAtMs: nowMs, atMs: nowMs } };
  const earlier = yeses(order).find(({ person }) => person === vote.person);
  const people = [...new Set(yeses({ votes }).map(({ person }) => person))];
  const missing = Math.max(0, quorum - people.length);
  if (earlier !== undefined && missing > 0)
    return { kind: "twice", because: `${vote.person} has said yes at ${iso(earlier.atMs)} by ${earlier.actor}: ${stillNeeded(missing)}` };
  if (missing > 0) return { kind: "counted", missing, order: { ...order, votes, by: people.join(", ") } };
  return { kind: "counted", missing, order: { ...order, votes, state: "given", by: people.join(", "), decidedAtMs: nowMs, atMs: nowMs } };
}

/** How many different people must say yes: as was asked, and no fewer than the action needs by now. Without people IAM cannot tell one from two. */
export const wantedOf = ({ action, quorum = 1 }: OrderBody, people: readonly Person[] = []): number =>
  people.length === 0 ? 1 : Math.max(quorum, quorumOf(action));

/** What a message tells of it. */
export const questionOf = (order: OrderBody, people: readonly Person[] = []) => ({
  key: order.key,
  target: order.target,
  action: order.action,
  rule: order.rule,
  state: order.state,
  askedAtMs: order.askedAtMs,
  untilMs: order.atMs,
  quorum: wantedOf(order, people),
  votes: (order.votes ?? []).map(({ says, person, atMs }) => ({ says, person, atMs })),
});

const yeses = ({ votes = [] }: Pick<OrderBody, "votes">): readonly Vote[] => votes.filter(({ says }) => says === "yes");

export const stillNeeded = (missing: number): string =>
  missing === 1 ? "one other person must say yes, too" : `${missing} other people must say yes, too`;

/** For one who answers too late. */
function whatBecame({ state, by, decidedAtMs, because }: OrderBody): string {
  const at = decidedAtMs === null ? "" : ` at ${iso(decidedAtMs)}`;
  if (state === "denied") return `${by ?? "somebody"} has said no${at}`;
  if (state === "expired") return "the question is over: a new alert asks again";
  return `${by ?? "somebody"} has said yes${at}${because === null ? "" : `, and it is ${state}: ${because}`}`;
}
