import { actionKey, laneOf } from "#shared/domain/action.ts";
import { type Outcome, type Receipt, toldApart } from "#shared/domain/receipt.ts";
import { iso } from "#shared/ledger/items.ts";
import { orderKey } from "#shared/ledger/keys.ts";
import { type OrderBody, orderItem, readOrder } from "#shared/ledger/order.ts";
import { pausedNow } from "#shared/pipeline/respond/paused.ts";
import type { ClaimPorts, RespondPorts } from "#shared/pipeline/respond/ports.ts";
import { reachOf } from "#shared/pipeline/respond/reach.ts";
import { type Claim, settle } from "#shared/pipeline/respond/settle.ts";
import { afterwards, behind, leaveReceipt, type OrderOutcome, tried, undo } from "#shared/pipeline/respond/undo.ts";
import { playbooks } from "#shared/playbooks/index.ts";
import { modeNow } from "#shared/policy/modes.ts";
import type { Write } from "#shared/ports/table.ts";

/** While the kill switch is on, nobody is ended by time: looked at again after this. */
const PAUSED_MS = 10 * 60_000;

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
  const key = actionKey(action, plan.params);
  const there = await table.get(orderKey(incident, "expire", target, key), signal);
  if (there !== null && readOrder(there).state === "given") return [];
  // One that was carried before: it was done anew, and the time begins anew.
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
    ...(claim.under === undefined ? {} : { under: claim.under }),
  };
  const when = there === null ? ({ kind: "absent" } as const) : ({ kind: "version", version: there.version } as const);
  return [{ op: "put", item: orderItem(order, (there?.version ?? 0) + 1, nowMs), when }];
}

/** What is due by time: taken back, ended, or asked about, as the playbook says. Never returns an offender to service. */
export async function expire(order: OrderBody, ports: RespondPorts, signal: AbortSignal): Promise<OrderOutcome> {
  const found = await behind(order, ports, signal);
  if (!("held" in found)) return found;
  const { held, again } = found;
  const { claim } = held;
  const { expiry } = playbooks[claim.action];
  const afterMs = expiry?.afterMs(claim.plan) ?? null;
  if (expiry === undefined || afterMs === null) return { because: "it does not expire", againAtMs: null };
  if (expiry.by === "undo") return await undo(order, ports, signal, "undone");
  if (expiry.by(claim.plan) === "ask") return await ask(order, claim, afterMs, "a person decides", ports, signal);
  const objection = await objectionToEnd(order, claim.cluster, ports, signal);
  if (objection !== null) return await ask(order, claim, afterMs, objection, ports, signal);
  // A pause stops what ends somebody, by time too.
  const paused = await pausedNow(claim.cluster, ports, signal);
  if (paused !== null) return { because: `its time is over, and ${paused}`, againAtMs: ports.clock.now() + PAUSED_MS };
  const { end } = expiry;
  if (end === undefined) throw new Error(`${claim.action} says that it ends by time, and not how`);
  const reach = reachOf(claim.cluster, ports);
  const seen =
    reach === null
      ? ({ kind: "failed", because: `cluster ${claim.cluster} is no longer in falco-responder.yml` } as const)
      : await tried(() => end(claim.plan, claim.kept ?? {}, reach, signal));
  await leaveReceipt(order, held, again, seen, ports, signal, "ended");
  ports.telemetry.count("Expired", 1, { action: claim.action, outcome: seen.kind });
  return afterwards(seen, ports.clock.now());
}

/** Why time alone must not end anybody now; null: it may. Who had to say yes to the isolation is asked about its end, too. */
async function objectionToEnd(
  { incident, target, key, rule }: OrderBody,
  cluster: string,
  { table, policy, registry }: RespondPorts,
  signal: AbortSignal,
): Promise<string | null> {
  if (modeNow(policy, registry.clusters.find(({ name }) => name === cluster) ?? null, rule) !== "enforce")
    return "the policy no longer enforces, so a person decides";
  const approval = await table.get(orderKey(incident, "approve", target, key), signal);
  return approval === null ? null : "a person approved it, so a person decides about its end";
}

/** People decide: a question to terminate the target, which stays as it is; asked again when as much time has passed again. */
async function ask(
  order: OrderBody,
  claim: Claim,
  afterMs: number,
  why: string,
  ports: RespondPorts,
  signal: AbortSignal,
): Promise<OrderOutcome> {
  const { table, clock, policy } = ports;
  const { incident, target } = order;
  const nowMs = clock.now();
  const action = { action: "kubernetes:terminate", params: {}, mode: "approve", evidence: "best-effort" } as const;
  const earlier = await table.get(orderKey(incident, "approve", target, action.action), signal);
  const state = earlier === null ? null : readOrder(earlier).state;
  const because = `its time was over at ${iso(order.atMs)}: ${why}, and it stays as it is until then`;
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
    ...toldApart(claim.plan),
  };
  await settle({ receipt, incident, alert: claim.alert, channels: claim.channels, telling: "final", claim: null, along }, ports, signal);
  return again;
}
