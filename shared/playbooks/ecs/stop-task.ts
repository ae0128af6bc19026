import type { TaskWorkload } from "#shared/domain/workload.ts";
import { type Occasion, type Plan, type Playbook, refused, unknownParam } from "#shared/playbooks/playbook.ts";

/** The API model names no limit today; earlier texts said 255, and the console shows no more. */
const REASON_MAX = 255;

/**
 * Stops every container of the task: STOPSIGNAL, then SIGKILL after the container's stopTimeout (30 s unless set), so never instantly.
 * https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_StopTask.html
 */
export const stopTask: Playbook = {
  name: "ecs:stop-task",
  needs: {
    iam: [{ actions: ["ecs:StopTask"], on: "task" }],
    look: [{ actions: ["ecs:DescribeTasks"], on: "task" }],
    rbac: [],
  },

  plan(workload, params, occasion) {
    if (workload.kind !== "task") return refused(`ecs:stop-task stops ECS tasks, and the target is a ${workload.kind}`);
    const strange = unknownParam(params, []);
    if (strange !== null) return refused(`ecs:stop-task: ${strange}`);
    return { kind: "planned", plan: { action: "ecs:stop-task", workload, params: {}, occasion } };
  },

  async execute(plan, _kept, { cluster, access }, signal) {
    const task = taskOf(plan);
    const answer = await (await access.tasks(cluster)).stop(task.taskArn, stopReason(plan.occasion), signal);
    return answer === "accepted"
      ? { kind: "accepted", because: "ECS accepted StopTask: the containers get their stop signal and then their stop timeout" }
      : { kind: "gone", because: "ECS no longer knows the task: it had stopped before" };
  },

  async verify(plan, _kept, { cluster, access }, signal) {
    const { taskArn } = taskOf(plan);
    const { tasks, missing } = await (await access.tasks(cluster)).describe([taskArn], signal);
    const task = tasks.find((found) => found.taskArn === taskArn);
    // ECS shows a stopped task for at least an hour and forgets only stopped ones; this one was described when it was resolved.
    if (task === undefined && missing.includes(taskArn)) return { kind: "done", because: "ECS no longer knows the task" };
    // An answer about nothing proves nothing. What was asked for may have been.
    if (task === undefined) return { kind: "pending", begun: true, because: "ECS answered without a word about the task" };
    if (task.lastStatus === "STOPPED") return { kind: "done", because: "ECS reports the task STOPPED" };
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

function taskOf(plan: Plan): TaskWorkload {
  if (plan.workload.kind !== "task") throw new Error(`a plan of ecs:stop-task holds a ${plan.workload.kind}`);
  return plan.workload;
}
