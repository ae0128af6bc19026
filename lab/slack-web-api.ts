import { faultOf } from "./slack-blocks.ts";

/** A message in a channel of the double, as it is now. */
export interface PostedMessage {
  readonly ts: string;
  readonly channel: string;
  readonly threadTs: string | null;
  readonly isBroadcast: boolean;
  readonly text: string;
  readonly blocks: readonly unknown[];
  /** Times that chat.update changed it. An update pings nobody. */
  readonly updates: number;
}

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
}

type Fields = Readonly<Record<string, unknown>>;

const ok = (body: Fields): ApiAnswer => ({ status: 200, headers: {}, body: { ok: true, ...body } });
/** Slack refuses with 200 and a word. */
const no = (error: string, messages: readonly string[] = []): ApiAnswer => ({
  status: 200,
  headers: {},
  body: { ok: false, error, ...(messages.length === 0 ? {} : { response_metadata: { messages } }) },
});
/** https://docs.slack.dev/apis/web-api/rate-limits#responding */
const tooFast = (seconds: number): ApiAnswer => ({
  status: 429,
  headers: { "Retry-After": String(seconds) },
  body: { ok: false, error: "ratelimited" },
});

/** A text alone is cut by Slack at 40,000 characters; blocks together have no more than this. */
const MOST_TEXT = 40_000;
/** chat.postMessage: "generally 1 per second per channel", short bursts are let through. */
const BURST = 3;
/** chat.update is in tier 3: 50 and more a minute. */
const UPDATES_A_MINUTE = 50;

/**
 * chat.postMessage and chat.update of one workspace, from their documentation: https://docs.slack.dev/reference/methods/chat.postMessage,
 * https://docs.slack.dev/reference/methods/chat.update. Errors, limits and what an update leaves as it was; no other method.
 */
export class SlackWorkspace {
  token = "xoxb-lab-0123456789-abcdefghij";
  readonly channels = new Map<string, { isArchived: boolean; isMember: boolean }>([["C0LAB00001", { isArchived: false, isMember: true }]]);
  /** Admins may forbid edits after some time. Seconds; null: for ever allowed. */
  editWindowSeconds: number | null = null;
  /** Off: answers at any pace. */
  isPaced = true;
  /** What the next calls meet instead, in order. */
  readonly trouble: ApiAnswer[] = [];
  readonly calls: { readonly method: string; readonly atMs: number; readonly answer: ApiAnswer }[] = [];
  readonly #messages = new Map<string, PostedMessage>();
  readonly #posts = new Map<string, number[]>();
  #updates: number[] = [];
  #serial = 0;
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  messages(): readonly PostedMessage[] {
    return [...this.#messages.values()];
  }

  /** As a person does in the client. */
  remove(ts: string): void {
    this.#messages.delete(ts);
  }

  call(method: string, authorization: string | undefined, contentType: string | undefined, text: string): ApiAnswer {
    const answer = this.trouble.shift() ?? this.#judge(method, authorization, contentType, text);
    this.calls.push({ method, atMs: this.#now(), answer });
    return answer;
  }

  #judge(method: string, authorization: string | undefined, contentType: string | undefined, text: string): ApiAnswer {
    if (method !== "chat.postMessage" && method !== "chat.update") return no("unknown_method");
    if (authorization === undefined) return no("not_authed");
    if (authorization !== `Bearer ${this.token}`) return no("invalid_auth");
    if (!contentType?.startsWith("application/json")) return no("invalid_post_type");
    const body = parsed(text);
    if (body === null) return no("invalid_json");
    return this.#content(body) ?? (method === "chat.update" ? this.#update(body) : this.#post(body));
  }

  #content(body: Fields): ApiAnswer | null {
    const channel = this.channels.get(String(body["channel"] ?? ""));
    if (channel === undefined) return no("channel_not_found");
    if (!channel.isMember) return no("not_in_channel");
    if (channel.isArchived) return no("is_archived");
    const { text, blocks } = body;
    if (text !== undefined && typeof text !== "string") return no("invalid_arguments");
    if (!text && (!Array.isArray(blocks) || blocks.length === 0)) return no("no_text");
    const fault = blocks === undefined ? null : faultOf(blocks);
    if (fault !== null) return no("invalid_blocks", [`[ERROR] ${fault}`]);
    return typeof text === "string" && text.length > MOST_TEXT ? no("msg_too_long") : null;
  }

  #post(body: Fields): ApiAnswer {
    const channel = String(body["channel"]);
    const threadTs = body["thread_ts"] === undefined ? null : String(body["thread_ts"]);
    const parent = threadTs === null ? null : this.#messages.get(threadTs);
    if (parent === undefined) return no("thread_not_found");
    // A reply has no thread of its own.
    if (parent !== null && parent.threadTs !== null) return no("cannot_reply_to_message");
    const wait = this.#pace(this.#posts.get(channel) ?? [], BURST, BURST * 1_000);
    if (wait !== null) return tooFast(wait);
    this.#posts.set(channel, [...(this.#posts.get(channel) ?? []).slice(-100), this.#now()]);
    this.#serial += 1;
    const ts = `${Math.floor(this.#now() / 1_000)}.${String(this.#serial).padStart(6, "0")}`;
    const isBroadcast = threadTs !== null && body["reply_broadcast"] === true;
    const message = { ts, channel, threadTs, isBroadcast, text: String(body["text"] ?? ""), blocks: blocksOf(body), updates: 0 };
    this.#messages.set(ts, message);
    return ok({ channel, ts, message: { type: "message", text: message.text, ts } });
  }

  #update(body: Fields): ApiAnswer {
    const ts = String(body["ts"] ?? "");
    const message = this.#messages.get(ts);
    if (message === undefined || message.channel !== body["channel"]) return no("message_not_found");
    const ageSeconds = this.#now() / 1_000 - Number(ts.split(".")[0]);
    if (this.editWindowSeconds !== null && ageSeconds > this.editWindowSeconds) return no("edit_window_closed");
    const wait = this.#pace(this.#updates, UPDATES_A_MINUTE, 60_000);
    if (wait !== null) return tooFast(wait);
    this.#updates = [...this.#updates.slice(-100), this.#now()];
    // Blocks that are not sent stay as they were.
    const blocks = body["blocks"] === undefined ? message.blocks : blocksOf(body);
    this.#messages.set(ts, { ...message, text: String(body["text"] ?? ""), blocks, updates: message.updates + 1 });
    return ok({ channel: message.channel, ts, text: String(body["text"] ?? "") });
  }

  /** Seconds to wait; null: not too fast. */
  #pace(times: readonly number[], most: number, windowMs: number): number | null {
    if (!this.isPaced) return null;
    const recent = times.filter((atMs) => this.#now() - atMs < windowMs);
    const [first] = recent;
    return recent.length < most || first === undefined ? null : Math.max(1, Math.ceil((first + windowMs - this.#now()) / 1_000));
  }
}

const blocksOf = ({ blocks }: Fields): readonly unknown[] => (Array.isArray(blocks) ? (blocks as unknown[]) : []);

function parsed(text: string): Fields | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : null;
  } catch {
    return null;
  }
}
