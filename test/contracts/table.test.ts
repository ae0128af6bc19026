import { afterAll, describe, expect, test } from "vitest";
import { dynamodbTable } from "#shared/adapters/dynamodb-table.ts";
import type { IncidentBody } from "#shared/ledger/incident.ts";
import { unpack } from "#shared/ledger/items.ts";
import { metaKey } from "#shared/ledger/keys.ts";
import { respond } from "#shared/pipeline/respond.ts";
import { sweep } from "#shared/pipeline/sweep.ts";
import { policyOf, shellRule, taskEntry, World } from "../fakes/world.ts";
import { atOnce } from "../pipeline/at-once.ts";
import { makeLedger } from "./ledger-table.ts";
import { tableSuite } from "./table.suite.ts";

/** Set by the lab. */
const endpoint = process.env["AWS_ENDPOINT_URL"];
const signal = new AbortController().signal;

describe.skipIf(endpoint === undefined)("with AWS_ENDPOINT_URL set to the emulator's", () => {
  const name = `ledger-contract-${process.pid}`;
  const made: (() => Promise<void>)[] = [];
  const ledger = async (tableName: string) => {
    made.push(await makeLedger(tableName));
    return dynamodbTable(tableName);
  };
  afterAll(async () => {
    for (const remove of made) await remove();
  });

  tableSuite("DynamoDB", () => ledger(name));

  test("50 responders at the same moment spend no more than an owner's budget, in claims of the same ledger", async () => {
    const budgets = { windowSeconds: 600, owner: 5, cluster: 1_000, fleet: 1_000 };
    const world = new World(policyOf([shellRule], { budgets }));
    await ledger(`${name}-budget`);
    const tasks = world.ecs.service("web", { family: "web", instance: world.ecs.instance("i-1"), tags: {}, desired: 50 });
    const bodies = tasks.map((task) =>
      JSON.stringify(taskEntry(world, { taskArn: task.taskArn, containerId: task.containers[0]?.runtimeId ?? "" })),
    );
    const acted = await atOnce(bodies, () => ({ ...world.respondPorts(), table: dynamodbTable(`${name}-budget`) }));
    expect(acted.filter((one) => one === "done")).toHaveLength(5);
    expect(acted.filter((one) => one === "held")).toHaveLength(45);
    expect([...world.ecs.stopped.values()].reduce((sum, count) => sum + count, 0)).toBe(5);
  });

  test("alerts about many tasks of one service at the same time: each stopped once, one incident, all told", async () => {
    const world = new World(policyOf([shellRule], { budgets: { windowSeconds: 600, cluster: 1_000, fleet: 1_000, owner: 1_000 } }));
    const table = await ledger(`${name}-respond`);
    const instance = world.ecs.instance("i-1");
    const tasks = world.ecs.service("web", { family: "web", instance, tags: {}, desired: 6 });
    const entries = tasks.map((task) => taskEntry(world, { taskArn: task.taskArn, containerId: task.containers[0]?.runtimeId ?? "" }));
    const deliver = (entry: (typeof entries)[number]) =>
      respond({ body: JSON.stringify(entry), receiveCount: 1 }, { ...world.respondPorts(), table }, signal);
    const results = await Promise.all(entries.map(deliver));
    const again = await Promise.all(entries.map(deliver));
    expect(results.map((result) => (result.kind === "recorded" ? result.acted : result))).toEqual(entries.map(() => ["done"]));
    expect(again.map((result) => (result.kind === "recorded" ? result.acted : result))).toEqual(entries.map(() => ["already"]));
    expect([...world.ecs.stopped.values()]).toEqual(entries.map(() => 1));
    const incident = results[0]?.kind === "recorded" ? results[0].incident : "";
    const meta = await table.get(metaKey(incident), signal);
    expect(meta === null ? null : unpack<IncidentBody>(meta, "incident")).toMatchObject({ count: 6, state: "open" });
    world.later(60_000);
    // Sent this late, each decision tells its outcome too.
    expect((await sweep({ ...world.sweepPorts(), table }, signal)).notes).toMatchObject({ sent: 6, skipped: 6, dead: 0 });
    world.later(31 * 60_000);
    expect((await sweep({ ...world.sweepPorts(), table }, signal)).closed).toBe(1);
  });
});
