import { PipelineError } from "#shared/domain/error.ts";
import type { Replies, Reply } from "#shared/ports/chatops.ts";

const TIMEOUT_MS = 1_000;
/** Of a text object: https://docs.slack.dev/reference/block-kit/blocks/section-block */
const MOST_CHARS = 3_000;

/**
 * Answers through the response_url of an interaction, at `origin` only (https://hooks.slack.com): the URL comes with a verified request, and
 * still takes us nowhere else. Throws `config_invalid` for an origin that is neither https nor a loopback.
 * https://docs.slack.dev/interactivity/handling-user-interaction
 */
export function slackReplies(origin: string): Replies {
  const ours = URL.canParse(origin) ? new URL(origin) : null;
  const isLoopback = ours !== null && ours.protocol === "http:" && ["127.0.0.1", "localhost", "[::1]"].includes(ours.hostname);
  if (ours === null || (ours.protocol !== "https:" && !isLoopback))
    throw new PipelineError("config_invalid", "SLACK_REPLY_ORIGIN is no https origin");
  return {
    async send(responseUrl, reply, signal) {
      const url = URL.canParse(responseUrl) ? new URL(responseUrl) : null;
      if (url === null || url.origin !== ours.origin || url.username !== "" || url.password !== "") return false;
      try {
        const response = await fetch(url, {
          method: "POST",
          headers: { "content-type": "application/json; charset=utf-8" },
          body: JSON.stringify(payloadOf(reply)),
          redirect: "manual",
          signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
        });
        await response.body?.cancel();
        return response.status >= 200 && response.status < 300;
      } catch {
        // What fetch throws may quote the URL, which is a secret for half an hour: false says all that may be said.
        return false;
      }
    },
  };
}

/** plain_text: nothing in it is markup. */
const payloadOf = ({ to, text, thread }: Reply): object => ({
  response_type: to === "everybody" ? "in_channel" : "ephemeral",
  // Or the message with the question would be gone.
  replace_original: false,
  ...(thread === null ? {} : { thread_ts: thread }),
  text: text.slice(0, MOST_CHARS).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;"),
  blocks: [{ type: "section", text: { type: "plain_text", text: text.slice(0, MOST_CHARS), emoji: false } }],
});
