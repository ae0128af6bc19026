import { type Actor, actorText } from "#shared/domain/actor.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { IncidentBody } from "#shared/ledger/incident.ts";
import { type OrderBody, orderItem, readOrder } from "#shared/ledger/order.ts";
import { stillNeeded, voted, wantedOf } from "#shared/ledger/vote.ts";
import type { Done } from "#shared/pipeline/operate/answer.ts";
import { choose } from "#shared/pipeline/operate/choose.ts";
import { byWhom, permit } from "#shared/pipeline/operate/permit.ts";
import type { OperatePorts } from "#shared/pipeline/operate/ports.ts";
import { sendOrder, tellNotDone } from "#shared/pipeline/sweep/order.ts";
import type { Item } from "#shared/ports/table.ts";
import type { OperateRequest } from "#shared/wire/operate.ts";

/** `asked`: of a button: the question that was asked then, and no other that has its place by now. */
export type Answering = OperateRequest & { readonly asked?: number };

interface Found {
  readonly item: Item;
  readonly order: OrderBody;
}

/** Of so many who answer at the same moment each is counted. */
const ATTEMPTS = 8;

/** approve and deny: one voice, counted by a conditional write of the question. The last yes that is needed goes to the lane that has the rights. */
export async function decide(
  request: Answering,
  about: IncidentBody,
  items: readonly Item[],
  by: Actor,
  ports: OperatePorts,
  signal: AbortSignal,
): Promise<Done> {
  const chosen = chosenFrom(request, items, ports.clock.now());
  if (typeof chosen === "string") return chosen;
  let found: Found | null = chosen;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const done = await count(request, about, found, by, ports, signal);
    if (done !== "changed") return done;
    const item: Item | null = await ports.table.get(chosen.item, signal);
    found = item === null ? null : { item, order: readOrder(item) };
    if (found === null || found.order.askedAtMs !== chosen.order.askedAtMs)
      return "it was asked anew at the same moment: show the incident again";
    await ports.clock.sleep(Math.random() * 20 * attempt, signal);
  }
  throw new PipelineError("ledger_contention", `the question about ${chosen.order.key} changed ${ATTEMPTS} times while it was answered`);
}

function chosenFrom(request: Answering, items: readonly Item[], nowMs: number): Found | string {
  const questions = items
    .filter(({ type }) => type === "order")
    .map((item) => ({ item, order: readOrder(item) }))
    .filter(({ order }) => order.verb === "approve");
  const open = questions.filter(({ order }) => order.state === "awaiting" && order.atMs > nowMs);
  // Who clicks late learns what became of that very question.
  const fitting = request.asked === undefined ? open : questions.filter(({ order }) => order.askedAtMs === request.asked);
  return choose(fitting, ({ order }) => ({ key: order.key, target: order.target }), request, "nothing of this incident waits for approval");
}

async function count(
  request: Answering,
  about: IncidentBody,
  { item, order }: Found,
  by: Actor,
  ports: OperatePorts,
  signal: AbortSignal,
): Promise<Done | "changed"> {
  const isYes = request.verb === "approve";
  const what = { cluster: about.cluster, rule: order.rule, action: order.action.action };
  const permission = permit(by, isYes ? "approve" : "deny", what, ports);
  if (permission.kind === "refused") return permission.because;
  const nowMs = ports.clock.now();
  const { person } = permission;
  const vote = { says: isYes ? "yes" : "no", person, actor: actorText(by), atMs: nowMs } as const;
  const result = voted(order, vote, wantedOf(order, ports.registry.people));
  if (result.kind !== "counted") return result.because;
  const next = result.order;
  const write = {
    op: "put",
    item: orderItem(next, item.version + 1, nowMs),
    when: { kind: "version", version: item.version },
  } as const;
  const who = byWhom(ports, person, `has said ${vote.says}`);
  if (!isYes) {
    const because = `${person} has said no; the same is not asked again in this incident`;
    // Those who were asked are told. Where it was done in an earlier round there is nothing to tell, and the no stands all the same.
    const isStored = (await tellNotDone(next, because, write, ports, signal)) || (await ports.table.transact([write], signal)).ok;
    return isStored ? { says: `${who}${order.key} is denied` } : "changed";
  }
  if (!(await ports.table.transact([write], signal)).ok) return "changed";
  if (result.missing > 0) return { says: `${who}${order.key} is not done yet: ${stillNeeded(result.missing)}` };
  await sendOrder(next, ports.orders, signal);
  return { says: `${who}${order.key} is approved: the target is looked at again, and then it is done` };
}
