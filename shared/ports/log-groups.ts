/** CloudWatch Logs of this account and Region, as a second way to what the subscription should have delivered. Errors: PipelineError `aws_*`. */
export interface LogGroups {
  /**
   * GetMetricData of `IncomingLogEvents`: minute (ms / 60,000) in which CloudWatch took events in -> how many. Complete a few minutes later.
   * https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch-Logs-Monitoring-CloudWatch-Metrics.html
   */
  received(logGroup: string, fromMs: number, toMs: number, signal: AbortSignal): Promise<ReadonlyMap<number, number>>;
  /** FilterLogEvents by the events' own timestamps, `toMs` not included, oldest first; one page. Null: there is no such group. */
  list(logGroup: string, fromMs: number, toMs: number, next: string | null, signal: AbortSignal): Promise<Page | null>;
}

export interface Page {
  readonly events: readonly ListedEvent[];
  /** For the next page; null: this is the last. */
  readonly next: string | null;
}

export interface ListedEvent {
  /** As a subscription gives it. */
  readonly id: string;
  readonly logStream: string;
  readonly timestamp: number;
  /** When CloudWatch took it in, ms. */
  readonly ingestedMs: number;
  readonly message: string;
}
