import { PutParameterCommand } from "@aws-sdk/client-ssm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { attackOnPod, attackOnTask, waitFor } from "../../lab/lab.ts";
import { invoke, openWorld, recorded, type World } from "./world.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld({ policy: "policy.yml", taskCount: 2, podCount: 2 });
});
afterAll(async () => await world?.stop());

test("the shipped policy decides what enforcing would do, says so, and touches nothing", async () => {
  const [tasks, pods] = [await world.tasks(), await world.pods()];
  const [task, pod] = [tasks[0], pods[0]];
  if (task === undefined || pod === undefined) throw new Error("nothing runs");
  await world.ship(attackOnTask(task, world.sensorOf(task)));
  await world.ship(attackOnPod(pod));
  const drop = "Drop and execute new binary in container";
  const onTask = await recorded(world, "the attack on the task", ({ alert, target }) => alert.rule === drop && target === task.arn);
  const onPod = await recorded(world, "the attack on the pod", ({ alert, target }) => alert.rule === drop && target === pod.uid);
  const passes = expect.stringContaining("enforcing, switch and budgets would let it pass now");
  expect(onTask.decisions).toMatchObject([{ kind: "would-act", action: { action: "ecs:stop-task" }, because: passes }]);
  expect(onPod.decisions).toMatchObject([{ kind: "would-act", action: { action: "kubernetes:terminate" } }]);
  await waitFor("SNS says what would have been done", () =>
    Promise.resolve(world.inbox.messages().filter(({ attributes }) => attributes["decision"] === "would-act").length >= 2),
  );
  expect((await world.ledger()).receipts).toEqual([]);
  expect((await world.tasks()).map(({ arn, status }) => ({ arn, status }))).toEqual(tasks.map(({ arn, status }) => ({ arn, status })));
  expect((await world.pods()).map(({ uid }) => uid).sort()).toEqual(pods.map(({ uid }) => uid).sort());
});

test("paused with one AWS command, what enforcing would do is held from then on; sweep tells that, and the end of it", async () => {
  const SWITCH = "/falco-responder/lab/switch";
  const set = (Value: string) => world.aws.ssm.send(new PutParameterCommand({ Name: SWITCH, Value, Overwrite: true }));
  const [, task] = await world.tasks();
  if (task === undefined) throw new Error("nothing runs");
  const told = (title: string) =>
    waitFor(`SNS says "${title}"`, () => Promise.resolve(world.inbox.messages().find(({ subject }) => subject.includes(title))));
  await set("pause");
  // What a responder was told before is good for five seconds.
  await new Promise((resolve) => setTimeout(resolve, 5_100));
  await world.ship(attackOnTask(task, world.sensorOf(task)));
  const drop = "Drop and execute new binary in container";
  const held = await recorded(world, "the attack while paused", ({ alert, target }) => alert.rule === drop && target === task.arn);
  expect(held.decisions).toMatchObject([
    {
      kind: "would-act",
      because: expect.stringContaining(`it would be held now: the kill switch is on: the parameter ${SWITCH} says pause`),
    },
  ]);
  await invoke(world, "sweep");
  await told("Paused");
  await set("run");
  await new Promise((resolve) => setTimeout(resolve, 5_100));
  await invoke(world, "sweep");
  await told("Resumed");
});
