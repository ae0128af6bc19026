import { createHmac, timingSafeEqual } from "node:crypto";

/** Older or newer requests are refused: https://docs.slack.dev/authentication/verifying-requests-from-slack */
export const WINDOW_S = 300;

/** Exactly what Slack sends: v0= and 64 lower-case hex digits. */
const SIGNATURE = /^v0=[0-9a-f]{64}$/;
/** Seconds since the epoch. */
const TIMESTAMP = /^[1-9]\d{0,14}$/;

export interface Signed {
  /** Header X-Slack-Signature. */
  readonly signature: string;
  /** Header X-Slack-Request-Timestamp, as its text: the very characters are signed. */
  readonly timestamp: string;
}

/** v0: HMAC-SHA256 over "v0:<timestamp>:" and the body's bytes, in hex. */
export const signatureOf = (secret: string, timestamp: string, body: Uint8Array): string =>
  `v0=${createHmac("sha256", secret).update(`v0:${timestamp}:`).update(body).digest("hex")}`;

/** Did whoever knows the secret sign these bytes? Takes as long whatever differs. An empty secret signs nothing. */
export function isSigned({ signature, timestamp }: Signed, body: Uint8Array, secret: string): boolean {
  if (secret === "" || !SIGNATURE.test(signature)) return false;
  return timingSafeEqual(Buffer.from(signatureOf(secret, timestamp, body)), Buffer.from(signature));
}

export function isFresh(timestamp: string, nowMs: number): boolean {
  return TIMESTAMP.test(timestamp) && Math.abs(nowMs / 1_000 - Number(timestamp)) <= WINDOW_S;
}
