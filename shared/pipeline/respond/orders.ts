import { ACTION_FACTS, type ActionName } from "#shared/domain/action.ts";
import type { Workload } from "#shared/domain/workload.ts";
import { type OrderBody, orderItem, readOrder } from "#shared/ledger/order.ts";
import { act } from "#shared/pipeline/respond/act.ts";
import { expire } from "#shared/pipeline/respond/expiry.ts";
import type { RespondPorts } from "#shared/pipeline/respond/ports.ts";
import { reachOf } from "#shared/pipeline/respond/reach.ts";
import { recordedIn } from "#shared/pipeline/respond/record.ts";
import { type OrderOutcome, undo } from "#shared/pipeline/respond/undo.ts";
import { underServiceTags } from "#shared/playbooks/ecs/marks-of-service.ts";
import { look } from "#shared/playbooks/index.ts";
import { protectionOf } from "#shared/policy/guards.ts";

/** What became of an order. left: nothing to do now (not given, not due, or carried before). */
export type Carried = { readonly kind: "carried"; readonly because: string } | { readonly kind: "left"; readonly because: string };

/**
 * Carries out what a person asked for. Repeated at will: claims and the state of the world keep it from happening twice. Throws a retryable
 * PipelineError when it must come again.
 */
export async function carryOrder(incident: string, item: string, ports: RespondPorts, signal: AbortSignal): Promise<Carried> {
  const key = { pk: `INCIDENT#${incident}`, sk: item };
  const found = await ports.table.get(key, signal);
  if (found === null) return { kind: "left", because: "the ledger has no such order" };
  const order = readOrder(found);
  if (order.state !== "given") return { kind: "left", because: `the order is ${order.state}` };
  if (!ports.lanes.includes(order.lane)) return { kind: "left", because: `the order is for lane ${order.lane}` };
  if (order.atMs > ports.clock.now()) return { kind: "left", because: `not before ${new Date(order.atMs).toISOString()}` };
  const outcome = await CARRY[order.verb](order, ports, signal);
  const nowMs = ports.clock.now();
  // Not lost when this fails: the order is still given, and comes again.
  const next: OrderBody =
    outcome.againAtMs === null
      ? // What was held though a person said yes is asked again by the next alert.
        { ...order, state: outcome.isHeld === true ? "expired" : "carried", because: outcome.because }
      : { ...order, because: outcome.because, atMs: outcome.againAtMs };
  await ports.table.transact(
    [{ op: "put", item: orderItem(next, found.version + 1, nowMs), when: { kind: "version", version: found.version } }],
    signal,
  );
  ports.telemetry.info("Order carried", { incident, order: item, because: outcome.because, again: outcome.againAtMs });
  return { kind: "carried", because: outcome.because };
}

const CARRY: Readonly<Record<OrderBody["verb"], (order: OrderBody, ports: RespondPorts, signal: AbortSignal) => Promise<OrderOutcome>>> = {
  approve: approved,
  undo,
  expire,
};

/** The target is looked at again, now: what was planned for somebody else, or for what is protected since, is not done. */
async function approved(order: OrderBody, ports: RespondPorts, signal: AbortSignal): Promise<OrderOutcome> {
  const { incident, alert, action, rule } = order;
  const recorded = await recordedIn(incident, alert, ports.table, signal);
  if (recorded.target === null) return { because: "the target is no longer known", againAtMs: null };
  const objection = await objectionTo(recorded.target.workload, action.action, ports, signal);
  const approval = { objection, askedAtMs: order.askedAtMs, decidedAtMs: order.decidedAtMs };
  const because = `approved by ${order.by ?? "(nobody)"}`;
  const acted = await act(recorded, { kind: "act", action, rule, because, approval }, ports, signal);
  return { because: objection === null ? acted : `${acted}: ${objection}`, againAtMs: null, isHeld: acted === "held" };
}

/** Why what was approved is not done to this target now; null: it is. */
async function objectionTo(workload: Workload, action: ActionName, ports: RespondPorts, signal: AbortSignal): Promise<string | null> {
  const reach = reachOf(workload.cluster, ports);
  if (reach === null) return `cluster ${workload.cluster} is no longer in falco-responder.yml`;
  const seen = await look(workload, reach.cluster, reach.access, signal);
  // As it is now, and as it was decided on: a task that has ended has lost its tags, and ECS may have forgotten it. Its service lives on.
  const service = seen.kind === "found" ? null : await underServiceTags(workload, reach, signal);
  const protection =
    [seen.kind === "unverified" ? null : seen.workload, workload, service]
      .map((one) => (one === null ? null : protectionOf(ports.policy, one)))
      .find((because) => because !== null) ?? null;
  return protection ?? (seen.kind !== "found" && !ACTION_FACTS[action].outlives ? seen.because : null);
}
