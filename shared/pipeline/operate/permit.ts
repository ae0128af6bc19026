import { type Actor, actorText } from "#shared/domain/actor.ts";
import type { Entitlement } from "#shared/domain/person.ts";
import type { Registry } from "#shared/domain/registry.ts";
import { mayDo, type Permission, type What } from "#shared/policy/people.ts";
import type { Telemetry } from "#shared/ports/telemetry.ts";

export interface PermitPorts {
  /** Its `people`: absent or empty: IAM alone decides, and Slack decides nothing. */
  readonly registry: Registry;
  readonly telemetry: Telemetry;
}

/** Whether they may, for every verb and way in; a no is counted and written down. */
export function permit(actor: Actor, verb: Entitlement, what: What, { registry, telemetry }: PermitPorts): Permission {
  const permission = mayDo(registry.people ?? [], actor, verb, what);
  if (permission.kind === "refused") {
    telemetry.warn("Not entitled", { verb, actor: actorText(actor), ...what, because: permission.because });
    telemetry.count("NotEntitled", 1, { verb, way: actor.kind });
  }
  return permission;
}

/** What an answer begins with where people are known: who it was. */
export const byWhom = ({ registry }: Pick<PermitPorts, "registry">, person: string, did: string): string =>
  (registry.people ?? []).length === 0 ? "" : `${person} ${did}. `;
