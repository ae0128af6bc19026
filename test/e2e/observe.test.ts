import { afterAll, beforeAll, expect, test } from "vitest";
import { attackOnPod, attackOnTask, waitFor } from "../../lab/lab.ts";
import { openWorld, recorded, type World } from "./world.ts";

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
  expect(onTask.decisions).toMatchObject([{ kind: "would-act", action: { action: "ecs:stop-task" } }]);
  expect(onPod.decisions).toMatchObject([{ kind: "would-act", action: { action: "kubernetes:terminate" } }]);
  await waitFor("SNS says what would have been done", () =>
    Promise.resolve(world.inbox.messages().filter(({ attributes }) => attributes["decision"] === "would-act").length >= 2),
  );
  expect((await world.ledger()).receipts).toEqual([]);
  expect((await world.tasks()).map(({ arn, status }) => ({ arn, status }))).toEqual(tasks.map(({ arn, status }) => ({ arn, status })));
  expect((await world.pods()).map(({ uid }) => uid).sort()).toEqual(pods.map(({ uid }) => uid).sort());
});
