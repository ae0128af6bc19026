import { ReceiveMessageCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  attackOnPod,
  attackOnTask,
  createDeployment,
  createService,
  LAB,
  type LabTask,
  podsOf,
  SCENARIOS,
  type Shipment,
  startSensors,
  tasksOf,
  waitFor,
} from "../../lab/lab.ts";
import { age } from "./ledger.ts";
import { invoke, openWorld, receiptFor, recorded, type World } from "./world.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld({ policy: "lab/policy.yml" });
});
afterAll(async () => await world?.stop());

const DROP = "Drop and execute new binary in container";
const play = async (name: string): Promise<Shipment> => {
  const scenario = SCENARIOS[name];
  if (scenario === undefined) throw new Error(`no scenario ${name}`);
  return scenario.play({ tasks: await world.tasks(), sensorOf: world.sensorOf, pods: await world.pods() });
};

/** The alert ships, a hold with this reason is recorded, and every task of the service is the one it was. */
async function holds(name: string, because: RegExp): Promise<void> {
  const before = await running();
  const seen = new Set((await world.ledger()).alerts.map(({ alert: { id } }) => id));
  await world.ship(await play(name));
  const held = await recorded(world, name, ({ alert, decisions }) => !seen.has(alert.id) && alert.rule === DROP && decisions.length > 0);
  expect(held.decisions.map(({ kind }) => kind)).toEqual(held.decisions.map(() => "hold"));
  for (const { because: why } of held.decisions) expect(why).toMatch(because);
  expect(await running()).toEqual(before);
  const { receipts } = await world.ledger();
  expect(receipts.filter(({ receipt: { target } }) => before.includes(target))).toEqual([]);
}

const running = async (): Promise<string[]> =>
  (await world.tasks())
    .filter(({ status }) => status === "RUNNING")
    .map(({ arn }) => arn)
    .sort();
const whole = (): Promise<readonly LabTask[]> =>
  waitFor("the service is whole", async () => {
    const tasks = await world.tasks();
    return tasks.length === 3 && tasks.every(({ status }) => status === "RUNNING") ? tasks : null;
  });
const at = <T>(list: readonly T[], index: number): T => {
  const found = list[index];
  if (found === undefined) throw new Error(`nothing at ${index}`);
  return found;
};

describe("doubt holds, and touches nothing", () => {
  test("a label that names another task than the container id", () => holds("forged-label", /forged or stale label/));
  test("an alert of an hour ago", () => holds("stale", /old|age|minutes/i));
  test("an alert without a container id, shipped with the metadata of Falco's own task", () => holds("sensor", /container id/));
  test("a line from a stream that no cluster has", () => holds("foreign-stream", /stream/));

  test("an alert about a neighbour inside the command line of a shell selects no target", async () => {
    const before = await running();
    await world.ship(await play("forged-cmdline"));
    const told = await recorded(world, "the shell", ({ alert }) => String(alert.fields["proc.cmdline"]).startsWith("bash -c '{"));
    expect(told.alert.rule).toBe("Terminal shell in container");
    expect(told.decisions).toEqual([]);
    expect(await running()).toEqual(before);
  });

  test("an alert inside a text line is no alert, and the text line is kept with its remedy", async () => {
    const before = await running();
    const known = (await world.ledger()).alerts.length;
    const { group, stream, messages } = await play("text");
    const inside = JSON.stringify(at((await play("task")).messages, 1));
    await world.ship({ group, stream, messages: [...messages, `12:00:00.000000001: Critical said ${inside}`] });
    const kept = await waitFor("the text lines are kept", async () => {
      const texts = [...(await world.objects("UnreadableBucket")).values()].join("\n");
      return texts.includes("json_output") && texts.includes("Critical said") ? texts : null;
    });
    expect(kept).toContain("json_output: true");
    expect((await world.ledger()).alerts).toHaveLength(known);
    expect(await running()).toEqual(before);
  });

  test("Falco's own alert of dropped events, though Critical, has no target", async () => {
    const before = await running();
    const known = (await world.ledger()).receipts.length;
    await world.ship([await play("drops"), await play("shell")].reduce(both));
    await recorded(
      world,
      "the shell behind it",
      ({ alert }) => alert.rule === "Terminal shell in container" && alert.fields["proc.cmdline"] === "bash -i",
    );
    expect(await running()).toEqual(before);
    expect((await world.ledger()).receipts).toHaveLength(known);
  });

  test("a reused pod name: the successor of the accused is not touched", async () => {
    const [pod] = await world.pods();
    if (pod === undefined) throw new Error("no pod");
    const former = { ...pod, uid: "00000000-0000-4000-8000-000000000000", containerId: "f".repeat(64) };
    await world.ship(attackOnPod(former));
    const held = await recorded(world, "the late alert", ({ alert }) => alert.fields["k8s.pod.uid"] === former.uid && alert.rule === DROP);
    expect(held.decisions).toMatchObject([{ kind: "hold" }]);
    expect((await world.pods()).map(({ uid }) => uid)).toContain(pod.uid);
    // The twin: the same pod by its true uid and container.
    await world.ship(attackOnPod(pod));
    expect(await receiptFor(world, pod.uid)).toMatchObject({ outcome: "done" });
  });

  test("a pod in a protected namespace; its twin elsewhere is deleted", async () => {
    const name = `guarded-${process.pid}`;
    const [guarded] = await createDeployment(world.kube, "kube-system", name, { count: 1 });
    const [open] = await createDeployment(world.kube, world.namespace, name, { count: 1 });
    if (guarded === undefined || open === undefined) throw new Error("no pods");
    await world.ship(attackOnPod(guarded));
    const held = await recorded(
      world,
      "the protected pod",
      ({ alert }) => alert.fields["k8s.pod.uid"] === guarded.uid && alert.rule === DROP,
    );
    expect(held.decisions).toMatchObject([{ kind: "hold", because: expect.stringContaining("kube-system") }]);
    await world.ship(attackOnPod(open));
    await receiptFor(world, open.uid);
    expect((await podsOf(world.kube, "kube-system", name)).map(({ uid }) => uid)).toEqual([guarded.uid]);
  });

  test("a service with the protecting tag; its twin with another value of it is stopped", async () => {
    const make = async (service: string, value: string): Promise<LabTask> =>
      at(await createService(world.aws.ecs, LAB.ecsCluster, service, { count: 1, tags: { "falco-responder/protected": value } }), 0);
    const [guarded, open] = [await make("ledgerkeeper", "true"), await make("ledgerreader", "false")];
    const sensors = await startSensors(world.aws.ecs, LAB.ecsCluster, [guarded, open]);
    const attack = (task: LabTask) => {
      const sensor = sensors.get(task.instanceArn);
      if (sensor === undefined) throw new Error("no Falco there");
      return attackOnTask(task, sensor);
    };
    await world.ship(attack(guarded));
    const id = guarded.runtimeId.slice(0, 12);
    const held = await recorded(world, "the protected task", ({ alert }) => alert.containerId === id && alert.rule === DROP);
    expect(held.decisions).toMatchObject([{ kind: "hold", because: expect.stringContaining("falco-responder/protected") }]);
    await world.ship(attack(open));
    await receiptFor(world, open.arn);
    expect((await tasksOf(world.aws.ecs, LAB.ecsCluster, "ledgerkeeper")).map(({ arn }) => arn)).toEqual([guarded.arn]);
  });
});

test("the same offender with a true label is stopped: the twin of all holds above", async () => {
  const offender = at(await whole(), 0);
  await world.ship(attackOnTask(offender, world.sensorOf(offender)));
  expect(await receiptFor(world, offender.arn)).toMatchObject({ outcome: "done" });
});

test("without a label the task is found on the instance of Falco's own task, and stopped", async () => {
  await whole();
  const stage = { tasks: await world.tasks(), sensorOf: world.sensorOf, pods: [] };
  const offender = at(stage.tasks, 0);
  await world.ship(SCENARIOS["no-label"]?.play(stage) ?? at([], 0));
  expect(await receiptFor(world, offender.arn)).toMatchObject({ outcome: "done" });
});

test("Slack is down: SNS hears at once, and Slack when it is back", async () => {
  const offender = at(await whole(), 0);
  // Slack takes a message a second: those of the cases before may still wait for their turn.
  await waitFor(
    "nothing waits to be told",
    async () => {
      await invoke(world, "sweep");
      return (await world.ledger()).items.every(({ type, state }) => type !== "note" || state === "sent" || state === "dead");
    },
    { deadlineMs: 120_000, everyMs: 2_000 },
  );
  const had = { sns: world.inbox.messages().length, slack: world.slack.messages().length };
  world.slack.failWith(503);
  await world.ship(attackOnTask(offender, world.sensorOf(offender)));
  await receiptFor(world, offender.arn);
  await waitFor("SNS has decision and outcome", () => Promise.resolve(world.inbox.messages().length >= had.sns + 2));
  expect(world.slack.messages()).toHaveLength(had.slack);
  world.slack.failWith(null);
  await waitFor(
    "sweep has sent to Slack what waited",
    async () => {
      await invoke(world, "sweep");
      return world.slack.messages().length >= had.slack + 2;
    },
    { deadlineMs: 150_000, everyMs: 3_000 },
  );
  expect(world.slack.messages().slice(had.slack).length).toBeLessThanOrEqual(3);
});

test("what no responder can read is dead-lettered by each, and what it cannot carry out comes again", async () => {
  const { outputs } = world.deployment;
  const order = JSON.stringify({ schema: "falco-responder/order/1", kind: "act", incident: "0".repeat(16), alert: "none" });
  for (const lane of ["Kubernetes", "Wide"]) {
    const QueueUrl = outputs[`Queue${lane}Url`] ?? "";
    for (const [n, MessageBody] of ["no order", order].entries())
      await world.aws.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody, MessageGroupId: `g${n}`, MessageDeduplicationId: `d${n}` }));
    const dead = async () => {
      const { Messages = [] } = await world.aws.sqs.send(
        new ReceiveMessageCommand({ QueueUrl: outputs[`Queue${lane}DeadUrl`] ?? "", WaitTimeSeconds: 1, MessageAttributeNames: ["All"] }),
      );
      return Messages.find(({ Body }) => Body === "no order")?.MessageAttributes?.["because"]?.StringValue ?? null;
    };
    expect(await waitFor(`${lane} has dead-lettered it`, dead, { deadlineMs: 30_000 })).toMatch(/no JSON/);
  }
});

test("a pod that was requested to go is looked at again by sweep, with the token of its cluster", async () => {
  const table = world.deployment.outputs["LedgerTable"] ?? "";
  const claims = async () => (await world.ledger()).items.filter(({ type, sk }) => type === "claim" && sk.startsWith("kubernetes:"));
  expect((await claims()).length).toBeGreaterThan(0);
  await age(world.aws.dynamo, table, 0);
  await invoke(world, "sweep");
  expect((await claims()).map(({ state }) => state)).toContain("done");
});

const both = (a: Shipment, b: Shipment): Shipment => ({ ...a, messages: [...a.messages, ...b.messages] });
