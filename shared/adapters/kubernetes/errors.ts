import { printable } from "#shared/adapters/aws-error.ts";
import type { Answer, Ask } from "#shared/adapters/kubernetes/ask.ts";
import type { Advice } from "#shared/adapters/kubernetes/endpoint.ts";
import { rbacFiles } from "#shared/adapters/kubernetes/features.ts";
import { PipelineError } from "#shared/domain/error.ts";

/** Node's and OpenSSL's names for a server's certificate that does not fit; an ALERT is the server's, about ours. */
const CERTIFICATE = /CERT|SIGNATURE|^ERR_TLS|ISSUER|CRL/;
const ALERT = /ALERT/;
/** The connection was never made: the request certainly did not arrive. */
const NO_CONNECTION = /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT)$/;

const said = (text: string): string => (text === "" ? "" : ` (${printable(text, 200)})`);

/** What an answer that is no success means for us, where it is no answer to the question. `message`: the server's. */
export function statusError(cluster: string, ask: Ask, { status }: Answer, message: string, advice: Advice): PipelineError {
  const error = (code: ConstructorParameters<typeof PipelineError>[0], text: string) =>
    new PipelineError(code, `${ask.verb} ${ask.resource} in cluster ${cluster}: ${text}${said(message)}`);
  if (status === 401) return error("kube_unauthorized", `the API server does not know us: ${advice.unauthorized}`);
  if (status === 403) {
    const files = rbacFiles(ask.verb, ask.resource);
    return error("kube_forbidden", `RBAC does not let us ${ask.verb} ${ask.resource}: apply ${files}, and ${advice.forbidden}`);
  }
  if (status === 429) return error("kube_throttled", "the API server asks to slow down");
  // 410: a list's continuation has expired; the whole list may be asked for again.
  if (status >= 500 || status === 410) return error("kube_unreachable", `the API server answered ${status}`);
  return error("kube_rejected", `the API server answered ${status}`);
}

/** A request that got no answer. `signal`: the caller's, whose time may be over. */
export function connectionError(thrown: unknown, cluster: string, ask: Ask, signal: AbortSignal, advice: Advice): unknown {
  if (thrown instanceof PipelineError) return thrown;
  const error = (code: ConstructorParameters<typeof PipelineError>[0], text: string) =>
    new PipelineError(code, `${ask.verb} ${ask.resource} in cluster ${cluster}: ${text}`, { cause: thrown });
  if (signal.aborted) return error("timed_out", "given up when its time was over");
  if (!(thrown instanceof Error)) return thrown;
  const code = codeOf(thrown);
  if (code === "UND_ERR_RES_EXCEEDED_MAX_SIZE") return error("kube_rejected", "the answer is larger than 32 MB");
  if (code !== null && ALERT.test(code))
    return error("kube_unauthorized", `the API server does not know us: ${advice.unauthorized} (${code})`);
  if (isUntrusted(thrown))
    return error("config_invalid", `the API server's certificate cannot be trusted: ${advice.certificate} (${code})`);
  if (thrown.name === "AbortError" || thrown.name === "TimeoutError")
    return error("kube_unreachable", `no answer in time: ${advice.unreachable}`);
  return code === null ? thrown : error("kube_unreachable", `no connection (${code}): ${advice.unreachable}`);
}

/** Is the server's certificate not of the CA? No byte of the request was sent then. */
export function isUntrusted(thrown: unknown): boolean {
  const code = codeOf(thrown);
  return code !== null && CERTIFICATE.test(code) && !ALERT.test(code);
}

export const neverArrived = (thrown: unknown): boolean => isUntrusted(thrown) || NO_CONNECTION.test(codeOf(thrown) ?? "");

function codeOf(thrown: unknown): string | null {
  return thrown instanceof Error && "code" in thrown && typeof thrown.code === "string" ? thrown.code : null;
}
