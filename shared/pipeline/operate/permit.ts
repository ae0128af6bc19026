import { type Actor, actorText } from "#shared/domain/actor.ts";
import type { Entitlement, Person } from "#shared/domain/person.ts";
import { mayDo, type Permission, type What } from "#shared/policy/people.ts";
import type { Telemetry } from "#shared/ports/telemetry.ts";

export interface PermitPorts {
  /** Of falco-responder.yml; empty: IAM alone decides, and Slack decides nothing. */
  readonly people: readonly Person[];
  readonly telemetry: Telemetry;
}

/** Whether they may, for every verb and way in; a no is counted and written down. */
export function permit(actor: Actor, verb: Entitlement, what: What, { people, telemetry }: PermitPorts): Permission {
  const permission = mayDo(people, actor, verb, what);
  if (permission.kind === "refused") {
    telemetry.warn("Not entitled", { verb, actor: actorText(actor), ...what, because: permission.because });
    telemetry.count("NotEntitled", 1, { verb, way: actor.kind });
  }
  return permission;
}
