import { actionKey, laneOf } from "#shared/domain/action.ts";
import { versionsOf } from "#shared/domain/versions.ts";
import type { Workload } from "#shared/domain/workload.ts";
import type { AlertBody, IncidentBody } from "#shared/ledger/incident.ts";
import { claimKey, orderKey } from "#shared/ledger/keys.ts";
import { type OrderBody, orderItem, readOrder } from "#shared/ledger/order.ts";
import type { RespondPorts } from "#shared/pipeline/respond/ports.ts";
import { readClaim } from "#shared/pipeline/respond/settle.ts";
import type { Table, Write } from "#shared/ports/table.ts";

/**
 * What a person is to be asked about this alert: once per action and target, and again when nobody had answered in time, or when what was
 * approved was not done.
 */
export async function orderWrites(
  { incident, generation }: Pick<IncidentBody, "incident" | "generation">,
  body: AlertBody,
  workload: Workload,
  { table, clock, policy, registry }: RespondPorts,
  signal: AbortSignal,
): Promise<readonly Write[]> {
  const writes: Write[] = [];
  for (const decision of body.decisions) {
    if (decision.kind !== "await-approval") continue;
    const { action, rule } = decision;
    const key = actionKey(action.action, action.params);
    const there = await table.get(orderKey(incident, "approve", workload.uid, key), signal);
    if (there !== null && !(await isOpenAgain(readOrder(there), generation, table, signal))) continue;
    const nowMs = clock.now();
    const order: OrderBody = {
      verb: "approve",
      state: "awaiting",
      incident,
      target: workload.uid,
      key,
      action,
      rule,
      alert: body.alert.id,
      channels: body.channels,
      lane: laneOf(action.action, workload.kind),
      askedAtMs: nowMs,
      atMs: nowMs + policy.approvalSeconds * 1_000,
      by: null,
      decidedAtMs: null,
      sent: 0,
      because: null,
      under: versionsOf({ policy, registry }),
    };
    const when = there === null ? ({ kind: "absent" } as const) : ({ kind: "version", version: there.version } as const);
    writes.push({ op: "put", item: orderItem(order, (there?.version ?? 0) + 1, nowMs), when });
  }
  return writes;
}

/** As with what needs no approval: one failure must not spare an offender for as long as its alerts keep the incident open. */
async function isOpenAgain({ state, target, key }: OrderBody, generation: number, table: Table, signal: AbortSignal): Promise<boolean> {
  if (state !== "carried") return state === "expired";
  const item = await table.get(claimKey(target, key, generation), signal);
  const claim = item === null ? null : readClaim(item).claim;
  return claim !== null && (claim.state === "failed" || claim.state === "refused");
}
