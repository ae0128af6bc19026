import { type Actor, actorText } from "#shared/domain/actor.ts";
import type { Answer } from "#shared/pipeline/operate/answer.ts";
import { ofIncident } from "#shared/pipeline/operate/incident.ts";
import { list } from "#shared/pipeline/operate/list.ts";
import { mute, mutes, unmute } from "#shared/pipeline/operate/mute.ts";
import type { OperatePorts } from "#shared/pipeline/operate/ports.ts";
import { status, turn } from "#shared/pipeline/operate/switch.ts";
import type { AnyRequest, FleetRequest, OperateRequest } from "#shared/wire/operate.ts";

export type { ActionView, Answer, IncidentRow, IncidentSummary, MuteView } from "#shared/pipeline/operate/answer.ts";
export type { OperatePorts } from "#shared/pipeline/operate/ports.ts";

/** What only looks: nothing is written, and nothing is counted. */
const LOOKS: readonly AnyRequest["verb"][] = ["show", "list", "mutes", "status"];

/**
 * Answers what a person asks; what they decide is written down and sent to the lane that has the rights. `by`: made only from what AWS or
 * Slack vouches for.
 */
export async function operate(request: AnyRequest, by: Actor, ports: OperatePorts, signal: AbortSignal): Promise<Answer> {
  const answer = isOfIncident(request) ? await ofIncident(request, by, ports, signal) : await ofFleet(request, by, ports, signal);
  const { verb } = request;
  if (LOOKS.includes(verb)) return answer;
  const isAccepted = answer.kind !== "refused";
  ports.telemetry.info("Operated", { ...request, by: actorText(by), accepted: isAccepted });
  ports.telemetry.count("Operated", 1, { verb, outcome: isAccepted ? "accepted" : "refused" });
  return answer;
}

const OF_INCIDENT: readonly AnyRequest["verb"][] = ["show", "approve", "deny", "undo", "release"] satisfies OperateRequest["verb"][];
const isOfIncident = (request: AnyRequest): request is OperateRequest => OF_INCIDENT.includes(request.verb);

async function ofFleet(request: FleetRequest, by: Actor, ports: OperatePorts, signal: AbortSignal): Promise<Answer> {
  switch (request.verb) {
    case "list":
      return await list(request, ports, signal);
    case "mute":
      return await mute(request, by, ports, signal);
    case "unmute":
      return await unmute(request, by, ports, signal);
    case "mutes":
      return { kind: "mutes", mutes: await mutes(ports, true, signal) };
    case "pause":
    case "resume":
      return await turn(request, by, ports, signal);
    case "status":
      return await status(ports, signal);
  }
}
