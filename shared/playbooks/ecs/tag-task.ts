import type { TaskWorkload } from "#shared/domain/workload.ts";
import { aimAtTask, taskNow, taskOf } from "#shared/playbooks/ecs/target.ts";
import { type Kept, type Params, type Plan, type Playbook, type Reach, refused } from "#shared/playbooks/playbook.ts";
import type { TaskFacts } from "#shared/ports/tasks.ts";

const NAME = "ecs:tag-task";
const PRESET_KEY = "falco-responder/incident";

/** https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Tag.html */
const KEY = /^[\p{L}\p{N} +\-=._:/@]{1,128}$/u;
const VALUE = /^[\p{L}\p{N} +\-=._:/@]{0,256}$/u;
/** Guards and the roles' Deny read such a tag as "never touch": the offender must not get it from us. */
const PROTECTS = /^falco-responder(\.io)?\/protected/i;

/** Puts one tag on the task, for people and for tools that read tags. It changes nothing about what runs. */
export const tagTask: Playbook = {
  name: NAME,
  needs: {
    iam: [{ actions: ["ecs:DescribeTasks", "ecs:TagResource", "ecs:UntagResource"], on: "task" }],
    look: [{ actions: ["ecs:DescribeTasks"], on: "task" }],
    rbac: [],
  },

  plan(workload, params, occasion) {
    const target = aimAtTask(NAME, "tags ECS tasks", workload, params, ["key", "value"]);
    if (typeof target === "string") return refused(target);
    const { key = PRESET_KEY, value = occasion.incident } = params;
    const wrong = wrongTag(key, value);
    if (wrong !== null) return refused(wrong);
    return { kind: "planned", plan: { action: NAME, workload: target, params: { key, value }, occasion } };
  },

  async prepare(plan, reach, signal) {
    const { target, key, value } = tagOf(plan);
    const task = await taskNow(target.taskArn, reach, signal);
    if (task === null || ended(task))
      return { kind: "nothing", because: "the task has ended or is ending, and ECS deletes its tags with it" };
    const former = tagIn(task, key);
    if (former === value) return { kind: "nothing", because: `the task bears the tag ${key} with this value already` };
    const protectedThen = protectedBy(reach, target, task, key, value);
    if (protectedThen !== null)
      return {
        kind: "refused",
        because: `the tag would protect the offender from every later action (${protectedThen}); next best: another key for ecs:tag-task`,
      };
    return {
      kind: "ready",
      kept: former === null ? {} : { former },
      remarks: [
        ...(former === null ? [] : [`It replaces another value that the tag ${key} had.`]),
        "A tag stops nothing, whoever may tag the task can change it, and ECS deletes it when the task stops.",
      ],
    };
  },

  async execute(plan, kept, reach, signal) {
    const { target, key, value } = tagOf(plan);
    const there = tagIn(await taskNow(target.taskArn, reach, signal), key);
    if (there !== value && there !== (kept["former"] ?? null))
      return { kind: "conflict", because: `somebody gave the tag ${key} another value meanwhile: it stands` };
    const answer = await (await reach.access.marks(reach.cluster)).tag(target.taskArn, key, value, signal);
    return answer === "tagged"
      ? { kind: "accepted", because: `ECS accepted the tag ${key}` }
      : { kind: "gone", because: "the task was gone before it could be tagged" };
  },

  async verify(plan, kept, reach, signal) {
    const { target, key, value } = tagOf(plan);
    const task = await taskNow(target.taskArn, reach, signal);
    const there = tagIn(task, key);
    if (there === value) return { kind: "done", because: `the task bears the tag ${key}` };
    if (task === null || ended(task))
      return { kind: "unknown", because: "the task has ended, and ECS deletes its tags with it", over: true };
    return there === (kept["former"] ?? null)
      ? { kind: "pending", begun: false, because: `the task does not bear the tag ${key} as asked` }
      : { kind: "unknown", because: `the tag ${key} has a value that is neither ours nor the former one: somebody changed it` };
  },

  undo: {
    possible: true,
    says: "gives the tag its former value, or removes it when the task had none",
    async run(plan, kept, _doneAtMs, reach, signal) {
      const { target, key, value } = tagOf(plan);
      const former = kept["former"] ?? null;
      const task = await taskNow(target.taskArn, reach, signal);
      if (task === null || ended(task)) return { kind: "nothing", because: "the task has ended, and ECS deletes its tags with it" };
      const there = tagIn(task, key);
      if (there === former) return { kind: "nothing", because: `the tag ${key} is as it was before` };
      if (there !== value) return { kind: "changed", because: `somebody changed the tag ${key} since: it stands as it is now` };
      const marks = await reach.access.marks(reach.cluster);
      await (former === null ? marks.untag(target.taskArn, key, signal) : marks.tag(target.taskArn, key, former, signal));
      return await restored(plan, kept, reach, signal);
    },
  },
};

async function restored(plan: Plan, kept: Kept, reach: Reach, signal: AbortSignal) {
  const { target, key } = tagOf(plan);
  const former = kept["former"] ?? null;
  const task = await taskNow(target.taskArn, reach, signal);
  if (task === null || ended(task))
    return { kind: "nothing", because: "the task ended meanwhile, and ECS deleted its tags with it" } as const;
  if (tagIn(task, key) !== former)
    return { kind: "requested", because: `ECS does not show the former state of the tag ${key} yet` } as const;
  return { kind: "undone", because: former === null ? `the tag ${key} is removed` : `the tag ${key} has its former value` } as const;
}

function wrongTag(key: Params[string], value: Params[string]): string | null {
  if (typeof key !== "string" || !KEY.test(key)) return "key must be 1 to 128 letters, digits, spaces or + - = . _ : / @";
  if (typeof value !== "string" || !VALUE.test(value))
    return "value must be a text of at most 256 letters, digits, spaces or + - = . _ : / @";
  if (/^aws:/i.test(key) || /^aws:/i.test(value)) return "key and value must not begin with aws: AWS keeps that for itself";
  return PROTECTS.test(key) ? `the tag ${key} would protect the offender from every later action: use another key` : null;
}

function tagOf(plan: Plan): { readonly target: TaskWorkload; readonly key: string; readonly value: string } {
  return { target: taskOf(plan, NAME), key: String(plan.params["key"]), value: String(plan.params["value"]) };
}

const tagIn = (task: TaskFacts | null, key: string): string | null =>
  task !== null && Object.hasOwn(task.tags, key) ? (task.tags[key] ?? null) : null;

/** StopTask deletes the tags: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_StopTask.html */
const ended = (task: TaskFacts): boolean => task.lastStatus === "STOPPED" || task.desiredStatus === "STOPPED";

/** What protects the task once it bears the tag, when nothing does now. */
function protectedBy(reach: Reach, target: TaskWorkload, task: TaskFacts, key: string, value: string): string | null {
  const labels = { ...target.labels, ...task.tags };
  if (reach.protection({ ...target, labels }) !== null) return null;
  return reach.protection({ ...target, labels: { ...labels, [key]: value } });
}
