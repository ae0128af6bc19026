import type { Decision } from "#shared/domain/decision.ts";
import type { QueueEntry } from "#shared/domain/queue-entry.ts";
import type { Resolution } from "#shared/domain/workload.ts";
import type { RecurrenceState } from "#shared/policy/recurrence.ts";

/** What is to be recorded of one alert. */
export interface Verdict {
  readonly entry: QueueEntry;
  /** Owner, workload, container or host. */
  readonly who: string;
  /** The policy rule that names the incident: the first that wants an action, else the first. Null: told though none matched. */
  readonly rule: string | null;
  readonly rules: readonly string[];
  readonly decisions: readonly Decision[];
  readonly resolution: Resolution | null;
  readonly channels: readonly string[];
  /** Steps up the ladder of recurrence as they become; null: none was taken. */
  readonly climbs: RecurrenceState["climbs"] | null;
  /** What thresholds say, in words: "rule ..: counted, 3 of 5 within 300 s". */
  readonly counted: readonly string[];
}

/** No rule matches (yet), and there is nothing to tell. */
export interface Unmatched {
  readonly entry: null;
  readonly counted: readonly string[];
}
