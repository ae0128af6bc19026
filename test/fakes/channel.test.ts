import { expect, test } from "vitest";
import { channels } from "#shared/adapters/channels.ts";
import { awsPutter } from "#shared/adapters/channels-bus.ts";
import { awsPublisher } from "#shared/adapters/channels-sns.ts";
import { secretReader } from "#shared/adapters/secrets.ts";
import type { Delivery } from "#shared/ports/channel.ts";
import { slackDouble as slackWebDouble } from "../../lab/slack-double.ts";
import type { ApiAnswer } from "../../lab/slack-web-api.ts";
import { type ChannelWorld, channelContract, slackMessage } from "../contracts/channel.suite.ts";
import { FakeChannel } from "./channel.ts";
import { busDouble, slackDouble, snsDouble, type Trouble } from "./channel-doubles.ts";

const FAKE: Record<Parameters<ChannelWorld["trouble"]>[1], Delivery | "hang"> = {
  throttled: { kind: "retry", because: "throttled", afterMs: 2_000 },
  down: { kind: "retry", because: "down", afterMs: null },
  refused: { kind: "permanent", because: "refused" },
  silent: "hang",
};

channelContract("the fake", () => {
  const channel = new FakeChannel();
  return Promise.resolve({
    channel,
    received: () => channel.received,
    trouble: (kind, what) => channel.next(kind, FAKE[what]),
    close: () => Promise.resolve(),
  });
});

const sdkError = (code: string): string =>
  `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>no</Message></Error></ErrorResponse>`;
/** The first of these is met; an answer of Slack's API, or what the connection does. */
const DOUBLE: Record<"sns" | "slack" | "bus", Record<Parameters<ChannelWorld["trouble"]>[1], Trouble>> = {
  slack: {
    throttled: { status: 429, body: "rate_limited", headers: { "retry-after": "7" } },
    down: "drop",
    refused: { status: 410, body: "channel_is_archived" },
    silent: "hang",
  },
  bus: {
    throttled: { status: 200, body: JSON.stringify({ FailedEntryCount: 1, Entries: [{ ErrorCode: "ThrottlingException" }] }) },
    down: { status: 500, body: JSON.stringify({ __type: "InternalException" }) },
    refused: { status: 200, body: JSON.stringify({ FailedEntryCount: 1, Entries: [{ ErrorCode: "NotAuthorizedForSourceException" }] }) },
    silent: "hang",
  },
  sns: {
    throttled: { status: 400, body: sdkError("Throttling") },
    down: { status: 503, body: sdkError("ServiceUnavailable") },
    refused: { status: 403, body: sdkError("AuthorizationError") },
    silent: "hang",
  },
};

const API: Record<Parameters<ChannelWorld["trouble"]>[1], ApiAnswer | "hang"> = {
  throttled: { status: 429, headers: { "Retry-After": "30" }, body: { ok: false, error: "ratelimited" } },
  down: { status: 503, headers: {}, body: {} },
  refused: { status: 200, headers: {}, body: { ok: false, error: "is_archived" } },
  silent: "hang",
};

channelContract("SNS and EventBridge by SDK and Slack by fetch, against doubles on the loopback", async () => {
  const [slack, sns, bus, web] = [await slackDouble(), await snsDouble(), await busDouble(), await slackWebDouble()];
  web.workspace.isPaced = false;
  const secrets = secretReader({
    parameter: (name) => Promise.resolve(name === "/falco/bot" ? web.workspace.token : `${slack.url}/services/T0/B0/hook`),
    secret: () => Promise.resolve(undefined),
  });
  const publisher = awsPublisher({ endpoint: sns.url, region: "eu-west-1", credentials: { accessKeyId: "test", secretAccessKey: "test" } });
  const putter = awsPutter({ endpoint: bus.url, region: "eu-west-1", credentials: { accessKeyId: "test", secretAccessKey: "test" } });
  const doubles = { slack, sns, bus };
  return {
    channel: channels(secrets, { publisher, putter, slackApi: web.apiUrl }),
    received: () => [...slack.received, ...sns.received, ...web.workspace.messages(), ...bus.received],
    trouble: (kind, what) => {
      if (kind === "slack-bot") {
        const answer = API[what];
        if (answer === "hang") web.failWith("hang");
        else web.workspace.trouble.push(answer);
        return;
      }
      const trouble = DOUBLE[kind][what];
      // The SDK asks twice before it gives up, and entries are put three times.
      const times = kind === "slack" || what === "refused" ? 1 : kind === "bus" ? 3 : 2;
      doubles[kind].trouble.push(...Array.from({ length: times }, () => trouble));
    },
    close: async () => {
      await Promise.all([slack.close(), sns.close(), bus.close(), web.stop()]);
    },
  };
});

async function toSlack(urls: readonly string[], trouble: readonly Trouble[] = []) {
  const slack = await slackDouble();
  slack.trouble.push(...trouble);
  let reads = 0;
  const parameter = () => {
    const url = urls[Math.min(reads, urls.length - 1)] ?? "";
    reads += 1;
    return Promise.resolve(url.replace("SLACK", slack.url));
  };
  const channel = channels(secretReader({ parameter, secret: () => Promise.resolve(undefined) }));
  try {
    return { delivery: await channel.send(slackMessage(), AbortSignal.timeout(10_000)), reads, paths: slack.paths };
  } finally {
    await slack.close();
  }
}

test("a revoked URL is read once more, and the new one is used; the same one again is final", async () => {
  const rotated = await toSlack(["SLACK/revoked/OLDHOOK", "SLACK/services/NEWHOOK"]);
  expect(rotated).toEqual({ delivery: { kind: "sent", reference: null }, reads: 2, paths: ["/revoked/OLDHOOK", "/services/NEWHOOK"] });
  const same = await toSlack(["SLACK/revoked/OLDHOOK"]);
  expect(same).toEqual({
    delivery: { kind: "permanent", because: "Slack answered 404 no_service" },
    reads: 2,
    paths: ["/revoked/OLDHOOK"],
  });
});

test("Slack's Retry-After is kept, an hour at most", async () => {
  const limited = (seconds: string): Trouble => ({ status: 429, body: "rate_limited", headers: { "retry-after": seconds } });
  expect((await toSlack(["SLACK/services/x"], [limited("7")])).delivery).toMatchObject({ kind: "retry", afterMs: 7_000 });
  expect((await toSlack(["SLACK/services/x"], [limited("999999")])).delivery).toMatchObject({ afterMs: 3_600_000 });
  expect((await toSlack(["SLACK/services/x"], [limited("soon")])).delivery).toMatchObject({ kind: "retry", afterMs: null });
});

test.each([
  [{ status: 400, body: "invalid_payload" }, "permanent"],
  [{ status: 403, body: "action_prohibited" }, "permanent"],
  [{ status: 302, body: "", headers: { location: "http://127.0.0.1:1/elsewhere" } }, "permanent"],
  [{ status: 500, body: "rollup_error" }, "retry"],
  [{ status: 503, body: "<html>https://hooks.example/HOOK</html>" }, "retry"],
] as const)("Slack's %o is %s", async (trouble, kind) => {
  const { delivery } = await toSlack(["SLACK/services/HOOK"], [trouble]);
  expect(delivery.kind).toBe(kind);
  expect(JSON.stringify(delivery)).not.toMatch(/HOOK|https?:/);
});

test("the URL stands in no answer, whatever goes wrong", async () => {
  for (const url of [
    "http://example.com/services/HOOK",
    "not a url HOOK",
    "ftp://127.0.0.1/HOOK",
    "http://127.0.0.1:1/services/HOOK",
    "https://127.0.0.1:1/services/HOOK",
  ]) {
    const { delivery } = await toSlack([url]);
    expect(delivery.kind).toBe(url.includes("127.0.0.1:1/") ? "retry" : "permanent");
    expect(JSON.stringify(delivery)).not.toContain("HOOK");
  }
});
