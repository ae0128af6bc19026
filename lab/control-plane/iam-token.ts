/**
 * What aws-iam-authenticator, and with it EKS, reads out of a token before it asks STS about it: a presigned GetCallerIdentity of a regional
 * STS that signs the cluster's header, and nothing else beside it. https://github.com/kubernetes-sigs/aws-iam-authenticator `pkg/token/token.go`
 */
export type ReadToken =
  | { readonly ok: true; readonly url: URL; readonly accessKeyId: string }
  | { readonly ok: false; readonly because: string };

export const CLUSTER_HEADER = "x-k8s-aws-id";

const PREFIX = "k8s-aws-v1.";
const LENGTH_MAX = 4_096;
const VALID_MS = 15 * 60_000;
const EXPIRES_MAX_S = 900;
const PARAMETERS = [
  "action",
  "version",
  "x-amz-algorithm",
  "x-amz-credential",
  "x-amz-date",
  "x-amz-expires",
  "x-amz-security-token",
  "x-amz-signature",
  "x-amz-signedheaders",
];
/** The real one has the list of a partition's endpoints. */
const STS_HOST = /^sts(\.[a-z]{2}(-[a-z]+){1,3}-\d{1,2})?\.amazonaws\.com(\.cn)?$/;

export function readToken(token: string, nowMs: number): ReadToken {
  const no = (because: string): ReadToken => ({ ok: false, because });
  if (token.length > LENGTH_MAX) return no("token is too large");
  if (!token.startsWith(PREFIX)) return no(`token is missing expected "${PREFIX}" prefix`);
  const encoded = token.slice(PREFIX.length);
  if (!/^[A-Za-z0-9_-]*$/.test(encoded)) return no("illegal base64 data");
  const url = URL.parse(Buffer.from(encoded, "base64url").toString("utf8"));
  if (url === null) return no("no URL");
  if (url.protocol !== "https:") return no(`unexpected scheme "${url.protocol}" in pre-signed URL`);
  if (!STS_HOST.test(url.host) || url.username !== "" || url.password !== "")
    return no(`unexpected hostname "${url.host}" in pre-signed URL`);
  if (url.pathname !== "/") return no("unexpected path in pre-signed URL");
  const given = new Map<string, string>();
  for (const [key, value] of url.searchParams) {
    const name = key.toLowerCase();
    if (!PARAMETERS.includes(name)) return no(`non-whitelisted query parameter "${key}"`);
    if (given.has(name)) return no("query parameter with multiple values not supported");
    given.set(name, value);
  }
  const value = (name: string): string => given.get(name) ?? "";
  if (value("action") !== "GetCallerIdentity") return no("unexpected action parameter in pre-signed URL");
  if (!value("x-amz-signedheaders").toLowerCase().split(";").includes(CLUSTER_HEADER))
    return no(`client did not sign the ${CLUSTER_HEADER} header in the pre-signed URL`);
  if (!/^\d{1,3}$/.test(value("x-amz-expires")) || Number(value("x-amz-expires")) > EXPIRES_MAX_S)
    return no("invalid X-Amz-Expires parameter in pre-signed URL");
  const date = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/.exec(value("x-amz-date"));
  if (date === null) return no("X-Amz-Date parameter must be present in pre-signed URL");
  const [, year, month, day, hour, minute, second] = date;
  const atMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (!(nowMs <= atMs + VALID_MS)) return no("X-Amz-Date parameter is expired (15 minute expiration)");
  return { ok: true, url, accessKeyId: value("x-amz-credential").split("/")[0] ?? "" };
}

/** As STS names the caller. */
export interface Caller {
  readonly arn: string;
  readonly account: string;
  /** `AROA...:session` of a role. */
  readonly userId: string;
}

/** The role of a session, without path, as STS gives none; every other ARN as it is. `pkg/arn/arn.go` */
export const canonicalArn = (arn: string): string =>
  arn.replace(/^arn:([^:]+):sts::(\d{12}):assumed-role\/([^/]+)\/.+$/, "arn:$1:iam::$2:role/$3");

/** An access entry may name its role with its path; a session does not show it. */
export const withoutPath = (roleArn: string): string => roleArn.replace(/:role\/.*\//, ":role/");
