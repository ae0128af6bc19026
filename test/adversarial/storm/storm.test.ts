import { describe, expect, test } from "vitest";
import { Fifo, SQS } from "./fifo.ts";
import { BUDGETS, judgeRush, rush } from "./responders.ts";
import { judgeStorm, storm } from "./storm.ts";
import { VirtualTime } from "./virtual-time.ts";

describe("an attacker's storm", () => {
  test("of 20,000 alerts keeps nobody else waiting, spends its owner's share and is told in few messages", async () => {
    const calm = await storm(0);
    const stormy = await storm(20_000);
    expect(judgeStorm(stormy, calm)).toBeNull();
    expect(stormy.alerts).toBe(20_003);
  }, 60_000);

  test.each([
    ["no coalescing", 1_200, /messages in the queue/],
    ["no coalescing, one group for all", 1_200, /ms later/],
  ] as const)(
    "would be noticed with %s",
    async (plant, alerts, because) => {
      expect(judgeStorm(await storm(alerts, plant), await storm(0))).toMatch(because);
    },
    60_000,
  );
});

describe("fifty responders at once", () => {
  test("never exceed a budget, and stop everything where there is enough of it", async () => {
    for (const seed of [1, 2]) {
      const result = await rush(seed, BUDGETS);
      expect(judgeRush(result, BUDGETS)).toBeNull();
      expect(result.stops).toBe(BUDGETS.cluster);
      expect(result.conflicts).toBeGreaterThan(0);
    }
    expect(await rush(1, { windowSeconds: 600, owner: 100, cluster: 400, fleet: 400 })).toMatchObject({ stops: 50, mostOfOwner: 5 });
  }, 60_000);

  test("would be noticed to exceed it if budgets had no versions", async () => {
    expect(judgeRush(await rush(1, BUDGETS, true), BUDGETS)).toMatch(/the budget is 12/);
  }, 60_000);
});

describe("the queue that the storm is played on", () => {
  const queued = (...messages: readonly (readonly [body: string, group: string])[]) => {
    const queue = new Fifo(new VirtualTime(0));
    for (const [body, group] of messages) queue.send(body, group, body);
    return queue;
  };
  const bodies = (batch: ReturnType<Fifo["receive"]>) => batch.map(({ body }) => body);

  test("gives a group in order, and nothing of it while some of it is worked on", () => {
    const queue = queued(["1", "a"], ["2", "a"], ["3", "b"]);
    const first = queue.receive();
    expect(bodies(first)).toEqual(["1", "2", "3"]);
    queue.send("4", "a", "4");
    queue.send("5", "c", "5");
    expect(bodies(queue.receive())).toEqual(["5"]);
    queue.settle(first, new Set());
    expect(bodies(queue.receive())).toEqual(["4"]);
  });

  test("knows a message for five minutes, each group its own", async () => {
    const time = new VirtualTime(0);
    const queue = new Fifo(time);
    for (const group of ["a", "a", "b"]) queue.send("1", group, "same");
    time.after(SQS.dedupMs, () => queue.send("1", "a", "same"));
    await time.run();
    expect([queue.accepted, queue.deduplicated]).toEqual([3, 1]);
  });

  test("does not see behind its first 120,000 messages", () => {
    const queue = new Fifo(new VirtualTime(0));
    for (let n = 0; n < SQS.scan; n++) queue.send("x", "a", String(n));
    expect(queue.receive()).toHaveLength(SQS.batch);
    queue.send("y", "b", "y");
    expect(queue.receive()).toEqual([]);
  });
});
