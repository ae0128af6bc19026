import type { ActionName } from "#shared/domain/action.ts";
import type { Actor } from "#shared/domain/actor.ts";
import type { IncidentBody, ReceiptBody } from "#shared/ledger/incident.ts";
import { unpack } from "#shared/ledger/items.ts";
import type { Done } from "#shared/pipeline/operate/answer.ts";
import type { OperatePorts } from "#shared/pipeline/operate/ports.ts";
import { askUndo } from "#shared/pipeline/operate/undo.ts";
import type { Item } from "#shared/ports/table.ts";
import type { OperateRequest } from "#shared/wire/operate.ts";

/** What leaves the offender running and holds it: taking it back sets the accused one free. */
const HOLDS: readonly ActionName[] = [
  "kubernetes:quarantine",
  "kubernetes:networkpolicy",
  "calico:networkpolicy",
  "cilium:networkpolicy",
  "ecs:isolate-instance",
  "ecs:protect-task",
];

/**
 * Undo, for what holds an offender alone; and it says what that means. People who were told of the isolation are told of its end by the same
 * channels, as of every undoing.
 */
export async function release(
  request: OperateRequest,
  about: IncidentBody,
  items: readonly Item[],
  by: Actor,
  ports: OperatePorts,
  signal: AbortSignal,
): Promise<Done> {
  const holding = items.filter((item) => item.type === "receipt" && HOLDS.includes(unpack<ReceiptBody>(item, "receipt").receipt.action));
  if (holding.length === 0) return `nothing holds anybody in this incident (${HOLDS.join(", ")} would): "undo" takes back other actions`;
  const done = await askUndo(request, about, holding, by, ports, signal);
  if (typeof done === "string") return done;
  const accused = about.rule === null ? "" : ` by policy rule ${about.rule}`;
  return {
    says: `${done.says}. This lets ${about.who}, which was accused${accused}, go as it is: nothing in it was repaired. To end it instead, stop the task or delete the pod`,
  };
}
