import type { EscalationStep } from "#shared/domain/policy.ts";
import { expiry, iso, KEEP_INCIDENT_S, pack, unpack } from "#shared/ledger/items.ts";
import { incidentPk } from "#shared/ledger/keys.ts";
import type { Item, Key } from "#shared/ports/table.ts";

/** Body of INCIDENT / ESCALATION#: an action that failed, or of which nobody knows what became of it, and who else is told while nobody answers. */
export interface EscalationBody {
  readonly incident: string;
  /** Uid of the target. */
  readonly target: string;
  /** `actionKey`. */
  readonly key: string;
  readonly outcome: "failed" | "unknown";
  readonly because: string;
  readonly sinceMs: number;
  readonly steps: readonly EscalationStep[];
  /** So many steps were told. */
  readonly told: number;
}

export const escalationKey = (incident: string, target: string, key: string): Key => ({
  pk: incidentPk(incident),
  sk: `ESCALATION#${target}#${key}`,
});

/** When the next step is to be told; null: none is left. */
export const stepDueMs = (sinceMs: number, steps: readonly EscalationStep[], told: number): number | null => {
  const next = steps[told];
  return next === undefined ? null : sinceMs + next.afterSeconds * 1_000;
};

/** `over`: somebody answered, or there is nothing to answer any more. */
export function escalationItem(body: EscalationBody, version: number, nowMs: number, over = false): Item {
  const dueMs = over ? null : stepDueMs(body.sinceMs, body.steps, body.told);
  return pack(escalationKey(body.incident, body.target, body.key), "escalation", version, nowMs, body, {
    due: dueMs === null ? undefined : iso(dueMs),
    expires: expiry(nowMs, KEEP_INCIDENT_S),
  });
}

export const readEscalation = (item: Item): EscalationBody => unpack<EscalationBody>(item, "escalation");
