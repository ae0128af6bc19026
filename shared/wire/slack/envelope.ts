import type { Signed } from "#shared/wire/slack/signature.ts";

/** Whole clicks of a person are a few KB; the message that they clicked in is part of it. */
export const MOST_BYTES = 65_536;

/** Of an event of a function URL, what is looked at before its signature is verified: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads */
export interface HttpEvent {
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: string | undefined;
  readonly isBase64Encoded?: boolean;
  readonly requestContext?: { readonly http?: { readonly method?: string } };
}

/** What can be wrong with a request before anybody has read it. Bounded: it becomes a dimension. */
export type Malformed = "method" | "size" | "encoding" | "content-type" | "headers";

export interface Envelope extends Signed {
  /** The bytes that were signed. */
  readonly body: Buffer;
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** The bytes and their signature, nothing parsed. Names of headers in either case; one that is there twice is none. */
export function openEnvelope({ headers = {}, body = "", isBase64Encoded = false, requestContext }: HttpEvent): Envelope | Malformed {
  if (requestContext?.http?.method !== "POST") return "method";
  // A text has at most as many characters as bytes, base64 four for three: what is longer is not even decoded.
  if (body.length > (isBase64Encoded ? Math.ceil(MOST_BYTES / 3) * 4 : MOST_BYTES)) return "size";
  if (isBase64Encoded && !BASE64.test(body)) return "encoding";
  const bytes = Buffer.from(body, isBase64Encoded ? "base64" : "utf8");
  if (bytes.length > MOST_BYTES) return "size";
  const header = (name: string): string => {
    const found = Object.entries(headers).filter(([key]) => key.toLowerCase() === name);
    return found.length === 1 ? (found[0]?.[1] ?? "") : "";
  };
  if (!/^application\/x-www-form-urlencoded(?:\s*;.*)?$/i.test(header("content-type"))) return "content-type";
  const signature = header("x-slack-signature");
  const timestamp = header("x-slack-request-timestamp");
  return signature === "" || timestamp === "" ? "headers" : { body: bytes, signature, timestamp };
}
