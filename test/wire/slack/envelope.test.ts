import { describe, expect, test } from "vitest";
import { type HttpEvent, MOST_BYTES, openEnvelope } from "#shared/wire/slack/envelope.ts";
import { slackEvent } from "../../fakes/slack.ts";

const NOW = 1_700_000_000_000;
const event = slackEvent({ body: "payload=%7B%7D", nowMs: NOW });
const { "content-type": type, "x-slack-signature": signature, "x-slack-request-timestamp": timestamp } = event.headers ?? {};

describe("an event of the function URL", () => {
  test("gives the bytes that were signed, from base64 and from text", () => {
    for (const base64 of [true, false])
      expect(openEnvelope(slackEvent({ body: "payload=ü", nowMs: NOW, base64 }))).toMatchObject({
        body: Buffer.from("payload=ü"),
        timestamp,
      });
  });

  test("has its headers in either case, and each of them once", () => {
    const headers = { "Content-Type": `${type}; charset=utf-8`, "X-Slack-Signature": signature, "X-Slack-Request-Timestamp": timestamp };
    expect(openEnvelope({ ...event, headers })).toMatchObject({ signature, timestamp });
    expect(openEnvelope({ ...event, headers: { ...headers, "x-slack-signature": signature } })).toBe("headers");
  });

  test.each<[string, Partial<HttpEvent>, string]>([
    ["of another method", { requestContext: { http: { method: "GET" } } }, "method"],
    ["of no method", { requestContext: {} }, "method"],
    ["that is no base64", { body: "payload=%7B%7D" }, "encoding"],
    ["of base64 that is cut off", { body: "YWJj=" }, "encoding"],
    ["of base64 for URLs", { body: "_-8=" }, "encoding"],
    ["of JSON", { headers: { ...event.headers, "content-type": "application/json" } }, "content-type"],
    ["of no type", { headers: { ...event.headers, "content-type": undefined } }, "content-type"],
    ["of a type that begins like a form", { headers: { ...event.headers, "content-type": `${type}x` } }, "content-type"],
    ["without a signature", { headers: { ...event.headers, "x-slack-signature": undefined } }, "headers"],
    ["without a timestamp", { headers: { ...event.headers, "x-slack-request-timestamp": "" } }, "headers"],
    ["without headers", { headers: {} }, "content-type"],
  ])("%s is not opened; its twin is", (_what, over, check) => {
    expect(openEnvelope({ ...event, ...over })).toBe(check);
    expect(openEnvelope(event)).toMatchObject({ signature });
  });

  test.each([true, false])("may have 64 KB and not a byte more (base64: %s)", (base64) => {
    const of = (size: number) => openEnvelope(slackEvent({ body: "x".repeat(size), nowMs: NOW, base64 }));
    expect(of(MOST_BYTES)).toMatchObject({ timestamp });
    expect(of(MOST_BYTES + 1)).toBe("size");
    expect(of(MOST_BYTES * 20)).toBe("size");
  });

  test("of text is measured in bytes", () => {
    expect(openEnvelope(slackEvent({ body: "ü".repeat(MOST_BYTES / 2 + 1), nowMs: NOW, base64: false }))).toBe("size");
  });
});
