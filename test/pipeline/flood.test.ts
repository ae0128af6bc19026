import { expect, test } from "vitest";
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
