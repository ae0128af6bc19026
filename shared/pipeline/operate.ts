import { type Actor, actorText } from "#shared/domain/actor.ts";
import type { IncidentBody } from "#shared/ledger/incident.ts";
import { unpack } from "#shared/ledger/items.ts";
import { metaKey } from "#shared/ledger/keys.ts";
import type { Answer } from "#shared/pipeline/operate/answer.ts";
import { decide } from "#shared/pipeline/operate/decide.ts";
import type { OperatePorts } from "#shared/pipeline/operate/ports.ts";
import { itemsOf, summaryOf } from "#shared/pipeline/operate/summary.ts";
import { askUndo } from "#shared/pipeline/operate/undo.ts";
import type { OperateRequest } from "#shared/wire/operate.ts";

export type { ActionView, Answer, IncidentSummary } from "#shared/pipeline/operate/answer.ts";
export type { OperatePorts } from "#shared/pipeline/operate/ports.ts";

/** Records what a person decided, and sends it to the lane that has the rights. `by`: made only from what AWS or Slack vouches for. */
export async function operate(request: OperateRequest, by: Actor, ports: OperatePorts, signal: AbortSignal): Promise<Answer> {
  const { table, telemetry } = ports;
  const meta = await table.get(metaKey(request.incident), signal);
  if (meta === null) return { kind: "refused", because: `there is no incident ${request.incident}`, summary: null };
  const about = unpack<IncidentBody>(meta, "incident");
  const items = await itemsOf(request.incident, table, signal);
  const summary = summaryOf(about, items);
  if (request.verb === "show") return { kind: "shown", summary };
  const refuse = (because: string): Answer => ({ kind: "refused", because, summary });
  const done =
    request.verb === "undo" ? await askUndo(request, about, items, by, ports, signal) : await decide(request, items, by, ports, signal);
  telemetry.info("Operated", { verb: request.verb, incident: request.incident, by: actorText(by), accepted: typeof done !== "string" });
  telemetry.count("Operated", 1, { verb: request.verb, outcome: typeof done === "string" ? "refused" : "accepted" });
  return typeof done === "string"
    ? refuse(done)
    : { kind: "accepted", says: done.says, summary: summaryOf(about, await itemsOf(request.incident, table, signal)) };
}
