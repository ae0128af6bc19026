import { PipelineError } from "#shared/domain/error.ts";

const THROTTLED =
  /^(Throttling|ThrottlingException|ThrottledException|RequestThrottled|RequestThrottledException|TooManyRequestsException|RequestLimitExceeded|LimitExceededException|ProvisionedThroughputExceededException|SlowDown|EC2ThrottledException|RequestThrottlingException)$/;
/** Another change of the same thing is under way: IAM and Application Auto Scaling say so with a 4xx, and trying again helps. */
const BUSY =
  /^(ConcurrentUpdateException|ConcurrentModificationException|EntityTemporarilyUnmodifiableException|ResourceConflictException)$/;
const DENIED =
  /^(AccessDenied|AccessDeniedException|UnauthorizedOperation|UnrecognizedClientException|InvalidClientTokenId|ExpiredToken|ExpiredTokenException|RequestExpired|InvalidSignatureException|SignatureDoesNotMatch|CredentialsProviderError|AuthFailure|MissingAuthenticationToken)$/;

/**
 * What an AWS client threw, as a PipelineError with its cause. `what` names the call, in our words ("ECS StopTask in cluster prod").
 * Anything that no AWS client throws is our own bug and comes back as it is.
 */
export function awsError(thrown: unknown, what: string): unknown {
  if (thrown instanceof PipelineError || !(thrown instanceof Error)) return thrown;
  const { message } = thrown;
  const name = errorName(thrown);
  const status = statusOf(thrown);
  const error = (code: ConstructorParameters<typeof PipelineError>[0], text: string) =>
    new PipelineError(code, `${what}: ${text} (${name}: ${message})`, { cause: thrown });
  if (name === "AbortError") return error("timed_out", "given up when its time was over");
  if (THROTTLED.test(name) || status === 429) return error("aws_throttled", "AWS throttles us");
  if (BUSY.test(name)) return error("aws_throttled", "another change is under way");
  if (DENIED.test(name) || status === 401 || status === 403) return error("aws_denied", "AWS refuses the function's role or its session");
  if (name === "TimeoutError") return error("aws_unreachable", "no answer in time");
  if (status !== null && status >= 500) return error("aws_unreachable", `AWS answered ${status}`);
  if (status !== null) return error("aws_rejected", "AWS rejects the request");
  return "code" in thrown && typeof thrown.code === "string" && /^E[A-Z]/.test(thrown.code)
    ? error("aws_unreachable", "no connection")
    : thrown;
}

/** EC2 prefixes some codes with the party at fault. */
const errorName = ({ name }: Error): string => name.replace(/^(Client|Server)\./, "");

/** Is it an error of AWS's with one of these names? */
export const isAws = (thrown: unknown, ...names: readonly string[]): thrown is Error =>
  thrown instanceof Error && names.includes(errorName(thrown));

/** Texts of AWS or of a user's function, for a reason: printable ASCII, cut. */
export const printable = (text: string, most = 300): string => text.replace(/[^ -~]/g, "?").slice(0, most);

/** Runs a call and translates what it throws. */
export async function askAws<T>(what: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (thrown) {
    throw awsError(thrown, what);
  }
}

function statusOf(thrown: Error): number | null {
  if (!("$metadata" in thrown) || typeof thrown.$metadata !== "object" || thrown.$metadata === null) return null;
  const { $metadata } = thrown;
  return "httpStatusCode" in $metadata && typeof $metadata.httpStatusCode === "number" ? $metadata.httpStatusCode : null;
}
