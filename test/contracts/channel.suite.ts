import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { renderEvents } from "#shared/notify/events.ts";
import { renderSlack } from "#shared/notify/slack.ts";
import { renderSns } from "#shared/notify/sns.ts";
import type { Channel, Delivery, OutgoingMessage } from "#shared/ports/channel.ts";
import { receipt, view } from "../notify/views.ts";

/** A channel and what stands behind it. `trouble` meets the next send of that kind. */
export interface ChannelWorld {
  readonly channel: Channel;
  received(): readonly unknown[];
  trouble(kind: OutgoingMessage["kind"], what: "throttled" | "down" | "silent" | "refused"): void;
  close(): Promise<void>;
}

export const TOPIC = "arn:aws:sns:eu-west-1:123456789012:falco";
export const SECRET = "ssm:/falco/slack";

export const snsMessage = (): Extract<OutgoingMessage, { kind: "sns" }> => ({
  kind: "sns",
  topicArn: TOPIC,
  ...renderSns(view({ receipts: [receipt("done")] })),
});
export const slackMessage = (): Extract<OutgoingMessage, { kind: "slack" }> => ({
  kind: "slack",
  urlSecret: SECRET,
  payload: renderSlack(view({ receipts: [receipt("done")] })),
});

export const BOT_SECRET = "ssm:/falco/bot";
export const BOT_CHANNEL = "C0LAB00001";
type BotMessage = Extract<OutgoingMessage, { kind: "slack-bot" }>;
export const botMessage = (call: BotMessage["call"] = { kind: "post" }): BotMessage => ({
  kind: "slack-bot",
  botTokenSecret: BOT_SECRET,
  channelId: BOT_CHANNEL,
  call,
  payload: renderSlack(view({ receipts: [receipt("done")] })),
});
export const busMessage = (): Extract<OutgoingMessage, { kind: "bus" }> => ({
  kind: "bus",
  busArn: "arn:aws:events:eu-west-1:123456789012:event-bus/falco-responder-test",
  events: renderEvents(view({ receipts: [receipt("done")] }), 0, () => false),
});
const MESSAGES: Readonly<Record<OutgoingMessage["kind"], () => OutgoingMessage>> = {
  sns: snsMessage,
  slack: slackMessage,
  "slack-bot": () => botMessage(),
  bus: busMessage,
};

/** What every channel does, the fake as the real one. */
export function channelContract(name: string, open: () => Promise<ChannelWorld>): void {
  describe(`channel: ${name}`, () => {
    let world: ChannelWorld;
    const signal = () => AbortSignal.timeout(20_000);
    beforeEach(async () => {
      world = await open();
    });
    afterEach(() => world.close());

    test("SNS gets subject, text, document and attributes as they were rendered", async () => {
      expect((await world.channel.send(snsMessage(), signal())).kind).toBe("sent");
      expect(world.received()).toEqual([snsMessage()]);
    });

    test("Slack gets the blocks as they were rendered", async () => {
      expect((await world.channel.send(slackMessage(), signal())).kind).toBe("sent");
      expect(world.received()).toHaveLength(1);
    });

    test("a bot's message can be updated and answered under its reference; one that is gone is told so", async () => {
      const posted = await world.channel.send(botMessage(), signal());
      const ts = posted.kind === "sent" ? (posted.reference ?? "") : "";
      expect(ts).toMatch(/^\d+\.\d+$/);
      expect(await world.channel.send(botMessage({ kind: "update", ts }), signal())).toEqual({ kind: "sent", reference: ts });
      const reply = await world.channel.send(botMessage({ kind: "reply", ts, broadcast: false }), signal());
      expect(reply).toMatchObject({ kind: "sent", reference: expect.stringMatching(/^\d+\.\d+$/) });
      expect(await world.channel.send(botMessage({ kind: "update", ts: "1.000001" }), signal())).toMatchObject({ kind: "gone" });
      expect(await world.channel.send(botMessage({ kind: "reply", ts: "1.000001", broadcast: true }), signal())).toMatchObject({
        kind: "gone",
      });
    });

    test("a bus gets every event, more than a call holds, and refuses what is no JSON for good", async () => {
      const message = busMessage();
      const [event] = message.events;
      if (event === undefined) throw new Error("no event");
      const many = { ...message, events: Array.from({ length: 25 }, () => event) };
      expect((await world.channel.send(many, signal())).kind).toBe("sent");
      expect((await world.channel.send({ ...message, events: [{ ...event, detail: "{" }] }, signal())).kind).toBe("permanent");
    });

    test("a message that breaks a limit is refused for good; the same message within it is sent", async () => {
      const good = slackMessage();
      const long = { type: "header", text: { type: "plain_text", text: "x".repeat(151), emoji: false } };
      const bad = await world.channel.send({ ...good, payload: { ...good.payload, blocks: [long] } }, signal());
      expect(bad.kind).toBe("permanent");
      expect((await world.channel.send({ ...snsMessage(), subject: "two\nlines" }, signal())).kind).toBe("permanent");
      const fits = { ...long, text: { ...long.text, text: "x".repeat(150) } };
      expect((await world.channel.send({ ...good, payload: { ...good.payload, blocks: [fits] } }, signal())).kind).toBe("sent");
    });

    const CASES = [
      ["throttled", "retry"],
      ["down", "retry"],
      ["refused", "permanent"],
    ] as const satisfies readonly (readonly [string, Delivery["kind"]])[];
    for (const kind of ["sns", "slack", "slack-bot", "bus"] as const)
      test.each(CASES)(`${kind} %s is %s, and the next message goes through`, async (what, expected) => {
        const message = MESSAGES[kind]();
        world.trouble(kind, what);
        const delivery = await world.channel.send(message, signal());
        expect(delivery.kind).toBe(expected);
        expect(delivery.kind === "sent" ? "" : delivery.because).not.toBe("");
        expect((await world.channel.send(message, signal())).kind).toBe("sent");
      });

    test("what is given up in the middle may be sent again", async () => {
      world.trouble("slack", "silent");
      expect((await world.channel.send(slackMessage(), AbortSignal.timeout(200))).kind).toBe("retry");
      expect((await world.channel.send(slackMessage(), signal())).kind).toBe("sent");
    });
  });
}
