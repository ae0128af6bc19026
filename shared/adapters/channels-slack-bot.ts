import type { SecretReader } from "#shared/adapters/secrets.ts";
import { mayCarrySecrets, postToSlack, type SlackAnswer, slackWord } from "#shared/adapters/slack-http.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { Delivery, OutgoingMessage } from "#shared/ports/channel.ts";

type BotMessage = Extract<OutgoingMessage, { kind: "slack-bot" }>;

export const SLACK_API = "https://slack.com/api/";
/** Slack echoes the message it took. */
const ANSWER_CHARS = 400_000;

/** The token may have been rotated: it is read once more. https://docs.slack.dev/reference/methods/chat.postMessage#errors */
const TOKEN_ERRORS = new Set(["invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive"]);
/** The message that is to be changed or answered is not there, or cannot be changed any more. https://docs.slack.dev/reference/methods/chat.update#errors */
const GONE = new Set([
  "message_not_found",
  "cant_update_message",
  "edit_window_closed",
  "thread_not_found",
  "cannot_reply_to_message",
  "is_inactive",
]);
const AGAIN = new Set([
  "ratelimited",
  "rate_limited",
  "message_limit_exceeded",
  "internal_error",
  "fatal_error",
  "service_unavailable",
  "request_timeout",
  "update_failed",
  "team_added_to_org",
]);

/** What a person can do about it, by Slack's word. */
const REMEDIES: Readonly<Record<string, string>> = {
  channel_not_found: "no such channel for the bot: check the channel's id, and invite the bot to it",
  not_in_channel: "invite the bot to the channel",
  is_archived: "the channel is archived: unarchive it, or name another one",
  invalid_auth: "the token is not valid: store the bot token (xoxb-...) of the installed app",
  not_authed: "the secret holds no token: store the bot token (xoxb-...)",
  token_revoked: "the token was revoked: reinstall the app and store the new token",
  token_expired: "the token has expired: store a new one; token rotation must be off",
  account_inactive: "the app's bot is deactivated: reinstall the app",
  missing_scope: "give the app the scope chat:write, reinstall it, and store the new token",
  not_allowed_token_type: "store a bot token (xoxb-...), not another kind",
  restricted_action: "a workspace preference forbids the bot to post there",
  restricted_action_read_only_channel: "the channel is read-only for the bot",
  restricted_action_thread_locked: "the thread is locked",
  org_login_required: "the workspace is being moved to an enterprise organisation",
  ekm_access_denied: "an administrator of the workspace has suspended posting",
  msg_too_long: "the message is longer than Slack takes: please report it",
  msg_blocks_too_long: "the message is longer than Slack takes: please report it",
  invalid_blocks: "Slack does not take the message's blocks: please report it",
  invalid_blocks_format: "Slack does not take the message's blocks: please report it",
};

const METHODS = { post: "chat.postMessage", reply: "chat.postMessage", update: "chat.update" } as const;

/** Slack's Web API by a bot's token, which stands in the Authorization header and in no message, error or log. */
export function slackBot(secrets: SecretReader, api: string = SLACK_API) {
  return async (message: BotMessage, signal: AbortSignal): Promise<Delivery> => {
    const { botTokenSecret, call } = message;
    const body = JSON.stringify(bodyOf(message));
    try {
      const url = methodUrl(api, METHODS[call.kind]);
      const ask = async (token: string): Promise<SlackAnswer> => postToSlack(url, body, { token, mostChars: ANSWER_CHARS }, signal);
      const token = tokenIn(await secrets.read(botTokenSecret, signal), botTokenSecret);
      const first = deliveryOf(await ask(token));
      if (!TOKEN_ERRORS.has(first.error)) return first.delivery;
      const fresh = tokenIn(await secrets.read(botTokenSecret, signal, "fresh"), botTokenSecret);
      return fresh === token ? first.delivery : deliveryOf(await ask(fresh)).delivery;
    } catch (thrown) {
      if (!(thrown instanceof PipelineError)) throw thrown;
      return thrown.retryable ? { kind: "retry", because: thrown.message, afterMs: null } : { kind: "permanent", because: thrown.message };
    }
  };
}

/** Nothing is unfurled, linked or parsed that we did not mark up ourselves. */
function bodyOf({ channelId, call, payload }: BotMessage) {
  const { text, blocks } = payload;
  const content = { channel: channelId, text, blocks, parse: "none", link_names: false };
  if (call.kind === "update") return { ...content, ts: call.ts };
  const quiet = { ...content, unfurl_links: false, unfurl_media: false };
  return call.kind === "post" ? quiet : { ...quiet, thread_ts: call.ts, reply_broadcast: call.broadcast };
}

function methodUrl(api: string, method: string): URL {
  const url = URL.canParse(method, api) ? new URL(method, api) : null;
  if (url === null || !mayCarrySecrets(url)) throw new PipelineError("config_invalid", "SLACK_API_URL is no https URL");
  return url;
}

/** A token is one word of ASCII; anything else could not stand in a header. */
function tokenIn(text: string, ref: string): string {
  if (/^xoxb-[\w-]{8,400}$/.test(text)) return text;
  throw new PipelineError("config_invalid", `secret ${ref} holds no bot token (xoxb-...)`);
}

/** Slack answers 200 with `ok: false` to what it refuses, 429 with Retry-After to what comes too fast. */
function deliveryOf(answer: SlackAnswer): { readonly delivery: Delivery; readonly error: string } {
  if (answer.kind === "silent") return { error: "", delivery: { kind: "retry", because: answer.because, afterMs: null } };
  const { status, afterMs } = answer;
  const body = parsed(answer.text);
  if (status === 200 && body?.ok === true) {
    const ts = typeof body.ts === "string" && /^\d{1,20}\.\d{1,10}$/.test(body.ts) ? body.ts : null;
    return { error: "", delivery: { kind: "sent", reference: ts } };
  }
  const error = typeof body?.error === "string" ? slackWord(body.error) : "";
  const because = `Slack answered ${status}${error === "" ? "" : ` ${error}`}${Object.hasOwn(REMEDIES, error) ? `: ${REMEDIES[error]}` : ""}`;
  if (GONE.has(error)) return { error, delivery: { kind: "gone", because } };
  // A body that is no answer of Slack's may be a proxy's: tried again, up to the limit of attempts.
  if (status === 429 || status === 408 || status >= 500 || AGAIN.has(error) || (status === 200 && body === null))
    return { error, delivery: { kind: "retry", because, afterMs } };
  return { error, delivery: { kind: "permanent", because } };
}

function parsed(text: string): { readonly ok?: unknown; readonly ts?: unknown; readonly error?: unknown } | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : null;
  } catch {
    return null;
  }
}
