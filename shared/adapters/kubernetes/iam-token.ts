import { createHash, createHmac, type Hash, type Hmac } from "node:crypto";
import { SignatureV4 } from "@smithy/signature-v4";
import type { Loaded } from "#shared/adapters/kubernetes/kept.ts";
import { PipelineError } from "#shared/domain/error.ts";

/** Credentials by which the token is signed; without `expiration` they outlive it. */
export interface SigningCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

const PREFIX = "k8s-aws-v1.";
/** The server accepts a token for 15 minutes after its date: https://github.com/kubernetes-sigs/aws-iam-authenticator `pkg/token/token.go`. */
const RENEW_MS = 600_000;
/** As kubectl's tokens have it. */
const EXPIRES_S = 60;
/** `maxTokenLenBytes`, there. */
const LENGTH_MAX = 4_096;
/** A request that is under way with the token must find the session alive. */
const MARGIN_MS = 60_000;

/**
 * What aws-iam-authenticator and EKS take for the role: GetCallerIdentity of the regional STS as a presigned URL, bound to `clusterId` by a
 * signed header. Signed here: nobody is asked. Not made by the SDK's `getSignedUrl`: the server refuses every query parameter beyond the few
 * that this has.
 */
export async function iamToken(clusterId: string, region: string, credentials: SigningCredentials, nowMs: number): Promise<Loaded<string>> {
  const host = stsHost(region);
  const signer = new SignatureV4({ service: "sts", region, credentials, sha256: Sha256 });
  const request = {
    method: "GET",
    protocol: "https:",
    hostname: host,
    path: "/",
    query: { Action: "GetCallerIdentity", Version: "2011-06-15" },
    headers: { host, "x-k8s-aws-id": clusterId },
  };
  const { query } = await signer.presign(request, { expiresIn: EXPIRES_S, signingDate: new Date(nowMs) });
  const url = `https://${host}/?${new URLSearchParams(query as Record<string, string>)}`;
  const token = PREFIX + Buffer.from(url).toString("base64url");
  if (token.length > LENGTH_MAX)
    throw new PipelineError("config_invalid", `the IAM token for ${clusterId} has ${token.length} bytes; the server takes ${LENGTH_MAX}`);
  const sessionEndMs = credentials.expiration?.getTime() ?? Number.POSITIVE_INFINITY;
  return { value: token, untilMs: Math.min(nowMs + RENEW_MS, sessionEndMs - MARGIN_MS) };
}

/** Region prefix -> DNS suffix of its partition; the longest that fits. https://docs.aws.amazon.com/general/latest/gr/sts.html */
const SUFFIXES: readonly (readonly [string, string])[] = [
  ["cn-", "amazonaws.com.cn"],
  ["us-isob-", "sc2s.sgov.gov"],
  ["us-isof-", "csp.hci.ic.gov"],
  ["eu-isoe-", "cloud.adc-e.uk"],
  ["us-iso-", "c2s.ic.gov"],
  ["eusc-", "amazonaws.eu"],
];

export function stsHost(region: string): string {
  const [, suffix] = SUFFIXES.find(([prefix]) => region.startsWith(prefix)) ?? ["", "amazonaws.com"];
  return `sts.${region}.${suffix}`;
}

/** SHA-256, or HMAC by a secret, in the shape that the signer wants. */
class Sha256 {
  readonly #hash: Hash | Hmac;
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash("sha256") : createHmac("sha256", bytes(secret));
  }
  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytes(data));
  }
  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest());
  }
}

const bytes = (data: string | ArrayBuffer | ArrayBufferView): string | Uint8Array => {
  if (typeof data === "string") return data;
  return ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data);
};
