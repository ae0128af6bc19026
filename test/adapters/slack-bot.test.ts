import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { slackBot } from "#shared/adapters/channels-slack-bot.ts";
import { secretReader } from "#shared/adapters/secrets.ts";
import { type SlackDouble, slackDouble } from "../../lab/slack-double.ts";
import { BOT_CHANNEL, botMessage } from "../contracts/channel.suite.ts";

const signal = () => AbortSignal.timeout(20_000);
let slack: SlackDouble;
let tokens: string[];
let reads: number;
const send = (call?: Parameters<typeof botMessage>[0], api = slack.apiUrl) => {
  const parameter = () => Promise.resolve(tokens[Math.min(reads++, tokens.length - 1)]);
  return slackBot(secretReader({ parameter, secret: () => Promise.resolve(undefined) }), api)(botMessage(call), signal());
};
const refuse = (error: string) => slack.workspace.trouble.push({ status: 200, headers: {}, body: { ok: false, error } });

beforeEach(async () => {
  slack = await slackDouble();
  tokens = [slack.workspace.token];
  reads = 0;
});
afterEach(() => slack.stop());

describe("Slack's Web API by a bot's token", () => {
  test("a message is posted, updated and answered as Slack keeps it", async () => {
    const posted = await send();
    if (posted.kind !== "sent" || posted.reference === null) throw new Error("not posted");
    await send({ kind: "update", ts: posted.reference });
    await send({ kind: "reply", ts: posted.reference, broadcast: true });
    expect(slack.workspace.messages()).toMatchObject([
      { ts: posted.reference, channel: BOT_CHANNEL, threadTs: null, updates: 1 },
      { threadTs: posted.reference, isBroadcast: true, updates: 0 },
    ]);
  });

  test.each<[string, string, RegExp]>([
    ["ratelimited", "retry", /429|ratelimited/],
    ["internal_error", "retry", /internal_error/],
    ["service_unavailable", "retry", /service_unavailable/],
    ["channel_not_found", "permanent", /invite the bot/],
    ["not_in_channel", "permanent", /invite the bot/],
    ["is_archived", "permanent", /unarchive it/],
    ["missing_scope", "permanent", /chat:write/],
    ["msg_too_long", "permanent", /longer than Slack takes/],
    ["message_not_found", "gone", /message_not_found/],
    ["edit_window_closed", "gone", /edit_window_closed/],
    ["cant_update_message", "gone", /cant_update_message/],
    ["thread_not_found", "gone", /thread_not_found/],
    ["something_new", "permanent", /something_new/],
  ])("%s is %s, with what to do", async (error, kind, says) => {
    refuse(error);
    const delivery = await send();
    expect(delivery).toMatchObject({ kind, because: expect.stringMatching(says) });
    expect(await send()).toMatchObject({ kind: "sent" });
  });

  test("Retry-After is kept", async () => {
    slack.workspace.trouble.push({ status: 429, headers: { "Retry-After": "7" }, body: { ok: false, error: "ratelimited" } });
    expect(await send()).toMatchObject({ kind: "retry", afterMs: 7_000 });
  });

  test("a burst beyond Slack's pace is told to wait by the double, and one at its pace is not", async () => {
    const answers = [];
    for (let n = 0; n < 4; n += 1) answers.push((await send()).kind);
    expect(answers).toEqual(["sent", "sent", "sent", "retry"]);
  });

  test.each(["invalid_auth", "token_revoked"])(
    "%s: the token is read once more, and a new one is used; the same one is final",
    async (error) => {
      tokens = ["xoxb-old-old-old", slack.workspace.token];
      expect(await send()).toMatchObject({ kind: "sent" });
      expect(reads).toBe(2);
      tokens = [slack.workspace.token];
      reads = 0;
      refuse(error);
      expect(await send()).toMatchObject({ kind: "permanent", because: expect.stringMatching(/the token (is not valid|was revoked)/) });
      expect(reads).toBe(2);
    },
  );

  test("an archived channel, one that the bot is not in, and an edit that came too late are what Slack says", async () => {
    const posted = await send();
    const ts = posted.kind === "sent" ? (posted.reference ?? "") : "";
    slack.workspace.editWindowSeconds = -1;
    expect(await send({ kind: "update", ts })).toMatchObject({ kind: "gone" });
    slack.workspace.channels.set(BOT_CHANNEL, { isArchived: true, isMember: true });
    expect(await send()).toMatchObject({ kind: "permanent", because: expect.stringContaining("is_archived") });
    slack.workspace.channels.set(BOT_CHANNEL, { isArchived: false, isMember: false });
    expect(await send()).toMatchObject({ kind: "permanent", because: expect.stringContaining("not_in_channel") });
  });

  test("the token stands in no answer and goes to no other place than Slack, whatever goes wrong", async () => {
    const secret = slack.workspace.token;
    for (const api of ["http://example.com/api/", "http://127.0.0.1:1/api/", "nonsense"]) {
      const delivery = await send(undefined, api);
      expect(delivery.kind).toBe(api.includes("127.0.0.1") ? "retry" : "permanent");
      expect(JSON.stringify(delivery)).not.toContain(secret);
    }
    tokens = [`${secret}\r\nx: y`];
    expect(await send()).toMatchObject({ kind: "permanent", because: "secret ssm:/falco/bot holds no bot token (xoxb-...)" });
    tokens = ["https://hooks.slack.example/SECRETHOOK"];
    expect(JSON.stringify(await send())).not.toContain("SECRETHOOK");
  });
});
