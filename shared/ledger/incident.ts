import type { Alert } from "#shared/domain/alert.ts";
import type { Decision } from "#shared/domain/decision.ts";
import type { Accuser } from "#shared/domain/queue-entry.ts";
import type { Receipt } from "#shared/domain/receipt.ts";
import type { Versions } from "#shared/domain/versions.ts";
import type { Workload } from "#shared/domain/workload.ts";

/** Body of SUBJECT / CURRENT: the incident that alerts of the subject belong to now. */
export interface SubjectBody {
  readonly subject: string;
  readonly generation: number;
  readonly incident: string;
}

/** Body of INCIDENT / META. Times in ms since the epoch, of our clock. */
export interface IncidentBody {
  readonly incident: string;
  readonly subject: string;
  readonly generation: number;
  /** Registry name; null for lines that no entry binds. */
  readonly cluster: string | null;
  /** Owner, workload, container or host, for people. */
  readonly who: string;
  /** Policy rule; null when it is told although none matched. */
  readonly rule: string | null;
  readonly state: "open" | "closed";
  readonly firstAlertAtMs: number;
  readonly lastAlertAtMs: number;
  /** Alerts as they reached respond, each with the count of its batch: at least so many. */
  readonly count: number;
  /** Partitions of the COUNT items (`countPk(similar)`) that hold the true count: the queue drops what is similar within a minute. */
  readonly similars: readonly string[];
  readonly closedAtMs: number | null;
}

/** Body of INCIDENT / TARGET#: as the control plane described it when it was first decided on. */
export interface TargetBody {
  readonly workload: Workload;
  readonly how: string;
}

/** Body of INCIDENT / ALERT#: the representative of its batch, as it came. Redacted when it is rendered, not here. */
export interface AlertBody {
  readonly alert: Alert;
  readonly accuser: Accuser;
  /** Similar alerts of its batch, this one included. */
  readonly count: number;
  readonly batch: string;
  readonly tell: string | null;
  readonly wholeAt: string | null;
  /** Every policy rule that matched. */
  readonly rules: readonly string[];
  readonly decisions: readonly Decision[];
  /** Uid of the target; null: none was verified. */
  readonly target: string | null;
  /** Channels to tell. */
  readonly channels: readonly string[];
  readonly decidedAtMs: number;
  /** When ingest read it. */
  readonly receivedMs?: number;
  /** What it was decided under. */
  readonly under?: Versions;
  /** What thresholds of matching rules said: "rule ..: counted, 5 of 5 within 300 s". */
  readonly counted?: readonly string[];
}

/** Body of INCIDENT / RECEIPT#. */
export interface ReceiptBody {
  readonly receipt: Receipt;
  readonly under?: Versions;
}

/** Body of SEEN / RECORD. */
export interface SeenBody {
  readonly incident: string;
}

/** Body of CONTAINER / TARGET. */
export interface ContainerBody {
  readonly incident: string;
  readonly uid: string;
}

/** An incident closes when every receipt is final and nothing came for this long. */
export const QUIET_MS = 30 * 60_000;

/** A new incident of the subject, opened by its first alert. */
export function opened(
  about: Pick<IncidentBody, "incident" | "subject" | "generation" | "cluster" | "who" | "rule">,
  count: number,
  similar: string | undefined,
  nowMs: number,
): IncidentBody {
  const similars = similar === undefined ? [] : [similar];
  return { ...about, state: "open", firstAlertAtMs: nowMs, lastAlertAtMs: nowMs, count, similars, closedAtMs: null };
}

/** An incident of many containers remembers so many partitions; beyond, its count is a lower bound. */
const MOST_SIMILARS = 50;

/** One more alert, standing for `count`. */
export const grown = (incident: IncidentBody, count: number, similar: string | undefined, nowMs: number): IncidentBody => ({
  ...incident,
  count: incident.count + count,
  similars:
    similar === undefined || incident.similars.includes(similar) || incident.similars.length >= MOST_SIMILARS
      ? incident.similars
      : [...incident.similars, similar],
  lastAlertAtMs: Math.max(incident.lastAlertAtMs, nowMs),
});

/** When sweep should look whether it can be closed. */
export const closeDueMs = (incident: IncidentBody): number => incident.lastAlertAtMs + QUIET_MS;

export const closed = (incident: IncidentBody, nowMs: number): IncidentBody => ({ ...incident, state: "closed", closedAtMs: nowMs });
