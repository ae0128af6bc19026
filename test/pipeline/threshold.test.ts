import { describe, expect, test } from "vitest";
import { PipelineError } from "#shared/domain/error.ts";
import type { PolicyRule, Threshold } from "#shared/domain/policy.ts";
import type { QueueEntry } from "#shared/domain/queue-entry.ts";
import type { AlertBody } from "#shared/ledger/incident.ts";
import { respond } from "#shared/pipeline/respond.ts";
import { policyOf, shellRule, taskEntry, World } from "../fakes/world.ts";

const signal = new AbortController().signal;
const threshold: Threshold = { count: 3, windowSeconds: 300, by: ["container"] };
const counting = (more: Partial<Threshold> = {}): PolicyRule => ({
  ...shellRule,
  match: { ...shellRule.match, threshold: { ...threshold, ...more } },
});

function stage(rules: readonly PolicyRule[] = [counting()]) {
  const world = new World(policyOf(rules));
  const tasks = world.ecs.service("web", { family: "web", instance: world.ecs.instance("i-1"), tags: {}, desired: 3 });
  const alert = (task = tasks[0], more: Parameters<typeof taskEntry>[2] = {}): QueueEntry =>
    taskEntry(
      world,
      { taskArn: task?.taskArn ?? "", containerId: task?.containers[0]?.runtimeId ?? "" },
      { batch: `b${world.table.writes}`, rules: rules.map(({ name }) => name), ...more },
    );
  const send = (entry: QueueEntry) => respond({ body: JSON.stringify(entry), receiveCount: 1 }, world.respondPorts(), signal);
  const stops = () => [...world.ecs.stopped.values()].reduce((sum, count) => sum + count, 0);
  return { world, tasks, alert, send, stops };
}

describe("a rule with a threshold", () => {
  test("does nothing before the n-th alert, records that it counted, and acts on the n-th", async () => {
    const { world, alert, send, stops } = stage();
    expect(await send(alert())).toEqual({ kind: "counted", because: 'rule "shell": counted, 1 of 3 within 300 s' });
    expect(await send(alert())).toEqual({ kind: "counted", because: 'rule "shell": counted, 2 of 3 within 300 s' });
    expect([stops(), world.table.ofType("incident").length, world.table.ofType("note").length]).toEqual([0, 0, 0]);
    expect(world.table.ofType("threshold")).toHaveLength(1);
    expect(await send(alert())).toMatchObject({ kind: "recorded", decisions: ["act"], acted: ["done"] });
    expect(stops()).toBe(1);
    expect(world.bodies<AlertBody>("alert").map(({ counted }) => counted)).toEqual([['rule "shell": counted, 3 of 3 within 300 s']]);
  });

  test("a redelivered alert counts once; its twin in another batch counts", async () => {
    const { alert, send } = stage();
    await send(alert());
    const again = alert();
    for (let n = 0; n < 4; n++) expect(await send(again)).toMatchObject({ kind: "counted", because: expect.stringContaining("2 of 3") });
    expect(await send({ ...again, batch: "another", alert: { ...again.alert, id: "f".repeat(64) } })).toMatchObject({ kind: "recorded" });
  });

  test("coalesced alerts count with their number, at their own times", async () => {
    const { world, alert, send } = stage();
    const nowMs = world.clock.now();
    const spread = [nowMs - 900_000, nowMs - 500_000, nowMs - 1_000];
    expect(await send(alert(undefined, { count: 3, times: spread }))).toMatchObject({ because: expect.stringContaining("1 of 3") });
    const near = [nowMs - 3_000, nowMs - 2_000];
    expect(await send(alert(undefined, { count: 2, times: near }))).toMatchObject({ kind: "recorded" });
    expect(await stage().send(stage().alert(undefined, { count: 3 }))).toMatchObject({ kind: "recorded" });
  });

  test("alerts of another container are counted apart by container, and together by owner", async () => {
    for (const [by, kind] of [
      ["container", "counted"],
      ["owner", "recorded"],
    ] as const) {
      const { tasks, alert, send } = stage([counting({ by: [by] })]);
      await send(alert(tasks[0]));
      await send(alert(tasks[1]));
      expect(await send(alert(tasks[2])), by).toMatchObject({ kind });
    }
  });

  test("an output field tells apart, and an alert without it is counted with others without it", async () => {
    const by = (values: readonly (string | null)[]) => async () => {
      const { alert, send } = stage([counting({ by: ["fd.rip"] })]);
      const kinds: string[] = [];
      for (const value of values) {
        const entry = alert();
        const fields = value === null ? entry.alert.fields : { ...entry.alert.fields, "fd.rip": value };
        kinds.push((await send({ ...entry, alert: { ...entry.alert, fields } })).kind);
      }
      return kinds;
    };
    expect(await by(["10.0.0.1", "10.0.0.2", "10.0.0.1"])()).toEqual(["counted", "counted", "counted"]);
    expect(await by(["10.0.0.1", "10.0.0.1", "10.0.0.1"])()).toEqual(["counted", "counted", "recorded"]);
    expect(await by([null, null, "10.0.0.1"])()).toEqual(["counted", "counted", "counted"]);
    expect(await by([null, null, null])()).toEqual(["counted", "counted", "recorded"]);
  });

  test("whoever may not accuse brings nobody nearer: the twins differ in the accuser", async () => {
    const forged = async (verified: boolean) => {
      const { alert, send, stops } = stage();
      for (let n = 0; n < 2; n++) {
        const entry = alert();
        await send({
          ...entry,
          tell: verified ? null : "forged",
          accuser: { ...entry.accuser, verified, because: verified ? null : "forged" },
        });
      }
      await send(alert());
      return stops();
    };
    expect(await forged(false)).toBe(0);
    expect(await forged(true)).toBe(1);
  });

  test("a target that is not verified is counted apart where the rule asks for its owner", async () => {
    const { world, tasks, alert, send } = stage([counting({ by: ["owner"] })]);
    const lost = alert(tasks[0], { about: { containerId: "ffffffffffff" } });
    for (let n = 0; n < 2; n++) await send({ ...lost, batch: `lost${n}`, alert: { ...lost.alert, id: String(n).repeat(64) } });
    expect(await send(alert(tasks[0]))).toMatchObject({ kind: "counted", because: expect.stringContaining("1 of 3") });
    expect(world.table.ofType("threshold")).toHaveLength(2);
  });

  test("while nobody can tell whether the rule's workload clauses hold, alerts are counted apart; a rule without such clauses counts on", async () => {
    const workload = [{ fact: "service", test: { op: "equals", values: ["web"] } }] as const;
    for (const [match, kind] of [
      [{ ...counting().match, workload }, "counted"],
      [counting().match, "recorded"],
    ] as const) {
      const { world, alert, send } = stage([{ ...shellRule, match }]);
      for (let n = 0; n < 2; n++) {
        world.ecs.fail("describe", new PipelineError("aws_denied", "no"));
        expect(await send(alert())).toMatchObject({ kind: "counted" });
      }
      expect(await send(alert())).toMatchObject({ kind });
    }
  });

  test("a rule without one beside it acts at once, and what is counted stands beside it", async () => {
    const plain: PolicyRule = { ...shellRule, name: "plain", actions: [] };
    const { world, alert, send } = stage([counting(), plain]);
    expect(await send(alert())).toMatchObject({ kind: "recorded", decisions: [] });
    expect(world.bodies<AlertBody>("alert")).toMatchObject([{ rules: ["plain"], counted: [expect.stringContaining("1 of 3")] }]);
  });

  test("a rule without a threshold reads no count", async () => {
    for (const [rules, reads] of [
      [[shellRule], 0],
      [[counting()], 1],
    ] as const) {
      const { world, alert, send } = stage(rules);
      let read = 0;
      world.table.onRead = ({ pk }) => {
        if (pk.startsWith("THRESHOLD#")) read++;
      };
      await send(alert());
      expect(read).toBe(reads);
    }
  });

  test("a crash between counting and recording counts nothing twice", async () => {
    const { world, alert, send } = stage();
    await send(alert());
    const second = alert();
    world.table.trouble = { crashAfter: world.table.writes + 1 };
    await expect(send(second)).rejects.toThrow();
    world.table.trouble = {};
    expect(await send(second)).toMatchObject({ because: expect.stringContaining("2 of 3") });
  });

  test("responders that count at the same moment lose no alert", async () => {
    const { world, tasks, alert, send } = stage([counting({ by: ["owner"], count: 6 })]);
    const entries = Array.from({ length: 6 }, (_, n) => alert(tasks[n % 3], { batch: `at once ${n}` }));
    const kinds = await Promise.all(entries.map(async (entry) => (await send(entry)).kind));
    expect(kinds.filter((kind) => kind === "recorded").length).toBeGreaterThanOrEqual(1);
    expect(JSON.parse(String(world.table.ofType("threshold")[0]?.["body"])).counted).toHaveLength(6);
  });
});
