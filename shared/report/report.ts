import type { PolicyRule } from "#shared/domain/policy.ts";
import type { Versions } from "#shared/domain/versions.ts";

/**
 * One incident, from the syscall to the undo (infra/schemas/report.json). Made from the ledger when it is asked for; all texts are as redaction
 * leaves them and otherwise raw: whoever shows them makes them inert. Times are ISO 8601 UTC with ms, null where nothing says.
 */
export interface IncidentReport {
  readonly schema: "falco-responder/report/1";
  readonly madeAt: string;
  readonly incident: string;
  readonly state: "open" | "closed";
  readonly cluster: string | null;
  readonly who: string;
  readonly rule: string | null;
  readonly generation: number;
  readonly openedAt: string;
  readonly closedAt: string | null;
  /** Alerts that it stands for: at least so many. */
  readonly count: number;
  readonly alerts: readonly AlertPart[];
  /** Alerts of the ledger that are not in this report: the first and the last of very many are. */
  readonly alertsLeftOut: number;
  readonly targets: readonly TargetPart[];
  readonly policies: readonly PolicyPart[];
  readonly questions: readonly QuestionPart[];
  readonly actions: readonly ActionPart[];
  readonly told: readonly ToldPart[];
  readonly timeline: readonly Moment[];
  readonly record: RecordPart;
}

export interface AlertPart {
  readonly id: string;
  readonly rule: string;
  readonly priority: string;
  /** Falco's own text. */
  readonly time: string | null;
  readonly node: string | null;
  readonly output: string | null;
  readonly containerId: string | null;
  /** From the offender upwards, as far as fields say. */
  readonly processes: readonly { readonly name: string; readonly pid: string | null; readonly command: string | null }[];
  readonly user: string | null;
  readonly accuser: {
    readonly verified: boolean;
    /** Why it was believed, or not. */
    readonly because: string;
    readonly account: string;
    readonly logGroup: string;
    readonly logStream: string;
    readonly eventId: string;
    readonly eventAt: string | null;
    /** Key in the unreadable bucket, of an event that was too large for the queue. */
    readonly wholeAt: string | null;
  };
  readonly count: number;
  readonly receivedAt: string | null;
  readonly decidedAt: string;
  readonly matched: readonly string[];
  readonly decisions: readonly { readonly kind: string; readonly action: string; readonly rule: string; readonly because: string }[];
  readonly target: string | null;
  readonly under: Versions | null;
}

export interface TargetPart {
  readonly uid: string;
  readonly name: string;
  readonly kind: string;
  readonly cluster: string;
  readonly owner: string | null;
  readonly image: string | null;
  /** How it was verified. */
  readonly how: string;
}

/** The policy rule as it stood in the version that was in force. */
export interface PolicyPart {
  readonly versions: Versions;
  readonly name: string;
  readonly rule: PolicyRule | null;
  /** Object of the audit bucket; or why there is no text. */
  readonly from: string;
}

export interface QuestionPart {
  readonly verb: string;
  readonly action: string;
  readonly target: string;
  readonly state: string;
  readonly askedAt: string;
  readonly by: string | null;
  readonly decidedAt: string | null;
  readonly because: string | null;
  /** expire: when its time is over. approve: until when an answer counts. */
  readonly until: string | null;
}

export interface ActionPart {
  /** `actionKey`. */
  readonly action: string;
  readonly target: string;
  readonly undoing: boolean;
  readonly outcome: string;
  readonly because: string;
  readonly claimedAt: string | null;
  readonly requestedAt: string | null;
  readonly verifiedAt: string | null;
  readonly settledAt: string;
  readonly evidence:
    | { readonly kind: "kept"; readonly key: string; readonly sha256: string }
    | { readonly kind: "failed" | "none"; readonly because: string | null };
  /** What it hits besides, and does not cut. */
  readonly remarks: readonly string[];
  readonly undo: string;
  readonly under: Versions | null;
  readonly latency: Latency;
}

/** Milliseconds; null: one of both moments is not known. */
export interface Latency {
  readonly syscallToReceived: number | null;
  readonly receivedToDecided: number | null;
  readonly decidedToRequested: number | null;
  readonly requestedToVerified: number | null;
  readonly verifiedToTold: number | null;
}

export interface ToldPart {
  readonly channel: string;
  readonly phase: string;
  readonly target: string | null;
  readonly state: string;
  readonly at: string;
  readonly attempts: number;
  readonly because: string | null;
}

export interface Moment {
  readonly at: string;
  readonly what: string;
  /** Since the first syscall, ms. */
  readonly sinceMs: number | null;
}

/** What of all this stands in the locked bucket. */
export interface RecordPart {
  readonly objects: readonly { readonly key: string; readonly sha256: string; readonly records: number }[];
  /** Versions of items that say all this and are in no object (yet: the record is up to a minute behind). */
  readonly notRecorded: readonly string[];
  /** With `--verify`: each object was read again. */
  readonly verified: readonly Verified[] | null;
}

export interface Verified {
  readonly what: "audit" | "evidence" | "item";
  readonly name: string;
  /** matches: read, and its hash is the one that was written down. differs: it is not. missing: there is none, or it may not be read. left: more than one look reads. */
  readonly result: "matches" | "differs" | "missing" | "left";
}
