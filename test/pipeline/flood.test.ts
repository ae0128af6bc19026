import { expect, test } from "vitest";
import type { OrderBody } from "#shared/ledger/order.ts";
import { sweep } from "#shared/pipeline/sweep.ts";
import { of, receiptsOf, stageOf } from "./stage.ts";

const LOGS = { driver: "awslogs", group: "/ecs/web", streamPrefix: "web", region: null } as const;

test("an offender that writes long alerts and long log lines cannot make the evidence too large to be kept", async () => {
  const stage = stageOf([of("ecs:stop-task", { mode: "approve", evidence: "required" })]);
  const { world, task } = stage;
  world.registry = { ...world.registry, clusters: world.registry.clusters.map((one) => ({ ...one, taskLogGroups: ["*"] })) };
  const [container] = world.aws.definitions.define("web").containers;
  if (container === undefined) throw new Error("no container");
  const names = Array.from({ length: 10 }, (_, n) => (n === 0 ? "app" : `app${n}`));
  world.aws.definitions.define("web", { containers: names.map((name) => ({ ...container, name, logs: LOGS })) });
  const lines = Array.from({ length: 100 }, (_, n) => ({ atMs: n, line: `${n} ${"\u0000".repeat(20_000)}` }));
  for (const name of names) world.aws.logs.stream("/ecs/web", `web/${name}/${task.taskArn.split("/").at(-1)}`, lines);
  for (let n = 0; n < 30; n++) await stage.send(stage.alert({ about: { output: `${n}${"x".repeat(90_000)}` } }));
  await stage.say("approve");
  await stage.deliver();
  expect(receiptsOf(world)).toMatchObject([{ outcome: "done", evidence: { kind: "kept" } }]);
  const [kept = ""] = [...world.evidence.values()];
  const { world: seen } = JSON.parse(kept) as { world: { logs: { lines: { line: string }[] }[]; missing: string[] } };
  expect(seen.logs[0]?.lines.at(-1)?.line).toMatch(/^99 /);
  expect(seen.missing).toContainEqual(expect.stringContaining("older lines, too long to be kept"));
});

/** An incident of many alerts that is quiet, and a question of another service whose time is over. */
async function flooded() {
  const stage = stageOf([of("ecs:tag-task")]);
  const { world } = stage;
  const [other] = world.ecs.service("api", { family: "api", instance: null, tags: {}, desired: 1 });
  if (other === undefined) throw new Error("no task");
  const former = world.policy;
  world.policy = { ...former, rules: former.rules.map((rule) => ({ ...rule, mode: "approve" })) };
  await stage.send(stage.alert({}, other));
  world.policy = former;
  world.later(13_000_000);
  for (let n = 0; n < 400; n++)
    await stage.send(stage.alert({ about: { id: n.toString(16).padStart(3, "0").split("").reverse().join("").padEnd(64, "0") } }));
  world.later(2_000_000);
  return stage;
}

test("an incident of very many alerts closes without all of them being in memory at once", async () => {
  const { world, swept } = await flooded();
  let most = 0;
  const query = world.table.query.bind(world.table);
  world.table.query = async (...asked) => {
    const items = await query(...asked);
    most = Math.max(most, items.filter(({ type }) => type === "alert").length);
    return items;
  };
  expect(await swept()).toMatchObject({ closed: 2, orders: { expired: 1 } });
  expect(most).toBeLessThanOrEqual(201);
});

test("and however long that takes, what people asked for or did not answer is looked at before", async () => {
  const { world } = await flooded();
  const over = new AbortController();
  world.table.onRead = ({ sk }) => {
    if (sk === "ALERT#") over.abort(new Error("the invocation's time is over"));
  };
  await sweep(world.sweepPorts(), over.signal).catch(() => undefined);
  expect(world.bodies<OrderBody>("order")).toMatchObject([{ state: "expired" }]);
});
