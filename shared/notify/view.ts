import type { Alert } from "#shared/domain/alert.ts";
import type { Decision } from "#shared/domain/decision.ts";
import type { PolicyAction } from "#shared/domain/policy.ts";
import type { Accuser } from "#shared/domain/queue-entry.ts";
import type { Receipt } from "#shared/domain/receipt.ts";
import type { ClusterKind } from "#shared/domain/registry.ts";
import type { Workload } from "#shared/domain/workload.ts";

export type Phase = "decision" | "outcome";

/** A question to people, as it stands now. */
export interface Question {
  readonly key: string;
  readonly target: string;
  /** With the very parameters that it will run with. */
  readonly action: PolicyAction;
  /** Policy rule. */
  readonly rule: string;
  /** given: enough said yes. carried: it was done, or was found not to be possible. */
  readonly state: "awaiting" | "given" | "carried" | "denied" | "expired";
  readonly askedAtMs: number;
  /** awaiting: over after this. */
  readonly untilMs: number;
  /** Different people that must say yes. */
  readonly quorum: number;
  readonly votes: readonly { readonly says: "yes" | "no"; readonly person: string; readonly atMs: number }[];
}

/** What one notification tells: one target of one incident, as the ledger has it when it is sent. All alert text in it is raw. */
export interface IncidentView {
  readonly incident: string;
  readonly phase: Phase;
  /** Stage of the deployment, for commands; null: not known. */
  readonly stage: string | null;
  /** Policy rule; null when the alert is told although none matched. */
  readonly rule: string | null;
  readonly cluster: { readonly name: string; readonly kind: ClusterKind; readonly awsName: string; readonly region: string } | null;
  /** Region of the log groups: the deployment's own. */
  readonly logRegion: string;
  /** The representative alert; null when it can no longer be read. */
  readonly alert: Alert | null;
  readonly accuser: Accuser | null;
  /** Why it is told although nothing matched. */
  readonly tell: string | null;
  readonly workload: Workload | null;
  readonly decisions: readonly Decision[];
  readonly receipts: readonly Receipt[];
  /** What people were asked about this target, and what they said. */
  readonly questions?: readonly Question[];
  /** People may answer by buttons where the message stands. */
  readonly clickable?: boolean;
  /** Similar alerts of this incident so far, this one and what the queue dropped as repeats included: at least so many. */
  readonly count: number;
  readonly firstAlertAtMs: number | null;
  readonly lastAlertAtMs: number | null;
}
