import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { askAws, printable } from "#shared/adapters/aws-error.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { UserFunctions } from "#shared/ports/user-functions.ts";

/** One try, and no limit but the caller's: a function may take its time, and must not run twice. */
export const lambdaClient = (region: string): LambdaClient =>
  new LambdaClient({ region, maxAttempts: 1, requestHandler: { connectionTimeout: 2_000 } });

/** https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const TIMEOUT_MAX_MS = 900_000;
/** Of an answer so many bytes are read. */
const BODY_MAX = 65_536;

export function userFunctions(client: Pick<LambdaClient, "send">): UserFunctions {
  return {
    async invoke(functionArn, payload, timeoutMs, signal) {
      if (!Number.isInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > TIMEOUT_MAX_MS)
        throw new RangeError(`a function is waited for 1 to ${TIMEOUT_MAX_MS} ms, not ${timeoutMs}`);
      const what = `Lambda Invoke ${functionArn}`;
      const over = AbortSignal.timeout(timeoutMs);
      const command = new InvokeCommand({ FunctionName: functionArn, InvocationType: "RequestResponse", Payload: Buffer.from(payload) });
      try {
        const answer = await client.send(command, { abortSignal: AbortSignal.any([signal, over]) });
        const body = textOf(answer.Payload);
        return answer.FunctionError === undefined
          ? { kind: "answered", body }
          : { kind: "function-error", error: printable(errorIn(body) ?? answer.FunctionError) };
      } catch (thrown) {
        // Nothing that came is an answer: a cut connection says nothing of the function.
        if (over.aborted || signal.aborted)
          throw new PipelineError("timed_out", `${what}: no answer within its time; it may have run all the same`, { cause: thrown });
        return await askAws(what, () => Promise.reject(thrown));
      }
    },
  };
}

/** Without the character that the limit cuts in two. The SDK gives null for an answer without a body, whatever its type says. */
const textOf = (payload: Uint8Array | null | undefined): string =>
  payload === null || payload === undefined
    ? ""
    : new TextDecoder().decode(payload.subarray(0, BODY_MAX), { stream: payload.length > BODY_MAX });

/** `errorType: errorMessage` of a failed function; null: it says nothing that can be read. https://docs.aws.amazon.com/lambda/latest/dg/nodejs-exceptions.html */
function errorIn(body: string): string | null {
  try {
    const error: unknown = JSON.parse(body);
    if (typeof error !== "object" || error === null) return null;
    const { errorType, errorMessage } = error as { readonly errorType?: unknown; readonly errorMessage?: unknown };
    const words = [errorType, errorMessage].filter((word) => typeof word === "string" && word !== "");
    return words.length === 0 ? null : words.join(": ");
  } catch {
    return null;
  }
}
