import { actionKey, laneOf } from "#shared/domain/action.ts";
import type { Workload } from "#shared/domain/workload.ts";
import type { AlertBody } from "#shared/ledger/incident.ts";
import { orderKey } from "#shared/ledger/keys.ts";
import { type OrderBody, orderItem, readOrder } from "#shared/ledger/order.ts";
import type { RespondPorts } from "#shared/pipeline/respond/ports.ts";
import type { Write } from "#shared/ports/table.ts";

/** What a person is to be asked about this alert: once per action and target, and again when nobody had answered in time. */
export async function orderWrites(
  incident: string,
  body: AlertBody,
  workload: Workload,
  { table, clock, policy }: RespondPorts,
  signal: AbortSignal,
): Promise<readonly Write[]> {
  const writes: Write[] = [];
  for (const decision of body.decisions) {
    if (decision.kind !== "await-approval") continue;
    const { action, rule } = decision;
    const key = actionKey(action.action, action.params);
    const there = await table.get(orderKey(incident, "approve", workload.uid, key), signal);
    if (there !== null && readOrder(there).state !== "expired") continue;
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
    };
    const when = there === null ? ({ kind: "absent" } as const) : ({ kind: "version", version: there.version } as const);
    writes.push({ op: "put", item: orderItem(order, (there?.version ?? 0) + 1, nowMs), when });
  }
  return writes;
}
