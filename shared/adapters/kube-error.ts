import { PipelineError } from "#shared/domain/error.ts";

/** Node's and OpenSSL's names for a certificate that does not fit. */
const CERTIFICATE = /CERT|SIGNATURE|^ERR_TLS|ISSUER|CRL/;

/** What the API server's answer, which is no success, means for us. `what` names the call in our words. 404 and 409 are answers, not errors. */
export function kubeStatusError(status: number, body: unknown, what: string, cause: unknown): PipelineError {
  const said = messageIn(body);
  const error = (code: ConstructorParameters<typeof PipelineError>[0], text: string) =>
    new PipelineError(code, `${what}: ${text}${said === "" ? "" : ` (${said})`}`, { cause });
  if (status === 401)
    return error(
      "kube_unauthorized",
      "the API server does not accept the token: put a valid one into the secret that access.tokenSecret names",
    );
  if (status === 403)
    return error("kube_forbidden", "RBAC refuses it: bind the ClusterRole of infra/rbac/terminate.yaml to the token's user or group");
  if (status === 429) return error("kube_throttled", "the API server asks to slow down");
  // 410: a list's continuation has expired; the whole list may be asked for again.
  if (status >= 500 || status === 410) return error("kube_unreachable", `the API server answered ${status}`);
  return error("kube_rejected", `the API server answered ${status}`);
}

/** A request that got no answer. `signal` is the caller's, whose time may be over. */
export function kubeConnectionError(thrown: unknown, what: string, signal: AbortSignal): unknown {
  if (thrown instanceof PipelineError || !(thrown instanceof Error)) return thrown;
  if (signal.aborted) return new PipelineError("timed_out", `${what}: given up when its time was over`, { cause: thrown });
  const { name, cause } = thrown;
  const code = codeOf(cause) ?? codeOf(thrown);
  if (code !== null && CERTIFICATE.test(code))
    return new PipelineError("config_invalid", `${what}: the API server's certificate does not fit access.caData (${code})`, {
      cause: thrown,
    });
  if (name === "AbortError" || name === "TimeoutError")
    return new PipelineError("kube_unreachable", `${what}: no answer in time`, { cause: thrown });
  // fetch() throws a TypeError with a cause when the connection fails, and one without for our own mistakes.
  return code !== null || cause instanceof Error
    ? new PipelineError("kube_unreachable", `${what}: no connection (${code ?? "unknown"})`, { cause: thrown })
    : thrown;
}

function codeOf(thrown: unknown): string | null {
  return thrown instanceof Error && "code" in thrown && typeof thrown.code === "string" ? thrown.code : null;
}

/** `message` of a Kubernetes Status, which is text or already parsed; cut, because it is only for a log. */
function messageIn(body: unknown): string {
  let status = body;
  if (typeof body === "string") {
    try {
      status = JSON.parse(body);
    } catch {
      return body.slice(0, 200);
    }
  }
  return typeof status === "object" && status !== null && "message" in status && typeof status.message === "string"
    ? status.message.slice(0, 200)
    : "";
}
