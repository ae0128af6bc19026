import { describe, expect, test } from "vitest";
import type { QueueEntry } from "#shared/domain/queue-entry.ts";
import type { AlertBody } from "#shared/ledger/incident.ts";
import { respond } from "#shared/pipeline/respond.ts";
import { Sightings } from "#shared/playbooks/ecs/sightings.ts";
import type { TaskFacts } from "#shared/ports/tasks.ts";
import { encodeEntry } from "#shared/wire/queue-entry.ts";
import { policyOf, taskEntry, World } from "../fakes/world.ts";

const signal = new AbortController().signal;
const idOf = ({ containers }: TaskFacts): string => containers[0]?.runtimeId ?? "";

/** A service's task on an instance with Falco; observed once, so that ECS's answer is remembered. */
async function seenOnce(labelled = true) {
  const world = new World(policyOf(undefined, { mode: "observe" }));
  const sightings = new Sightings();
  const instance = world.ecs.instance("i-0123456789abcdef0");
  const falco = world.ecs.run({ family: "falco", containerInstanceArn: instance });
  const [task] = world.ecs.service("web", { family: "web", instance, tags: {}, desired: 1 });
  if (task === undefined) throw new Error("no task");
  const alert = (): QueueEntry => {
    const entry = taskEntry(world, { taskArn: task.taskArn, containerId: idOf(task) });
    if (labelled) return entry;
    const { "container.label[com.amazonaws.ecs.task-arn]": _, ...fields } = entry.alert.fields;
    return { ...entry, alert: { ...entry.alert, fields }, sensor: { ...entry.sensor, taskArn: falco.taskArn } };
  };
  const send = async (entry = alert(), receiveCount = 1): Promise<string> => {
    await respond({ body: encodeEntry(entry), receiveCount }, { ...world.respondPorts(), sightings }, signal);
    const { decisions } = world.bodies<AlertBody>("alert").find(({ alert: { id } }) => id === entry.alert.id) ?? { decisions: [] };
    return decisions.map(({ kind, because }) => `${kind}: ${because}`).join();
  };
  await send();
  world.ecs.calls.length = 0;
  return { world, sightings, task, instance, alert, send };
}

const enforcing = ({ world }: { readonly world: World }): void => {
  world.policy = policyOf();
};

describe("for decisions that touch nothing", () => {
  test.each([true, false])("the next alert of the container asks ECS nothing (labelled: %s)", async (labelled) => {
    const { world, send } = await seenOnce(labelled);
    expect(await send()).toContain("would-act");
    expect(world.ecs.calls).toEqual([]);
    world.later(30_000);
    await send();
    // Without a label, too, the task is asked about by its ARN: no list.
    expect(world.ecs.calls).toEqual(["describe", "serviceTags"]);
  });

  test("a container that is not verified is asked about again after five seconds", async () => {
    const { world, send, alert } = await seenOnce();
    const stranger = (): QueueEntry => {
      const entry = alert();
      return { ...entry, alert: { ...entry.alert, containerId: "0123456789ab" } };
    };
    expect(await send(stranger())).toContain("forged or stale");
    world.ecs.calls.length = 0;
    await send(stranger());
    expect(world.ecs.calls).toEqual([]);
    world.later(5_000);
    await send(stranger());
    expect(world.ecs.calls).toEqual(["describe"]);
  });
});

describe("never across a decision to act: ECS is asked again, and what it says now counts", () => {
  test.each([true, false])("the twin: nothing changed, and the task is stopped (labelled: %s)", async (labelled) => {
    const stage = await seenOnce(labelled);
    enforcing(stage);
    await stage.send();
    expect([...stage.world.ecs.stopped]).toEqual([[stage.task.taskArn, 1]]);
    const first = stage.world.ecs.calls.indexOf("stop");
    expect(stage.world.ecs.calls.slice(0, first)).toContain("describe");
  });

  test.each([true, false])("the task was replaced meanwhile: neither it nor its successor is stopped (labelled: %s)", async (labelled) => {
    const stage = await seenOnce(labelled);
    enforcing(stage);
    stage.world.ecs.forget(stage.task.taskArn);
    stage.world.ecs.run({ family: "web", containerInstanceArn: stage.instance, group: "service:web" });
    expect(await stage.send()).toMatch(/^hold: the target could not be verified/);
    expect(stage.world.ecs.stopCalls).toEqual([]);
  });

  test("the container was restarted within its task", async () => {
    const stage = await seenOnce();
    enforcing(stage);
    const containers = stage.task.containers.map((container) => ({ ...container, runtimeId: "b".repeat(64) }));
    stage.world.ecs.change(stage.task.taskArn, { containers });
    expect(await stage.send()).toMatch(/^hold: .*forged or stale/);
    expect(stage.world.ecs.stopCalls).toEqual([]);
  });

  test.each<[string, Partial<TaskFacts>, RegExp]>([
    ["it is stopping already", { desiredStatus: "STOPPED" }, /^hold: already stopping/],
    ["it was protected meanwhile", { tags: { "falco-responder/protected": "true" } }, /^hold: the label/],
  ])("%s", async (_, facts, because) => {
    const stage = await seenOnce();
    const policy = policyOf();
    stage.world.policy = { ...policy, protect: { ...policy.protect, labels: { "falco-responder/protected": "true" } } };
    stage.world.ecs.change(stage.task.taskArn, facts);
    expect(await stage.send()).toMatch(because);
    expect(stage.world.ecs.stopCalls).toEqual([]);
  });

  test("its service was protected meanwhile", async () => {
    const stage = await seenOnce();
    const policy = policyOf();
    stage.world.policy = { ...policy, protect: { ...policy.protect, labels: { keep: "*" } } };
    stage.world.ecs.service("web", { family: "web", instance: stage.instance, tags: { keep: "1" }, desired: 0 });
    expect(await stage.send()).toMatch(/^hold: the label keep/);
    expect(stage.world.ecs.stopCalls).toEqual([]);
  });
});

test("what is kept is bounded, the longest unseen goes first, and what may appear soon is not kept", () => {
  const sightings = new Sightings(2);
  const unverified = { kind: "unverified", because: "no" } as const;
  for (const key of ["a", "b", "a", "c"]) sightings.note(key, unverified, 0);
  expect(sightings.size).toBe(2);
  expect(["a", "b", "c"].map((key) => sightings.recall(key, 4_999)?.kind)).toEqual(["unverified", undefined, "unverified"]);
  expect(sightings.recall("a", 5_000)).toBeNull();
  sightings.note("a", { ...unverified, soon: true }, 0);
  expect(sightings.recall("a", 0)).toBeNull();
});
