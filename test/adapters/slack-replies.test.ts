import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { slackReplies } from "#shared/adapters/slack-replies.ts";

const signal = new AbortController().signal;
const REPLY = { to: "everybody", text: "alice said <yes> & *bold*", thread: "1700000000.1" } as const;
let server: Server;
let origin: string;
const got: { readonly url: string; readonly body: string }[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => {
      body += chunk.toString("utf8");
    });
    request.on("end", () => {
      got.push({ url: request.url ?? "", body });
      if (request.url === "/redirect") response.writeHead(302, { location: `${origin}/stolen` });
      else response.writeHead(request.url === "/gone" ? 404 : 200);
      response.end("ok");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

test("an answer goes to the configured origin, beside the message and not in its place, as plain text", async () => {
  expect(await slackReplies(origin).send(`${origin}/actions/1`, REPLY, signal)).toBe(true);
  expect(JSON.parse(got.at(-1)?.body ?? "")).toEqual({
    response_type: "in_channel",
    replace_original: false,
    thread_ts: "1700000000.1",
    text: "alice said &lt;yes&gt; &amp; *bold*",
    blocks: [{ type: "section", text: { type: "plain_text", text: REPLY.text, emoji: false } }],
  });
  await slackReplies(origin).send(`${origin}/actions/2`, { ...REPLY, to: "clicker", thread: null }, signal);
  expect(JSON.parse(got.at(-1)?.body ?? "")).toMatchObject({ response_type: "ephemeral", replace_original: false });
  expect(got.at(-1)?.body).not.toContain("thread_ts");
});

test("no other address is asked, and no redirect is followed", async () => {
  const replies = slackReplies("https://hooks.slack.com");
  const before = got.length;
  for (const url of [
    `${origin}/x`,
    "http://hooks.slack.com/x",
    "https://hooks.slack.com.evil.example/x",
    "https://hooks.slack.com@evil.example/x",
    "https://user@hooks.slack.com/x",
    "https://hooks.slack.com:8443/x",
    "https://169.254.169.254/latest",
    "file:///etc/passwd",
    "no URL",
    "",
  ])
    expect(await replies.send(url, REPLY, signal), url).toBe(false);
  expect(got).toHaveLength(before);
  expect(await slackReplies(origin).send(`${origin}/redirect`, REPLY, signal)).toBe(false);
  expect(await slackReplies(origin).send(`${origin}/gone`, REPLY, signal)).toBe(false);
  expect(got.map(({ url }) => url)).not.toContain("/stolen");
});

test("an origin that is neither https nor a loopback is a fault of the deployment", () => {
  for (const wrong of ["http://hooks.slack.com", "ftp://127.0.0.1", "hooks.slack.com", ""])
    expect(() => slackReplies(wrong), wrong).toThrow("SLACK_REPLY_ORIGIN");
});
