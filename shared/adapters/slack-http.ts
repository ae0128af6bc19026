/** Slack answers in well under a second or not at all. */
const TIMEOUT_MS = 3_000;

export type SlackAnswer =
  | { readonly kind: "answered"; readonly status: number; readonly text: string; readonly afterMs: number | null }
  | { readonly kind: "silent"; readonly because: string };

/**
 * Posts JSON to Slack. `token` goes into the Authorization header and nowhere else. At most about `mostChars` of the answer are read.
 * What fetch throws may quote the URL, which may be a secret: nothing of it is repeated.
 */
export async function postToSlack(
  url: URL,
  body: string,
  { token, mostChars }: { readonly token: string | null; readonly mostChars: number },
  signal: AbortSignal,
): Promise<SlackAnswer> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: {
        "content-type": "application/json; charset=utf-8",
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      },
      body,
      // A redirect would carry the message, and the token, to a place that nobody configured.
      redirect: "manual",
      signal: AbortSignal.any([signal, timeout]),
    });
    return {
      kind: "answered",
      status: response.status,
      text: await beginning(response, mostChars),
      afterMs: retryAfterMs(response.headers.get("retry-after")),
    };
  } catch {
    return { kind: "silent", because: timeout.aborted ? `Slack did not answer within ${TIMEOUT_MS} ms` : "Slack could not be reached" };
  }
}

async function beginning(response: Response, most: number): Promise<string> {
  const reader = response.body?.getReader();
  if (reader === undefined) return "";
  const decoder = new TextDecoder();
  let text = "";
  while (text.length < most) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    text += decoder.decode(value, { stream: true });
  }
  await reader.cancel();
  return text.slice(0, most);
}

/** Slack's error word, nothing else: a body of another server is not repeated. */
export const slackWord = (text: string): string => /^[a-z][a-z_]{0,63}$/.exec(text.trim())?.[0] ?? "";

/** Seconds, at most an hour; null for a date or nonsense. */
function retryAfterMs(header: string | null): number | null {
  if (header === null || !/^\d{1,6}$/.test(header.trim())) return null;
  return Math.min(Number(header) * 1_000, 3_600_000);
}

/** https only; the loopback of a lab may be http. */
export function mayCarrySecrets(url: URL): boolean {
  const isLoopback = ["127.0.0.1", "localhost", "[::1]"].includes(url.hostname);
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopback);
}
