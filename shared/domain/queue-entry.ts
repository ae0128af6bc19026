import type { Alert } from "#shared/domain/alert.ts";

/** What ingest hands to respond: one alert, standing for `count` similar ones of one batch. A message body of the alert queues. */
export interface QueueEntry {
  readonly schema: "falco-responder/queue-entry/1";
  readonly alert: Alert;
  /** Registry name; null when no entry binds this log group and stream. */
  readonly cluster: string | null;
  readonly accuser: Accuser;
  readonly sensor: Sensor;
  /** Names of the policy rules that match as far as the alert alone can tell. */
  readonly rules: readonly string[];
  readonly policyVersion: string;
  /** Similar alerts (same cluster, container, rule, priority, policy rules) in this batch, this one included. */
  readonly count: number;
  /** When they happened, ms, ascending, the newest 100; only where a policy rule counts alerts (`match.threshold`). */
  readonly times?: readonly number[];
  /** `COUNT#<similar>` in the ledger holds the true counts of all batches: messages of one minute are one for the queue. */
  readonly similar?: string;
  /** Identity of the batch, the same when CloudWatch or Lambda delivers it again. */
  readonly batch: string;
  readonly receivedMs: number;
  /** Told although no policy rule matched: a forged line, an orphan fragment. Such an entry never acts. */
  readonly tell: string | null;
  /** Key in the unreadable bucket of the whole raw event when it was too large for the queue and texts here were cut. */
  readonly wholeAt: string | null;
}

/** Who says so. Only `verified` may accuse. */
export interface Accuser {
  readonly account: string;
  readonly logGroup: string;
  readonly logStream: string;
  readonly eventId: string;
  /** CloudWatch's time of the event, ms since the epoch: with it and the id the raw line is found again. Absent: read by an earlier version. */
  readonly eventTimeMs?: number;
  readonly verified: boolean;
  /** Why not, in words for a person; null when verified. */
  readonly because: string | null;
}

/** Falco's own task, instance and pod as the shipper names them: never the target. */
export interface Sensor {
  readonly taskArn: string | null;
  readonly ecsCluster: string | null;
  readonly ec2InstanceId: string | null;
  readonly pod: string | null;
}
