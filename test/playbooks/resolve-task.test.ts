import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Fields } from "#shared/domain/alert.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { Resolution } from "#shared/domain/workload.ts";
import { resolve } from "#shared/playbooks/index.ts";
import { fakeAccess } from "../fakes/cluster-access.ts";
import { FakeEcs } from "../fakes/tasks.ts";
import { type Accusation, ecsCluster, entry, found, never, testClock } from "./builders.ts";

const LABEL = "container.label[com.amazonaws.ecs.task-arn]";

/** Two instances; Falco's daemon on each; a service of two tasks, one on each. */
function world() {
  const ecs = new FakeEcs();
  const here = ecs.instance("i-0123456789abcdef0");
  const there = ecs.instance("i-0fedcba9876543210");
  const falco = ecs.run({ family: "falco", containerInstanceArn: here });
  const falcoThere = ecs.run({ family: "falco", containerInstanceArn: there });
  const [offender] = ecs.service("web", { family: "web", instance: here, tags: { team: "shop" }, desired: 1 });
  const neighbour = ecs.run({ family: "web", containerInstanceArn: there, group: "service:web" });
  if (offender === undefined) throw new Error("no offender");
  return { ecs, here, there, falco, falcoThere, offender, neighbour, id: idOf(offender) };
}

const idOf = ({ containers }: { readonly containers: readonly { readonly runtimeId: string | null }[] }, length = 12): string =>
  (containers[0]?.runtimeId ?? "").slice(0, length);

const look = (ecs: FakeEcs, accusation: Accusation, clock = testClock()): Promise<Resolution> =>
  resolve(entry(ecsCluster, accusation), ecsCluster, fakeAccess({ tasks: ecs }), clock, never);

async function refusal(ecs: FakeEcs, accusation: Accusation, clock = testClock()): Promise<string> {
  const resolution = await look(ecs, accusation, clock);
  if (resolution.kind !== "unverified") throw new Error(`expected a refusal, got ${resolution.kind}`);
  return resolution.because;
}

describe("by the task-arn label", () => {
  test("the named task is found when its runtimeId begins with the alert's container id", async () => {
    const { ecs, offender, id } = world();
    const workload = found(await look(ecs, { containerId: id, fields: { [LABEL]: offender.taskArn } }));
    expect(workload).toMatchObject({
      kind: "task",
      uid: offender.taskArn,
      cluster: "shop-prod",
      owner: { kind: "Service", name: "web", uid: null },
      family: "web",
      revision: "7",
      service: "web",
      container: { name: "app", id: offender.containers[0]?.runtimeId },
    });
  });

  test.each([12, 13, 40, 64])("an id of %i digits is a prefix, too", async (length) => {
    const { ecs, offender } = world();
    expect(found(await look(ecs, { containerId: idOf(offender, length), fields: { [LABEL]: offender.taskArn } })).uid).toBe(
      offender.taskArn,
    );
  });

  test("the dotted spelling of older Falcos means the same; two spellings that disagree hold", async () => {
    const { ecs, offender, neighbour, id } = world();
    const dotted = "container.label.com.amazonaws.ecs.task-arn";
    expect(found(await look(ecs, { containerId: id, fields: { [dotted]: offender.taskArn } })).uid).toBe(offender.taskArn);
    expect(await refusal(ecs, { containerId: id, fields: { [LABEL]: offender.taskArn, [dotted]: neighbour.taskArn } })).toContain(
      "disagree",
    );
  });

  test("a label that names another task touches neither that task nor the true one", async () => {
    const { ecs, offender, neighbour, falco, id } = world();
    const sensor = { taskArn: falco.taskArn };
    const because = await refusal(ecs, { containerId: id, fields: { [LABEL]: neighbour.taskArn }, sensor });
    expect(because).toContain("forged or stale label");
    expect(ecs.calls).not.toContain("listOnInstance");
    // Its twins: the true label, and no label at all.
    expect(found(await look(ecs, { containerId: id, fields: { [LABEL]: offender.taskArn }, sensor })).uid).toBe(offender.taskArn);
    expect(found(await look(ecs, { containerId: id, sensor })).uid).toBe(offender.taskArn);
  });

  test.each<[string, (arn: string) => string, string]>([
    ["another account", (arn) => arn.replace("111122223333", "999988887777"), "account 999988887777"],
    ["another region", (arn) => arn.replace("eu-west-1", "eu-west-2"), "region eu-west-2"],
    ["another cluster", (arn) => arn.replace("task/shop/", "task/bank/"), "ECS cluster bank"],
    ["no cluster, the short format", (arn) => arn.replace("task/shop/", "task/"), "no task ARN"],
    ["something after the id", (arn) => `${arn},x`, "no task ARN"],
    ["a line break", (arn) => `${arn}\n`, "no task ARN"],
    ["a wildcard", (arn) => arn.replace(/[^/]+$/, "*"), "no task ARN"],
    ["a service's ARN", (arn) => arn.replace(":task/", ":service/"), "no task ARN"],
    ["upper case", (arn) => arn.toUpperCase(), "no task ARN"],
  ])("a label with %s holds, and ECS is not even asked", async (_, change, because) => {
    const { ecs, offender, id } = world();
    expect(await refusal(ecs, { containerId: id, fields: { [LABEL]: change(offender.taskArn) } })).toContain(because);
    expect(ecs.calls).toEqual([]);
    expect(found(await look(ecs, { containerId: id, fields: { [LABEL]: offender.taskArn } })).uid).toBe(offender.taskArn);
  });

  test("a label that is no text holds", async () => {
    const { ecs, offender, id } = world();
    expect(await refusal(ecs, { containerId: id, fields: { [LABEL]: [offender.taskArn] } })).toContain("not a text");
  });

  test("a task that ECS does not know holds", async () => {
    const { ecs, offender, id } = world();
    ecs.forget(offender.taskArn);
    expect(await refusal(ecs, { containerId: id, fields: { [LABEL]: offender.taskArn } })).toContain("does not know task");
  });

  test.each<[string, Fields]>([
    ["container.labels, one joined text", { "container.labels": "com.amazonaws.ecs.task-arn:ARN" }],
    ["the image", { "container.image.repository": "registry.test/web" }],
    ["the container's name", { "container.name": "ecs-web-7-app-aabbccddeeff00112233" }],
    ["the family's label", { "container.label[com.amazonaws.ecs.task-definition-family]": "web" }],
    ["a label in the process's command line", { "proc.cmdline": `sh -c "${LABEL}=ARN"` }],
  ])("%s never selects a task", async (_, fields) => {
    const { ecs, offender, id } = world();
    const told = JSON.parse(JSON.stringify(fields).replaceAll("ARN", offender.taskArn)) as Fields;
    expect(await refusal(ecs, { containerId: id, fields: told })).toContain("carries no task-arn label");
    expect(found(await look(ecs, { containerId: id, fields: { ...told, [LABEL]: offender.taskArn } })).uid).toBe(offender.taskArn);
  });

  test("a field inherited from the prototype is no label", async () => {
    const { ecs, offender, id } = world();
    const fields = Object.create({ [LABEL]: offender.taskArn }) as Fields;
    expect((await look(ecs, { containerId: id, fields })).kind).toBe("unverified");
  });
});

describe("by the instance of Falco's own task", () => {
  test("the only container on the instance with that id is found, and Falco's own task is not", async () => {
    const { ecs, falco, offender, id } = world();
    const resolution = await look(ecs, { containerId: id, sensor: { taskArn: falco.taskArn, ecsCluster: "shop" } });
    expect(found(resolution).uid).toBe(offender.taskArn);
  });

  test.each([{ [LABEL]: null }, { [LABEL]: "<NA>" }, { [LABEL]: "" }])(
    "a label that Falco could not read (%j) is no label",
    async (fields) => {
      const { ecs, falco, offender, id } = world();
      expect(found(await look(ecs, { containerId: id, fields, sensor: { taskArn: falco.taskArn } })).uid).toBe(offender.taskArn);
    },
  );

  test("a container on another instance is not found there", async () => {
    const { ecs, falco, falcoThere, neighbour } = world();
    const containerId = idOf(neighbour);
    expect(await refusal(ecs, { containerId, sensor: { taskArn: falco.taskArn } })).toContain("no task on Falco's container instance");
    expect(found(await look(ecs, { containerId, sensor: { taskArn: falcoThere.taskArn } })).uid).toBe(neighbour.taskArn);
  });

  test("a list that ignores its filter does not widen the search", async () => {
    const { ecs, falco, neighbour, offender } = world();
    ecs.listOnInstance = () => Promise.resolve([neighbour.taskArn, offender.taskArn]);
    expect(await refusal(ecs, { containerId: idOf(neighbour), sensor: { taskArn: falco.taskArn } })).toContain("no task on");
    expect(found(await look(ecs, { containerId: idOf(offender), sensor: { taskArn: falco.taskArn } })).uid).toBe(offender.taskArn);
  });

  test("two containers with that id hold", async () => {
    const { ecs, falco, here, offender, id } = world();
    const twin = ecs.run({ containerInstanceArn: here, containers: offender.containers });
    expect(await refusal(ecs, { containerId: id, sensor: { taskArn: falco.taskArn } })).toContain("more than one");
    ecs.forget(twin.taskArn);
    expect(found(await look(ecs, { containerId: id, sensor: { taskArn: falco.taskArn } })).uid).toBe(offender.taskArn);
  });

  test("the EC2 instance is the second way", async () => {
    const { ecs, offender, id } = world();
    expect(found(await look(ecs, { containerId: id, sensor: { ec2InstanceId: "i-0123456789abcdef0" } })).uid).toBe(offender.taskArn);
    expect(await refusal(ecs, { containerId: id, sensor: { ec2InstanceId: "i-0aaaaaaaaaaaaaaaa" } })).toContain("no container instance");
    expect(await refusal(ecs, { containerId: id, sensor: { ec2InstanceId: "i-0 or true" } })).toContain("no EC2 instance id");
  });

  test("a Falco task of another cluster says nothing about this one", async () => {
    const { ecs, falco, id } = world();
    const taskArn = falco.taskArn.replace("task/shop/", "task/bank/");
    expect(await refusal(ecs, { containerId: id, sensor: { taskArn, ec2InstanceId: "i-0123456789abcdef0" } })).toContain("elsewhere");
    expect(await refusal(ecs, { containerId: id, sensor: { taskArn: falco.taskArn, ecsCluster: "bank" } })).toContain(
      "another ECS cluster",
    );
    expect(await refusal(ecs, { containerId: id, sensor: { taskArn: "task" } })).toContain("no task ARN");
  });

  test("a Falco task that ECS has forgotten, or that has no instance, holds", async () => {
    const { ecs, falco, id } = world();
    ecs.change(falco.taskArn, { containerInstanceArn: null });
    expect(await refusal(ecs, { containerId: id, sensor: { taskArn: falco.taskArn } })).toContain("no container instance");
    ecs.forget(falco.taskArn);
    expect(await refusal(ecs, { containerId: id, sensor: { taskArn: falco.taskArn } })).toContain("no container instance");
  });
});

describe("what else the alert says", () => {
  test.each<[string, Accusation, string]>([
    ["of a process on the host", { onHost: true }, "on the host"],
    ["of Falco itself", { internal: true }, "itself"],
    ["for another cluster", { cluster: "kube-prod" }, "kube-prod"],
    ["for no registered cluster", { cluster: null }, "(none)"],
  ])("an alert %s has no target", async (_, accusation, because) => {
    const { ecs, offender, id } = world();
    const base = { containerId: id, fields: { [LABEL]: offender.taskArn } };
    expect(await refusal(ecs, { ...base, ...accusation })).toContain(because);
    expect(ecs.calls).toEqual([]);
    expect(found(await look(ecs, base)).uid).toBe(offender.taskArn);
  });

  test.each([null, "", "host", "abc", "0123456789a", "0123456789AB", "0123456789ag", "a".repeat(65), "0123456789ab*"])(
    "%j is no container id",
    async (containerId) => {
      const { ecs, offender } = world();
      expect(await refusal(ecs, { containerId, fields: { [LABEL]: offender.taskArn } })).toContain("no container id");
    },
  );

  test("a Fargate id is compared whole: -123 is not -1234", async () => {
    const { ecs } = world();
    const task = ecs.run({ launchType: "FARGATE" });
    const id = task.taskArn.slice(-32);
    const container = task.containers[0];
    if (container === undefined) throw new Error("no container");
    ecs.change(task.taskArn, { containers: [{ ...container, runtimeId: `${id}-1234567890` }] });
    const fields = { [LABEL]: task.taskArn };
    expect(await refusal(ecs, { containerId: `${id}-123456789`, fields })).toContain("forged or stale");
    expect(found(await look(ecs, { containerId: `${id}-1234567890`, fields })).uid).toBe(task.taskArn);
  });
});

describe("what the control plane says", () => {
  test.each([
    { desiredStatus: "STOPPED", lastStatus: "RUNNING" },
    { desiredStatus: "STOPPED", lastStatus: "STOPPED" },
  ])("a task that is ending (%j) is gone", async (facts) => {
    const { ecs, offender, id } = world();
    ecs.change(offender.taskArn, facts);
    const resolution = await look(ecs, { containerId: id, fields: { [LABEL]: offender.taskArn } });
    expect(resolution).toMatchObject({ kind: "gone", workload: { uid: offender.taskArn } });
  });

  test("tags of the service are merged, and the task's own win", async () => {
    const { ecs, here } = world();
    const tags = { "falco-responder/protected": "true", team: "service" };
    const [task] = ecs.service("db", { family: "db", instance: here, tags, desired: 1 });
    if (task === undefined) throw new Error("no task");
    ecs.change(task.taskArn, { tags: { team: "task" } });
    const workload = found(await look(ecs, { containerId: idOf(task), fields: { [LABEL]: task.taskArn } }));
    expect(workload.labels).toEqual({ "falco-responder/protected": "true", team: "task" });
  });

  test("tags that cannot be read are not taken for no tags", async () => {
    const { ecs, offender, id } = world();
    ecs.fail("serviceTags", new PipelineError("aws_denied", "no"));
    await expect(look(ecs, { containerId: id, fields: { [LABEL]: offender.taskArn } })).rejects.toMatchObject({ code: "aws_denied" });
  });

  test("a throttled look is an error, never a verdict", async () => {
    const { ecs, offender, id } = world();
    ecs.fail("describe", new PipelineError("aws_throttled", "slow"));
    await expect(look(ecs, { containerId: id, fields: { [LABEL]: offender.taskArn } })).rejects.toMatchObject({ retryable: true });
  });

  test("a described task whose own ARN is of another account holds", async () => {
    const { ecs, here, falco } = world();
    const stranger = ecs.run({ containerInstanceArn: here, taskArn: `arn:aws:ecs:eu-west-1:999988887777:task/shop/${"d".repeat(32)}` });
    expect(await refusal(ecs, { containerId: idOf(stranger), sensor: { taskArn: falco.taskArn } })).toContain("not of this cluster");
  });
});

describe("a container that has just started", () => {
  const starting = () => {
    const { ecs, here } = world();
    const task = ecs.run({ containerInstanceArn: here });
    ecs.change(task.taskArn, { containers: task.containers.map((container) => ({ ...container, runtimeId: null })) });
    return { ecs, task, accusation: { containerId: idOf(task), fields: { [LABEL]: task.taskArn }, ageMs: 1_000 } };
  };

  test("is found when the agent reports it between two looks", async () => {
    const { ecs, task, accusation } = starting();
    const clock = testClock((nth) => nth === 2 && ecs.change(task.taskArn, { containers: task.containers }));
    expect(found(await look(ecs, accusation, clock)).uid).toBe(task.taskArn);
    expect(clock.slept).toHaveLength(2);
  });

  test("is not waited for longer than three looks", async () => {
    const { ecs, accusation } = starting();
    const clock = testClock();
    expect(await refusal(ecs, accusation, clock)).toContain("has no container");
    expect(ecs.calls.filter((call) => call === "describe")).toHaveLength(3);
  });

  test.each([120_000, 900_000, null, -200_000])("is not waited for when the alert is %j ms old", async (ageMs) => {
    const { ecs, accusation } = starting();
    const clock = testClock();
    await refusal(ecs, { ...accusation, ageMs }, clock);
    expect(clock.slept).toEqual([]);
  });

  test("is not waited for when every container of the task is reported", async () => {
    const { ecs, offender } = world();
    const clock = testClock();
    await refusal(ecs, { containerId: "0".repeat(12), fields: { [LABEL]: offender.taskArn }, ageMs: 1_000 }, clock);
    expect(clock.slept).toEqual([]);
  });
});

test("whatever the alert says, only the task with that container is ever found", async () => {
  const { ecs, offender, neighbour, falco, falcoThere, id } = world();
  const arn = fc.constantFrom(offender.taskArn, neighbour.taskArn, falco.taskArn, "x", "");
  const accusation = fc.record({
    containerId: fc.constantFrom(id, idOf(neighbour), "0".repeat(12), "a1b2"),
    label: fc.option(fc.oneof(arn, fc.string())),
    sensor: fc.option(fc.constantFrom(falco.taskArn, falcoThere.taskArn, offender.taskArn)),
  });
  await fc.assert(
    fc.asyncProperty(accusation, async ({ containerId, label, sensor }) => {
      const resolution = await look(ecs, { containerId, fields: { [LABEL]: label }, sensor: { taskArn: sensor } });
      if (resolution.kind !== "unverified") expect(resolution.workload.container?.id.startsWith(containerId)).toBe(true);
    }),
  );
});
