import { PipelineError } from "#shared/domain/error.ts";
import { aimAtTask, taskOf } from "#shared/playbooks/ecs/target.ts";
import { type Kept, type Occasion, type Playbook, type Reach, refused } from "#shared/playbooks/playbook.ts";
import { at } from "#shared/playbooks/words.ts";
import type { TaskFacts } from "#shared/ports/tasks.ts";

const NAME = "ecs:stop-task";

/** The API model names no limit today; earlier texts said 255, and the console shows no more. */
const REASON_MAX = 255;
/** A connected agent has heard of the stop by then; before, it is not asked about. */
const HEARD_MS = 3_000;

/**
 * Stops every container of the task: STOPSIGNAL, then SIGKILL after the container's stopTimeout (30 s unless set), so never instantly.
 * https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_StopTask.html
 */
export const stopTask: Playbook = {
  name: NAME,
  needs: {
    iam: [{ actions: ["ecs:StopTask"], on: "task" }],
    look: [
      { actions: ["ecs:DescribeTasks"], on: "task" },
      { actions: ["ecs:DescribeContainerInstances"], on: "container-instance" },
    ],
    rbac: [],
  },

  plan(workload, params, occasion) {
    const target = aimAtTask(NAME, "stops ECS tasks", workload, params, []);
    return typeof target === "string"
      ? refused(target)
      : { kind: "planned", plan: { action: NAME, workload: target, params: {}, occasion } };
  },

  async execute(plan, kept, { cluster, access, nowMs }, signal) {
    const task = taskOf(plan, NAME);
    const askedAtMs = kept["askedAtMs"] ?? String(nowMs());
    const answer = await (await access.tasks(cluster)).stop(task.taskArn, stopReason(plan.occasion), signal);
    const because = "ECS accepted StopTask: the containers get their stop signal and then their stop timeout";
    return answer === "accepted"
      ? { kind: "accepted", because, kept: { askedAtMs } }
      : { kind: "gone", because: "ECS no longer knows the task: it had stopped before" };
  },

  async verify(plan, kept, reach, signal) {
    const { taskArn } = taskOf(plan, NAME);
    const { cluster, access } = reach;
    const { tasks, missing } = await (await access.tasks(cluster)).describe([taskArn], signal);
    const task = tasks.find((found) => found.taskArn === taskArn);
    // ECS shows a stopped task for at least an hour and forgets only stopped ones; this one was described when it was resolved.
    if (task === undefined && missing.includes(taskArn)) return { kind: "done", because: "ECS no longer knows the task" };
    // An answer about nothing proves nothing. What was asked for may have been.
    if (task === undefined) return { kind: "pending", begun: true, because: "ECS answered without a word about the task" };
    if (task.lastStatus === "STOPPED") return { kind: "done", because: `ECS reports the task STOPPED${when(task, kept)}` };
    if (task.desiredStatus === "STOPPED" && (await agentIsAway(task, kept, reach, signal)))
      return { kind: "pending", begun: true, because: AWAY };
    return task.desiredStatus === "STOPPED"
      ? { kind: "pending", begun: true, because: `ECS wants the task STOPPED, the agent reports ${task.lastStatus}` }
      : { kind: "pending", begun: false, because: `ECS reports the task ${task.lastStatus} and wants it ${task.desiredStatus}` };
  },

  undo: { possible: false, because: "a stopped task cannot be started again; a service starts a replacement by itself" },
};

/** Shown in the console and in EventBridge: printable ASCII, our own words. */
export function stopReason({ incident, rule }: Occasion): string {
  return `falco-responder: incident ${incident}, policy rule ${rule}`.replace(/[^ -~]/g, "?").slice(0, REASON_MAX);
}

const AWAY =
  "requested; the agent of its container instance is disconnected: the container may run on; next best: ecs:isolate-instance or terminate the EC2 instance";

/** A disconnected agent hears of no stop. Asked only when the stop takes longer than hearing of it does. */
async function agentIsAway({ containerInstanceArn }: TaskFacts, kept: Kept, reach: Reach, signal: AbortSignal): Promise<boolean> {
  if (containerInstanceArn === null || reach.nowMs() - askedAt(kept) < HEARD_MS) return false;
  try {
    const instance = await (await reach.access.instances(reach.cluster)).describe(containerInstanceArn, signal);
    return instance !== null && !instance.agentConnected;
  } catch (thrown) {
    // Not every function can ask, and what is said without it is true as well.
    if (thrown instanceof PipelineError) return false;
    throw thrown;
  }
}

/** The true time that it took; without our note of the request, only when. */
function when({ stoppedAtMs }: TaskFacts, kept: Kept): string {
  if (stoppedAtMs === null) return "";
  const tookMs = stoppedAtMs - askedAt(kept);
  return kept["askedAtMs"] === undefined || tookMs < 0 ? ` at ${at(stoppedAtMs)}` : `, ${(tookMs / 1_000).toFixed(1)} s after StopTask`;
}

/** Null note: the request is as old as can be. */
const askedAt = ({ askedAtMs }: Kept): number => (askedAtMs === undefined ? Number.NEGATIVE_INFINITY : Number(askedAtMs));
