import type { Actor } from "#shared/domain/actor.ts";
import type { Answer } from "#shared/pipeline/operate/answer.ts";
import { operateIncident, tellOperated } from "#shared/pipeline/operate/incident.ts";
import { list } from "#shared/pipeline/operate/list.ts";
import { mute, mutes, unmute } from "#shared/pipeline/operate/mute.ts";
import type { FleetPorts } from "#shared/pipeline/operate/ports.ts";
import { status, turn } from "#shared/pipeline/operate/switch.ts";
import type { AnyRequest, FleetRequest, OperateRequest } from "#shared/wire/operate.ts";

export type { ActionView, Answer, IncidentRow, IncidentSummary, MuteView } from "#shared/pipeline/operate/answer.ts";
export type { FleetPorts, OperatePorts } from "#shared/pipeline/operate/ports.ts";

/** What only looks: nothing is written, and nothing is counted. */
const LOOKS: readonly FleetRequest["verb"][] = ["list", "mutes", "status"];

/** Answers what a person asks. `by`: made only from what AWS or Slack vouches for. */
export async function operate(request: AnyRequest, by: Actor, ports: FleetPorts, signal: AbortSignal): Promise<Answer> {
  if (isOfIncident(request)) return await operateIncident(request, by, ports, signal);
  const answer = await ofFleet(request, by, ports, signal);
  if (!LOOKS.includes(request.verb)) tellOperated(request, by, answer, ports);
  return answer;
}

const OF_INCIDENT: readonly AnyRequest["verb"][] = ["show", "approve", "deny", "undo", "release"] satisfies OperateRequest["verb"][];
const isOfIncident = (request: AnyRequest): request is OperateRequest => OF_INCIDENT.includes(request.verb);

async function ofFleet(request: FleetRequest, by: Actor, ports: FleetPorts, signal: AbortSignal): Promise<Answer> {
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
