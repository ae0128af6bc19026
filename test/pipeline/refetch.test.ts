import { describe, expect, test } from "vitest";
import { PipelineError } from "#shared/domain/error.ts";
import { PRESET_HEARTBEAT } from "#shared/domain/sensor.ts";
import { noticeOf, readNotice } from "#shared/ledger/notices.ts";
import { ingest } from "#shared/pipeline/ingest.ts";
import { type RefetchPorts, refetch } from "#shared/pipeline/refetch.ts";
import { FakeAlertQueue } from "../fakes/alert-queue.ts";
import { FakeArchive } from "../fakes/archive.ts";
import { FakeClock } from "../fakes/clock.ts";
import { FakeLogGroups } from "../fakes/log-groups.ts";
import { FakeTable } from "../fakes/table.ts";
import { FakeTelemetry } from "../fakes/telemetry.ts";
import { ACCOUNT, LOG_GROUP, packed } from "../fixtures/logs.ts";
import { everything, policyOf, registry } from "../fixtures/registry.ts";
import { alertText } from "../fixtures/shapes.ts";

const signal = new AbortController().signal;
const MINUTE = 60_000;

/** A log group whose lines reach ingest, or do not, and refetch every five minutes. */
class Group {
  readonly clock = new FakeClock(Date.parse("2026-11-23T19:00:00.000Z"));
  readonly table = new FakeTable();
  readonly queue = new FakeAlertQueue(() => this.clock.now());
  readonly groups = new FakeLogGroups();
  readonly telemetry = new FakeTelemetry();
  readonly archive = new FakeArchive();
  delivers = true;
  #made = 0;

  ports(): RefetchPorts {
    const { clock, table, queue, groups, telemetry, archive: unreadable } = this;
    const its = { ...registry, notifications: { ...registry.notifications, system: ["oncall"] } };
    return { registry: its, policy: policyOf([everything]), clock, table, queue, groups, telemetry, unreadable };
  }

  /** One line is taken in now, and delivered if the subscription works. */
  async line(more: { readonly stream?: string; readonly agoMs?: number; readonly text?: string; readonly delivered?: boolean } = {}) {
    const { stream = "ecs/one", agoMs = 2_000, delivered = this.delivers } = more;
    const now = this.clock.now();
    const time = new Date(now - agoMs).toISOString();
    const event = {
      id: `3955${String(++this.#made).padStart(52, "0")}`,
      timestamp: now - agoMs,
      message: more.text ?? alertText({ time, fields: { "container.id": this.#made.toString(16).padStart(12, "0") } }),
    };
    this.groups.events.push({ ...event, logGroup: LOG_GROUP, logStream: stream, ingestedMs: now });
    if (delivered) await this.deliver([event], stream);
    return event;
  }

  async deliver(logEvents: readonly object[], logStream: string): Promise<void> {
    const document = { messageType: "DATA_MESSAGE", owner: ACCOUNT, logGroup: LOG_GROUP, logStream, subscriptionFilters: ["f"], logEvents };
    await ingest(packed(document), this.ports(), signal);
  }

  run = () => refetch(this.ports(), signal);

  /** Lines every 20 s, and refetch every five minutes. */
  async pass(minutes: number): Promise<void> {
    for (let tick = 0; tick < minutes * 3; tick++) {
      this.clock.nowMs += 20_000;
      await this.line();
      if (this.clock.nowMs % (5 * MINUTE) === 0) await this.run();
    }
  }

  /** No more lines; what is due is compared. */
  async settle(): Promise<void> {
    for (let n = 0; n < 4; n++) {
      this.clock.nowMs += 5 * MINUTE;
      await this.run();
    }
  }

  get notices() {
    return this.table.ofType("note").flatMap((item) => {
      const notice = readNotice(item);
      return notice === null ? [] : [noticeOf(notice)];
    });
  }

  /** Ids of alerts that were queued. */
  get alerts(): readonly string[] {
    return this.queue.sent.map(({ entry }) => entry.alert.id);
  }
}

describe("what CloudWatch never delivered", () => {
  test("is found, handed over by the same path, and told with true counts; what was delivered is not touched", async () => {
    const group = new Group();
    await group.pass(20);
    expect(group.notices).toEqual([]);
    group.delivers = false;
    await group.pass(10);
    group.delivers = true;
    await group.pass(20);
    await group.settle();
    expect(group.alerts).toHaveLength(150);
    expect(new Set(group.alerts).size).toBe(150);
    const told = group.notices.map(({ title }) => Number(/^\d+/.exec(title)?.[0]));
    expect(told.reduce((sum, count) => sum + count, 0)).toBe(30);
    expect(group.notices[0]).toMatchObject({ kind: "delivery-gap", subject: LOG_GROUP, severity: "warning" });
    const late = group.queue.sent.filter(({ entry }) => entry.receivedMs - (entry.alert.timeMs ?? 0) > MINUTE);
    expect(late).toHaveLength(30);
    for (const { entry } of late) expect(entry.accuser).toMatchObject({ logGroup: LOG_GROUP, logStream: "ecs/one", verified: true });
  });

  test("a single line among many, and the last before silence", async () => {
    const group = new Group();
    await group.pass(10);
    const lost = await group.line({ delivered: false, stream: "ecs/two" });
    await group.pass(10);
    await group.settle();
    expect(group.queue.sent.filter(({ entry }) => entry.accuser.eventId === lost.id)).toHaveLength(1);
    expect(group.notices).toHaveLength(1);
  });

  test("nothing missing: nothing is listed twice, nothing is told, however the minutes fall", async () => {
    for (const agoMs of [0, 2_000, 19_000, 55_000]) {
      const group = new Group();
      for (let n = 0; n < 60; n++) {
        group.clock.nowMs += 31_000;
        await group.line({ agoMs: (n * 7_919) % (agoMs + 1) });
        if (n % 10 === 0) await group.run();
      }
      await group.settle();
      expect(group.notices).toEqual([]);
      expect(group.alerts).toHaveLength(60);
    }
  });

  test("a batch that was delivered twice does not hide one that was not", async () => {
    const group = new Group();
    await group.pass(10);
    const twice = await group.line();
    group.clock.nowMs += 61_000;
    await group.deliver([{ id: twice.id, timestamp: twice.timestamp, message: twice.message }], "ecs/one");
    const lost = await group.line({ delivered: false });
    await group.settle();
    expect(group.queue.sent.some(({ entry }) => entry.accuser.eventId === lost.id)).toBe(true);
  });

  test("what a shipper held back for hours and was delivered is not missing; what it held back and was not is told as not fetched", async () => {
    for (const delivered of [true, false]) {
      const group = new Group();
      await group.pass(10);
      for (let n = 0; n < 5; n++) await group.line({ agoMs: 3 * 60 * MINUTE, delivered });
      await group.settle();
      expect(group.notices.map(({ severity }) => severity)).toEqual(delivered ? [] : ["critical"]);
      if (!delivered) expect(group.notices[0]?.lines.join(" ")).toContain("5 were not found");
    }
  });

  test("heartbeats and unreadable lines end as they would have", async () => {
    const group = new Group();
    await group.pass(10);
    await group.line({ text: '{"log":{"rule":', delivered: false });
    await group.line({ text: alertText({ rule: PRESET_HEARTBEAT.rule }), delivered: false });
    await group.settle();
    expect(group.archive.objects.size).toBe(1);
    expect(group.notices).toHaveLength(1);
    expect(group.notices[0]?.title).toMatch(/^2 log events/);
  });
});

describe("in trouble", () => {
  test.each(Array.from({ length: 14 }, (_, n) => n + 1))(
    "dying at write %i loses nothing, doubles nothing, and it is told",
    async (nth) => {
      const group = new Group();
      group.groups.pageSize = 7;
      await group.pass(10);
      group.delivers = false;
      await group.pass(3);
      group.delivers = true;
      group.table.trouble = { [nth % 2 === 0 ? "crashAfter" : "crashBefore"]: group.table.writes + nth };
      group.clock.nowMs += 7 * MINUTE;
      for (let n = 0; n < 3; n++) {
        group.clock.nowMs += 5 * MINUTE;
        await group.run();
      }
      await group.settle();
      expect(new Set(group.alerts).size).toBe(39);
      expect(group.notices).toHaveLength(1);
      // What was queued before it died is queued again, under the same names: the ledger knows the alert.
      expect(group.alerts.length - 39).toBeLessThanOrEqual(7);
    },
  );

  test("a gap that is too large for one run is gone on with, and told once", async () => {
    const group = new Group();
    group.groups.pageSize = 2;
    await group.pass(10);
    for (let n = 0; n < 300; n++) {
      group.clock.nowMs += 100;
      await group.line({ delivered: false });
    }
    await group.settle();
    for (let n = 0; n < 6; n++) await group.run();
    expect(new Set(group.alerts).size).toBe(330);
    expect(group.notices.map(({ title }) => Number(/^\d+/.exec(title)?.[0])).reduce((sum, count) => sum + count, 0)).toBe(300);
  });

  test("metrics or lists that cannot be had are counted, and had later", async () => {
    const group = new Group();
    await group.pass(10);
    await group.line({ delivered: false });
    group.groups.fail("received", new PipelineError("aws_throttled", "slow down"));
    group.clock.nowMs += 15 * MINUTE;
    expect(await group.run()).toMatchObject({ groups: 0, troubles: 1 });
    group.groups.fail("list", new PipelineError("aws_denied", "no right"));
    expect(await group.run()).toMatchObject({ groups: 0, troubles: 1 });
    expect(await group.run()).toMatchObject({ groups: 1, troubles: 0, fetched: 1, gaps: 1 });
    expect(group.telemetry.total("RefetchTroubles")).toBe(2);
  });

  test("two runs at once hand over the same under the same names, and tell it once", async () => {
    const group = new Group();
    await group.pass(10);
    for (let n = 0; n < 5; n++) await group.line({ delivered: false });
    group.clock.nowMs += 15 * MINUTE;
    await Promise.all([group.run(), group.run()]);
    await group.settle();
    expect(new Set(group.alerts).size).toBe(35);
    expect(group.notices).toHaveLength(1);
    expect(group.notices[0]?.title).toMatch(/^5 log events/);
  });

  test("after two days without a run the oldest that can be compared is where it goes on", async () => {
    const group = new Group();
    await group.pass(10);
    group.clock.nowMs += 3 * 24 * 60 * MINUTE;
    for (let n = 0; n < 30; n++) await group.run();
    expect(group.telemetry.total("RefetchTroubles")).toBe(0);
    expect(group.notices).toEqual([]);
  });
});
