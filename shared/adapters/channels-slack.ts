import type { SecretReader } from "#shared/adapters/secrets.ts";
import { mayCarrySecrets, postToSlack, type SlackAnswer, slackWord } from "#shared/adapters/slack-http.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { Delivery, OutgoingMessage } from "#shared/ports/channel.ts";

type SlackMessage = Extract<OutgoingMessage, { kind: "slack" }>;

/** Slack's errors are one word; anything longer is not repeated. */
const ERROR_CHARS = 64;

/**
 * Answers that may mean "this URL is no longer valid": a person rotates the secret, so it is read once more.
 * https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors
 */
const REVOKED = new Set([401, 403, 404, 410]);

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

function webhookUrl(text: string, ref: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !mayCarrySecrets(url)) throw new PipelineError("config_invalid", `secret ${ref} holds no https URL`);
  return url;
}

const post = (url: URL, body: string, signal: AbortSignal): Promise<SlackAnswer> =>
  postToSlack(url, body, { token: null, mostChars: ERROR_CHARS }, signal);

function deliveryOf(answer: SlackAnswer): Delivery {
  if (answer.kind === "silent") return { kind: "retry", because: answer.because, afterMs: null };
  const { status, afterMs } = answer;
  const error = slackWord(answer.text);
  const because = `Slack answered ${status}${error === "" ? "" : ` ${error}`}`;
  if (status >= 200 && status < 300) return { kind: "sent", reference: null };
  if (status === 429 || status === 408 || status >= 500 || error === "rate_limited" || error === "ratelimited")
    return { kind: "retry", because, afterMs };
  return { kind: "permanent", because };
}
