import { laneOf, subjectIn } from "#shared/domain/action.ts";
import type { Outcome, Receipt } from "#shared/domain/receipt.ts";
import type { IncidentBody } from "#shared/ledger/incident.ts";
import { iso, unpack } from "#shared/ledger/items.ts";
import { metaKey, orderKey, SWITCH } from "#shared/ledger/keys.ts";
import { type OrderBody, orderItem, readOrder } from "#shared/ledger/order.ts";
import type { ClaimPorts, RespondPorts } from "#shared/pipeline/respond/ports.ts";
import { reachOf } from "#shared/pipeline/respond/reach.ts";
import { type Claim, claimOf, keyOfReceipt, settle } from "#shared/pipeline/respond/settle.ts";
import { leaveReceipt, type OrderOutcome, tried, undo } from "#shared/pipeline/respond/undo.ts";
import { playbooks } from "#shared/playbooks/index.ts";
import type { Undoing } from "#shared/playbooks/playbook.ts";
import type { Write } from "#shared/ports/table.ts";

/** While the kill switch is on, nobody is ended by time: looked at again after this. */
const PAUSED_MS = 10 * 60_000;
const AGAIN_MS = 60_000;

/** The order that ends an action when the policy's time for it is over; written with the receipt that says it was done. */
export async function expiryWrites(
  claim: Claim,
  outcome: Outcome,
  { table, clock }: ClaimPorts,
  signal: AbortSignal,
): Promise<readonly Write[]> {
  const { plan, action, incident, target } = claim;
  const afterMs = playbooks[action].expiry?.afterMs(plan) ?? null;
  if (afterMs === null || (outcome !== "done" && outcome !== "requested" && outcome !== "unknown")) return [];
  const key = keyOfReceipt({ action, ...subjectOf(claim) });
  const there = await table.get(orderKey(incident, "expire", target, key), signal);
  // It was done anew: the time begins anew.
  if (there !== null && readOrder(there).state === "given") return [];
  const nowMs = clock.now();
  const order: OrderBody = {
    verb: "expire",
    state: "given",
    incident,
    target,
    key,
    action: { action, params: plan.params, mode: "enforce", evidence: "none" },
    rule: plan.occasion.rule,
    alert: claim.alert,
    channels: claim.channels,
    lane: laneOf(action, plan.workload.kind),
    askedAtMs: nowMs,
    atMs: (claim.requestedAtMs ?? nowMs) + afterMs,
    by: null,
    decidedAtMs: null,
    sent: 0,
    because: null,
  };
  const when = there === null ? ({ kind: "absent" } as const) : ({ kind: "version", version: there.version } as const);
  return [{ op: "put", item: orderItem(order, (there?.version ?? 0) + 1, nowMs), when }];
}

/** What is due by time: taken back, ended, or asked about, as the playbook says. Never returns an offender to service. */
export async function expire(order: OrderBody, ports: RespondPorts, signal: AbortSignal): Promise<OrderOutcome> {
  const { table, clock } = ports;
  const meta = await table.get(metaKey(order.incident), signal);
  const about = meta === null ? null : unpack<IncidentBody>(meta, "incident");
  const claimed = async () => (about === null ? null : await claimOf(about, order.target, order.key, table, signal));
  const held = await claimed();
  if (held === null) return { because: "there is no such action (any more)", againAtMs: null };
  const { claim } = held;
  const { expiry, undo: undoing } = playbooks[claim.action];
  const afterMs = expiry?.afterMs(claim.plan) ?? null;
  if (expiry === undefined || afterMs === null) return { because: "it does not expire", againAtMs: null };
  if (claim.state === "undone") return { because: "it was taken back before its time was over", againAtMs: null };
  if (claim.state === "failed" || claim.state === "refused") return { because: `it was not done (${claim.state})`, againAtMs: null };
  if (claim.state === "executing") return { because: "the action is still under way", againAtMs: clock.now() + AGAIN_MS };
  if (expiry.by === "undo") {
    if (!undoing.possible) throw new Error(`${claim.action} expires by an undo that it does not have`);
    return await undo(order, ports, signal, "undone");
  }
  if (expiry.by(claim.plan) === "ask") return await ask(order, claim, afterMs, ports, signal);
  // A pause stops what ends somebody, by time too.
  if (!(await table.transact([{ op: "check", key: SWITCH, when: { kind: "not-paused" } }], signal)).ok)
    return { because: "its time is over, and the kill switch is on, or cannot be read", againAtMs: clock.now() + PAUSED_MS };
  const { end } = expiry;
  if (end === undefined) throw new Error(`${claim.action} says that it ends by time, and not how`);
  const reach = reachOf(claim.cluster, ports);
  const seen =
    reach === null
      ? ({ kind: "failed", because: `cluster ${claim.cluster} is no longer in falco-responder.yml` } as const)
      : await tried(() => end(claim.plan, claim.kept ?? {}, reach, signal));
  await leaveReceipt(order, held, claimed, seen, ports, signal, "ended");
  ports.telemetry.count("Expired", 1, { action: claim.action, outcome: seen.kind });
  return { because: seen.because, againAtMs: againAt(seen, clock.now()) };
}

const againAt = (seen: Undoing | { readonly kind: "failed" }, nowMs: number): number | null => {
  if (seen.kind === "early") return seen.notBeforeMs;
  return seen.kind === "requested" ? nowMs + AGAIN_MS : null;
};

/** People decide: a question to terminate the target, which stays as it is; asked again when as much time has passed again. */
async function ask(order: OrderBody, claim: Claim, afterMs: number, ports: RespondPorts, signal: AbortSignal): Promise<OrderOutcome> {
  const { table, clock, policy } = ports;
  const { incident, target } = order;
  const nowMs = clock.now();
  const action = { action: "kubernetes:terminate", params: {}, mode: "approve", evidence: "best-effort" } as const;
  const earlier = await table.get(orderKey(incident, "approve", target, action.action), signal);
  const state = earlier === null ? null : readOrder(earlier).state;
  const because = `its time was over at ${iso(order.atMs)}: it stays as it is until a person decides`;
  const again = { because, againAtMs: nowMs + afterMs };
  if (state === "awaiting" || state === "given") return again;
  const question: OrderBody = {
    ...order,
    verb: "approve",
    state: "awaiting",
    key: action.action,
    action,
    lane: laneOf(action.action, claim.plan.workload.kind),
    askedAtMs: nowMs,
    atMs: nowMs + policy.approvalSeconds * 1_000,
    sent: 0,
    because: null,
  };
  const when = earlier === null ? ({ kind: "absent" } as const) : ({ kind: "version", version: earlier.version } as const);
  const along: Write = { op: "put", item: orderItem(question, (earlier?.version ?? 0) + 1, nowMs), when };
  const receipt: Receipt = {
    action: claim.action,
    target,
    outcome: "refused",
    because,
    requestedAtMs: claim.requestedAtMs,
    verifiedAtMs: null,
    undo: { possible: false, because: "this tells that its time is over; the action itself can still be taken back" },
    evidence: { kind: "none" },
    undoing: true,
    timed: "asked",
    ...subjectOf(claim),
  };
  await settle({ receipt, incident, alert: claim.alert, channels: claim.channels, telling: "final", claim: null, along }, ports, signal);
  return again;
}

const subjectOf = ({ action, plan }: Claim): Pick<Receipt, "subject"> => {
  const subject = subjectIn(action, plan.params);
  return subject === null ? {} : { subject };
};
