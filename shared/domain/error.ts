/** What may be wrong with the world, and whether trying again can help. */
const RETRYABLE = {
  aws_throttled: true,
  aws_unreachable: true,
  aws_denied: false,
  aws_rejected: false,
  kube_throttled: true,
  kube_unreachable: true,
  kube_unauthorized: false,
  kube_forbidden: false,
  kube_rejected: false,
  ledger_contention: true,
  channel_unavailable: true,
  config_invalid: false,
  message_invalid: false,
  timed_out: true,
  /** A precondition is awaited, such as a stop that must be seen first. */
  not_yet: true,
} as const;

export type ErrorCode = keyof typeof RETRYABLE;

/** The world is broken. Never used for a "no" (that is data). Adapters translate foreign errors into it once, with the cause. */
export class PipelineError extends Error {
  override readonly name = "PipelineError";
  readonly code: ErrorCode;
  readonly retryable: boolean;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.retryable = RETRYABLE[code];
  }
}

/** The text of anything that was thrown. */
export const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));
