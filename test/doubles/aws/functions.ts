import { setTimeout as sleep } from "node:timers/promises";
import { AwsFailure, notModelled } from "./failure.ts";
import type { Scope, State } from "./state.ts";

/** https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const PAYLOAD_MAX = 6 * 1_024 * 1_024;

export interface Invoked {
  readonly body: string;
  readonly functionError: string | null;
}

/**
 * https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html : HTTP 200 also when the function itself failed, which X-Amz-Function-Error tells.
 * A name, a partial or a whole ARN. Only RequestResponse is known here.
 */
export async function invoke(state: State, scope: Scope, named: string, type: string, payload: string): Promise<Invoked> {
  if (type !== "RequestResponse") throw notModelled(`Invoke as ${type}`);
  const arn = named.startsWith("arn:") ? named : `arn:aws:lambda:${scope.region}:${scope.account}:function:${named}`;
  const found = state.functions.get(arn);
  if (found === undefined) throw new AwsFailure("ResourceNotFoundException", `Function not found: ${arn}`, 404);
  if (Buffer.byteLength(payload) > PAYLOAD_MAX)
    throw new AwsFailure("RequestTooLargeException", "Request must be smaller than 6291456 bytes.", 413);
  if (found.delayMs > 0) await sleep(found.delayMs);
  try {
    return { body: found.answer(payload), functionError: null };
  } catch (thrown) {
    if (!(thrown instanceof Error)) throw thrown;
    return { body: JSON.stringify({ errorType: thrown.name, errorMessage: thrown.message, trace: [] }), functionError: "Unhandled" };
  }
}
