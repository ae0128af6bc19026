import { afterEach, beforeEach, expect, test } from "vitest";
import { type SlackDouble, slackDouble } from "../../lab/slack-double.ts";

let slack: SlackDouble;
beforeEach(async () => {
  slack = await slackDouble();
});
afterEach(() => slack.stop());

const post = async (body: unknown, headers: Record<string, string> = { "content-type": "application/json" }) => {
  const answer = await fetch(slack.url, { method: "POST", headers, body: typeof body === "string" ? body : JSON.stringify(body) });
  return { status: answer.status, word: await answer.text(), retryAfter: answer.headers.get("retry-after") };
};
const section = (text: string) => ({ type: "section", text: { type: "mrkdwn", text } });
const ok = { status: 200, word: "ok", retryAfter: null };
const refused = (word: string) => ({ status: 400, word, retryAfter: null });

test("a sound message is taken", async () => {
  expect(await post({ text: "hello", blocks: [{ type: "header", text: { type: "plain_text", text: "x" } }, section("y")] })).toEqual(ok);
  expect(slack.messages()).toHaveLength(1);
});

// Each pair differs in one fact: at the limit it is taken, beyond it Slack says no.
test.each([
  ["50 blocks", Array.from({ length: 50 }, () => section("x")), Array.from({ length: 51 }, () => section("x"))],
  ["3,000 characters in a section", [section("x".repeat(3_000))], [section("x".repeat(3_001))]],
  ["a section that is not empty", [section("x")], [section("")]],
  [
    "150 characters in a header",
    [{ type: "header", text: { type: "plain_text", text: "x".repeat(150) } }],
    [{ type: "header", text: { type: "plain_text", text: "x".repeat(151) } }],
  ],
  [
    "a header of plain text",
    [{ type: "header", text: { type: "plain_text", text: "x" } }],
    [{ type: "header", text: { type: "mrkdwn", text: "x" } }],
  ],
  ["a known type", [{ type: "divider" }], [{ type: "dividing" }]],
  ["known keys", [{ type: "divider", block_id: "a" }], [{ type: "divider", colour: "red" }]],
  [
    "block ids that differ",
    [
      { type: "divider", block_id: "a" },
      { type: "divider", block_id: "b" },
    ],
    [
      { type: "divider", block_id: "a" },
      { type: "divider", block_id: "a" },
    ],
  ],
  [
    "10 elements in a context",
    [{ type: "context", elements: Array.from({ length: 10 }, () => ({ type: "mrkdwn", text: "x" })) }],
    [{ type: "context", elements: Array.from({ length: 11 }, () => ({ type: "mrkdwn", text: "x" })) }],
  ],
])("%s are asked for", async (_what, sound, unsound) => {
  expect(await post({ text: "x", blocks: sound })).toEqual(ok);
  expect(await post({ text: "x", blocks: unsound })).toEqual(refused("invalid_blocks"));
  expect(slack.messages()).toHaveLength(1);
});

test("a body without text or blocks, no JSON, and another content type are refused by Slack's words", async () => {
  expect(await post({})).toEqual(refused("no_text"));
  expect(await post("{")).toEqual(refused("invalid_payload"));
  expect(await post({ text: "x" }, { "content-type": "text/plain" })).toEqual(refused("invalid_payload"));
  expect(slack.messages()).toEqual([]);
});

test("another path than the secret one is no service", async () => {
  const answer = await fetch(new URL("/services/T0/B0/other", slack.url), { method: "POST", body: '{"text":"x"}' });
  expect([answer.status, await answer.text()]).toEqual([404, "no_service"]);
});

test("told to fail it fails, with Retry-After when it is throttling, until it is told to work again", async () => {
  slack.failWith(429, 7);
  expect(await post({ text: "x" })).toEqual({ status: 429, word: "rate_limited", retryAfter: "7" });
  slack.failWith(410);
  expect(await post({ text: "x" })).toEqual({ status: 410, word: "channel_is_archived", retryAfter: null });
  slack.failWith(null);
  expect(await post({ text: "x" })).toEqual(ok);
});
