import { SetQueueAttributesCommand } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  attackOnTask,
  createService,
  describe as describeTasks,
  LAB,
  type LabTask,
  type Shipment,
  startSensors,
  tasksOf,
  waitFor,
} from "../../lab/lab.ts";
import { claimsOf } from "./ledger.ts";
import { workerOf } from "./worker.ts";
import { invoke, openWorld, type World } from "./world.ts";

const OFFENDERS = 40;
const ROUNDS = 25;
const FARM = "farm";

let world: World;
beforeAll(async () => {
  world = await openWorld({ policy: "test/e2e/thousand-policy.yml", taskCount: 1, podCount: 1 });
});
afterAll(async () => await world?.stop());

test("1,000 alerts with duplicates, a respond worker killed while a claim is executing: all accounted for, each target acted on once", async () => {
  // A container that ignores SIGTERM for a while: the worker is verifying when it is killed.
  const offenders = await createService(world.aws.ecs, LAB.ecsCluster, FARM, { count: OFFENDERS, stopTimeout: 3 });
  const sensors = await startSensors(world.aws.ecs, LAB.ecsCluster, offenders);
  const attackOn = (task: LabTask): Shipment => {
    const sensor = sensors.get(task.instanceArn);
    if (sensor === undefined) throw new Error("no Falco there");
    const attack = attackOnTask(task, sensor);
    // The shell before it is not what this test is about.
    return { ...attack, messages: attack.messages.slice(1) };
  };
  // A message of a killed worker comes back after the visibility timeout, 6 minutes as deployed: sooner here.
  await world.aws.sqs.send(
    new SetQueueAttributesCommand({ QueueUrl: world.deployment.outputs["QueueEcsUrl"], Attributes: { VisibilityTimeout: "20" } }),
  );
  const killed = killWhenExecuting();
  const attacks = Array.from({ length: ROUNDS }, () => offenders.map(attackOn)).flat();
  let shipped = 0;
  for (const [position, batch] of batches(attacks).entries()) {
    // Every fifth batch comes twice.
    for (let time = 0; time < (position % 5 === 0 ? 2 : 1); time++) {
      await world.ship(batch);
      shipped += batch.messages.length;
    }
  }
  expect(shipped).toBeGreaterThan(OFFENDERS * ROUNDS);
  // Done by others, as every claim below.
  expect((await killed).length).toBeGreaterThan(0);

  const targets = new Set(offenders.map(({ arn }) => arn));
  const final = await waitFor(
    "every offender has its final receipt",
    async () => {
      await invoke(world, "sweep");
      const ledger = await world.ledger();
      const done = ledger.receipts.map(({ receipt }) => receipt).filter(({ outcome }) => outcome === "done" || outcome === "skipped");
      return new Set(done.map(({ target }) => target)).size === OFFENDERS ? ledger : null;
    },
    { deadlineMs: 170_000, everyMs: 3_000 },
  );
  expect(new Set(final.receipts.map(({ receipt }) => receipt.target))).toEqual(targets);
  // One claim for each target: what was executed twice would have two.
  const claims = claimsOf(final);
  expect(claims.map(({ target }) => target).sort()).toEqual([...targets].sort());
  expect(claims.map(({ state }) => state)).toEqual(claims.map(() => "done"));
  const counted = await waitFor("every alert is counted", async () => {
    const counts = (await world.ledger()).items.filter(({ type }) => type === "count").map(({ count }) => Number(count));
    const sum = counts.reduce((total, count) => total + count, 0);
    return sum >= shipped ? sum : null;
  });
  expect(counted).toBe(shipped);

  const stopped = await describeTasks(
    world.aws.ecs,
    LAB.ecsCluster,
    offenders.map(({ arn }) => arn),
  );
  expect(stopped.map(({ status }) => status)).toEqual(offenders.map(() => "STOPPED"));
  const replacements = await waitFor("the service is whole again", async () => {
    const tasks = await tasksOf(world.aws.ecs, LAB.ecsCluster, FARM);
    return tasks.length === OFFENDERS && tasks.every(({ status }) => status === "RUNNING") ? tasks : null;
  });
  expect(replacements.filter(({ arn }) => targets.has(arn))).toEqual([]);
}, 420_000);

/** At most 100 lines of one stream each, as a shipper flushes them. */
function batches(attacks: readonly Shipment[]): readonly Shipment[] {
  const byStream = Map.groupBy(attacks, ({ stream }) => stream);
  return [...byStream.values()].flatMap((ofStream) => {
    const lines = ofStream.flatMap(({ messages }) => messages);
    const [{ group, stream } = { group: "ecs", stream: "" } as const] = ofStream;
    return Array.from({ length: Math.ceil(lines.length / 100) }, (_, at) => ({
      group,
      stream,
      messages: lines.slice(at * 100, (at + 1) * 100),
    }));
  });
}

/** Kills the respond-ecs worker, with SIGKILL, while claims are executing in it. Resolves with the targets of the claims that it left so. */
async function killWhenExecuting(): Promise<readonly string[]> {
  return await waitFor(
    "a worker is killed while a claim executes in it",
    async () => {
      if ((await executing()).length === 0) return null;
      const pid = workerOf(world.emulator, "respond-ecs");
      if (pid === null) return null;
      process.kill(pid, "SIGKILL");
      const left = await executing();
      return left.length > 0 ? left : null;
    },
    { deadlineMs: 90_000, everyMs: 50 },
  );
}

const executing = async (): Promise<readonly string[]> =>
  claimsOf(await world.ledger())
    .filter(({ state }) => state === "executing")
    .map(({ target }) => target);
