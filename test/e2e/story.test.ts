import { DescribeTasksCommand } from "@aws-sdk/client-ecs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { attackOnPod, attackOnTask, isUp, LAB, type LabPod, type LabTask, waitFor } from "../../lab/lab.ts";
import { compareRights, iamAction } from "./rights-used.ts";
import { invoke, openWorld, receiptFor, recorded, type World } from "./world.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld({ policy: "lab/policy.yml" });
});
afterAll(async () => await world?.stop());

const one = <T>(list: readonly T[], index = 0): T => {
  const found = list[index];
  if (found === undefined) throw new Error("nothing there");
  return found;
};

test("the offending task is stopped and replaced by its service, its neighbours run on, and people hear of it once or twice", async () => {
  const before = await world.tasks();
  const offender = one(before);
  await world.ship(attackOnTask(offender, world.sensorOf(offender)));
  const receipt = await receiptFor(world, offender.arn);
  expect(receipt).toMatchObject({ action: "ecs:stop-task", outcome: "done", undo: { possible: false } });

  const after = await waitFor("the service has replaced the task", async () => {
    const now = await world.tasks();
    return now.length === before.length && now.every((task) => task.status === "RUNNING") ? now : null;
  });
  expect(arns(after)).not.toContain(offender.arn);
  for (const neighbour of before.slice(1)) expect(arns(after)).toContain(neighbour.arn);
  const { tasks: [stopped] = [] } = await world.aws.ecs.send(new DescribeTasksCommand({ cluster: LAB.ecsCluster, tasks: [offender.arn] }));
  expect(stopped?.stoppedReason).toMatch(/^falco-responder: incident [0-9a-f]{16}, policy rule stop what runs dropped binaries$/);
  const sensor = world.sensorOf(offender);
  const { tasks: [falco] = [] } = await world.aws.ecs.send(new DescribeTasksCommand({ cluster: LAB.ecsCluster, tasks: [sensor.taskArn] }));
  expect(falco?.desiredStatus).toBe("RUNNING");

  const evidence = await world.objects("EvidenceBucket");
  if (receipt.evidence.kind !== "kept") throw new Error("no evidence was kept");
  expect(evidence.get(receipt.evidence.key)).toContain(offender.arn);
  const aboutIt = await waitFor("SNS and Slack have the outcome", () => {
    const incident = world.inbox.messages().find(({ attributes }) => attributes["outcome"] === "done")?.attributes["incident"];
    const told = world.inbox.messages().filter(({ attributes }) => attributes["incident"] === incident);
    // An SQS subscriber may get the second message first.
    const hasDecision = told.some(({ attributes }) => attributes["phase"] === "decision");
    return Promise.resolve(hasDecision && world.slack.messages().some(({ text }) => text.startsWith("Task stopped")) ? told : null);
  });
  // One message at the decision; a second only when that one could not yet tell the outcome.
  const decision = one(aboutIt.filter(({ attributes }) => attributes["phase"] === "decision"));
  expect(aboutIt.length).toBe(decision.attributes["outcome"] === "done" ? 1 : 2);
  expect(world.slack.answers().every(({ status }) => status === 200)).toBe(true);
});

test("the offending pod is deleted and replaced, its neighbours keep their uids", async () => {
  const before = await world.pods();
  const offender = one(before);
  await world.ship(attackOnPod(offender));
  expect(await receiptFor(world, offender.uid)).toMatchObject({ action: "kubernetes:terminate", outcome: "done" });
  const after = await waitFor("the Deployment has replaced the pod", async () => {
    const now = await world.pods();
    return now.length === before.length && now.every(isUp) ? now : null;
  });
  expect(uids(after)).not.toContain(offender.uid);
  for (const neighbour of before.slice(1)) expect(uids(after)).toContain(neighbour.uid);
});

test("a shell is told about, and nothing is touched", async () => {
  const alert = await recorded(world, "the shell", ({ alert: { rule } }) => rule === "Terminal shell in container");
  expect(alert.decisions).toEqual([]);
  expect(alert.channels).toEqual(["team", "slack"]);
});

test("the same batch delivered again changes nothing more", async () => {
  const task = one(await world.tasks(), 1);
  const attack = attackOnTask(task, world.sensorOf(task));
  await world.ship(attack);
  await receiptFor(world, task.arn);
  const before = await world.ledger();
  await world.ship(attack);
  await world.ship(attack);
  const survivors = await waitFor("the service is whole", async () => {
    const now = await world.tasks();
    return now.length === 3 && now.every(({ status }) => status === "RUNNING") ? now : null;
  });
  const other = one(survivors.filter(({ arn }) => arn !== task.arn));
  // The twin: a new alert about another task, behind the repeated ones in time, still acts.
  await world.ship(attackOnTask(other, world.sensorOf(other)));
  await receiptFor(world, other.arn);
  const after = await world.ledger();
  expect(after.receipts.filter(({ receipt }) => receipt.target === task.arn)).toEqual(
    before.receipts.filter(({ receipt }) => receipt.target === task.arn),
  );
});

test("what the functions have called is what their roles allow, and those that stood in the story have called it", async () => {
  await invoke(world, "sweep");
  const { calls } = world.run();
  const comparison = compareRights([world.run()]);
  expect(comparison.missing).toEqual([]);
  const used = (key: string): string[] =>
    [...new Set(calls.filter(({ principal }) => principal.endsWith(`-${key}`)).map(iamAction))].sort();
  expect(used("ingest")).toEqual(["dynamodb:BatchWriteItem", "sqs:SendMessage"]);
  expect(used("respond-ecs")).toEqual(
    expect.arrayContaining([
      "dynamodb:ConditionCheckItem",
      "dynamodb:PutItem",
      "dynamodb:Query",
      "ecs:DescribeTasks",
      "ecs:StopTask",
      "s3:PutObject",
    ]),
  );
  expect(used("notify")).toEqual(expect.arrayContaining(["dynamodb:GetItem", "sns:Publish", "ssm:GetParameter"]));
  // A role without one of them would be found out.
  const { allowed } = world.run();
  const poorer = { ...allowed, "respond-ecs": allowed["respond-ecs"].filter((action) => action !== "ecs:StopTask") };
  expect(compareRights([{ calls, allowed: poorer }]).missing).toEqual(["respond-ecs ecs:StopTask"]);
});

const arns = (tasks: readonly LabTask[]): string[] => tasks.map(({ arn }) => arn);
const uids = (pods: readonly LabPod[]): string[] => pods.map(({ uid }) => uid);
