import type { SecretReader } from "#shared/adapters/secrets.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { Delivery, OutgoingMessage } from "#shared/ports/channel.ts";

type SlackMessage = Extract<OutgoingMessage, { kind: "slack" }>;

/** Slack answers in well under a second or not at all. */
const TIMEOUT_MS = 3_000;
/** Slack's errors are one word; anything longer is not repeated. */
const ERROR_CHARS = 64;

/**
 * Answers that may mean "this URL is no longer valid": a person rotates the secret, so it is read once more.
 * https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors
 */
const REVOKED = new Set([401, 403, 404, 410]);

type Answer =
  | { readonly kind: "answered"; readonly status: number; readonly error: string; readonly afterMs: number | null }
  | { readonly kind: "silent"; readonly because: string };

/** Posts to Slack's incoming webhook. The URL is a secret: it stands in no message, no error and no log. */
export function slackWebhook(secrets: SecretReader) {
  return async ({ urlSecret, payload }: SlackMessage, signal: AbortSignal): Promise<Delivery> => {
    const body = JSON.stringify(payload);
    try {
      const first = webhookUrl(await secrets.read(urlSecret, signal), urlSecret);
      const answer = await post(first, body, signal);
      if (answer.kind !== "answered" || !REVOKED.has(answer.status)) return deliveryOf(answer);
      const second = webhookUrl(await secrets.read(urlSecret, signal, "fresh"), urlSecret);
      return deliveryOf(second.href === first.href ? answer : await post(second, body, signal));
    } catch (thrown) {
      if (!(thrown instanceof PipelineError)) throw thrown;
      return thrown.retryable ? { kind: "retry", because: thrown.message, afterMs: null } : { kind: "permanent", because: thrown.message };
    }
  };
}

/** https only; the loopback of a lab may be http. */
function webhookUrl(text: string, ref: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isLoopback = url !== null && ["127.0.0.1", "localhost", "[::1]"].includes(url.hostname);
  if (url === null || (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopback)))
    throw new PipelineError("config_invalid", `secret ${ref} holds no https URL`);
  return url;
}

async function post(url: URL, body: string, signal: AbortSignal): Promise<Answer> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json; charset=utf-8" },
      body,
      // A redirect would carry the message to a place that nobody configured.
      redirect: "manual",
      signal: AbortSignal.any([signal, timeout]),
    });
    return {
      kind: "answered",
      status: response.status,
      error: word(await beginning(response)),
      afterMs: retryAfterMs(response.headers.get("retry-after")),
    };
  } catch {
    // What fetch throws may quote the URL: nothing of it is repeated.
    return { kind: "silent", because: timeout.aborted ? `Slack did not answer within ${TIMEOUT_MS} ms` : "Slack could not be reached" };
  }
}

async function beginning(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  if (reader === undefined) return "";
  const { value } = await reader.read();
  await reader.cancel();
  return value === undefined ? "" : new TextDecoder().decode(value.slice(0, ERROR_CHARS));
}

/** Slack's error word, nothing else: a body of another server is not repeated. */
const word = (text: string): string => /^[a-z][a-z_]*$/.exec(text.trim())?.[0] ?? "";

/** Seconds, at most an hour; null for a date or nonsense. */
function retryAfterMs(header: string | null): number | null {
  if (header === null || !/^\d{1,6}$/.test(header.trim())) return null;
  return Math.min(Number(header) * 1_000, 3_600_000);
}

function deliveryOf(answer: Answer): Delivery {
  if (answer.kind === "silent") return { kind: "retry", because: answer.because, afterMs: null };
  const { status, error, afterMs } = answer;
  const because = `Slack answered ${status}${error === "" ? "" : ` ${error}`}`;
  if (status >= 200 && status < 300) return { kind: "sent", reference: null };
  if (status === 429 || status === 408 || status >= 500 || error === "rate_limited" || error === "ratelimited")
    return { kind: "retry", because, afterMs };
  return { kind: "permanent", because };
}
