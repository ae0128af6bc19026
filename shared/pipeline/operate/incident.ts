import { type Actor, actorText } from "#shared/domain/actor.ts";
import type { IncidentBody } from "#shared/ledger/incident.ts";
import { unpack } from "#shared/ledger/items.ts";
import { metaKey } from "#shared/ledger/keys.ts";
import { type Answer, type Done, refused } from "#shared/pipeline/operate/answer.ts";
import { type Answering, decide } from "#shared/pipeline/operate/decide.ts";
import type { OperatePorts } from "#shared/pipeline/operate/ports.ts";
import { release } from "#shared/pipeline/operate/release.ts";
import { itemsOf, summaryOf } from "#shared/pipeline/operate/summary.ts";
import { askUndo } from "#shared/pipeline/operate/undo.ts";
import type { Item } from "#shared/ports/table.ts";
import type { AnyRequest } from "#shared/wire/operate.ts";

/** Verbs about one incident: what a person decides is written down and sent to the lane that has the rights. */
export async function operateIncident(request: Answering, by: Actor, ports: OperatePorts, signal: AbortSignal): Promise<Answer> {
  const answer = await ofIncident(request, by, ports, signal);
  if (request.verb !== "show") tellOperated(request, by, answer, ports);
  return answer;
}

/** Who asked for what, and what became of it. */
export function tellOperated(request: AnyRequest, by: Actor, { kind }: Answer, { telemetry }: OperatePorts): void {
  telemetry.info("Operated", { ...request, by: actorText(by), accepted: kind !== "refused" });
  telemetry.count("Operated", 1, { verb: request.verb, outcome: kind === "refused" ? "refused" : "accepted" });
}

async function ofIncident(request: Answering, by: Actor, ports: OperatePorts, signal: AbortSignal): Promise<Answer> {
  const { table } = ports;
  const { verb, incident } = request;
  const meta = await table.get(metaKey(incident), signal);
  if (meta === null) return refused(`there is no incident ${incident}`);
  const about = unpack<IncidentBody>(meta, "incident");
  const items = await itemsOf(incident, table, signal);
  const summary = summaryOf(about, items);
  if (verb === "show") return { kind: "shown", summary };
  const done = await carry(request, about, items, by, ports, signal);
  return typeof done === "string"
    ? { kind: "refused", because: done, summary }
    : { kind: "accepted", says: done.says, summary: summaryOf(about, await itemsOf(incident, table, signal)) };
}

function carry(
  request: Answering,
  about: IncidentBody,
  items: readonly Item[],
  by: Actor,
  ports: OperatePorts,
  signal: AbortSignal,
): Promise<Done> {
  if (request.verb === "undo") return askUndo(request, about, items, by, ports, signal);
  if (request.verb === "release") return release(request, about, items, by, ports, signal);
  return decide(request, about, items, by, ports, signal);
}
