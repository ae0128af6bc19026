import { PipelineError } from "#shared/domain/error.ts";
import { aimAtTask, taskOf } from "#shared/playbooks/ecs/target.ts";
import { wholeNumber } from "#shared/playbooks/params.ts";
import { type Kept, type Plan, type Playbook, type Reach, refused } from "#shared/playbooks/playbook.ts";
import { at } from "#shared/playbooks/words.ts";

const NAME = "ecs:protect-task";
/** https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateTaskProtection.html */
const MINUTES = { key: "minutes", min: 1, max: 2_880, preset: 720, unit: "minutes" } as const;
/** An expiry is ours when it is as far from the request as we asked; clocks and calls may take so long. */
const TOLERANCE_MS = 120_000;
/** ECS may round the expiry that it answered with. */
const ROUNDING_MS = 1_000;

/** Keeps the scheduler from ending an offender that is to be looked at: scale-in and deployments of its service leave it alone. */
export const protectTask: Playbook = {
  name: NAME,
  needs: {
    iam: [{ actions: ["ecs:GetTaskProtection", "ecs:UpdateTaskProtection"], on: "task" }],
    look: [{ actions: ["ecs:GetTaskProtection"], on: "task" }],
    rbac: [],
  },

  plan(workload, params, occasion) {
    const target = aimAtTask(NAME, "protects tasks of ECS services", workload, params, [MINUTES.key]);
    if (typeof target === "string") return refused(target);
    if (target.service === null)
      return refused("the task stands alone and nothing scales it in: there is nothing to protect it from; next best: ecs:tag-task");
    const minutes = wholeNumber(params, MINUTES);
    if (typeof minutes === "string") return refused(minutes);
    return { kind: "planned", plan: { action: NAME, workload: target, params: { minutes }, occasion } };
  },

  async prepare(plan, reach, signal) {
    const until = await untilNow(plan, reach, signal);
    if (until === "unknown task")
      return {
        kind: "refused",
        because:
          "ECS knows no task of a service here: it has ended, and nothing can be kept; next best: its logs and the evidence of this incident",
      };
    if (until !== null) return { kind: "nothing", because: `it is protected from scale-in until ${at(until)}; left as it is` };
    return {
      kind: "ready",
      kept: { preparedAtMs: String(reach.nowMs()) },
      remarks: [
        "Protection holds off scale-in and deployments of the service, which may wait for it. It does not block StopTask, the end of the EC2 machine or a Spot interruption.",
        "The offender runs on, and code inside it may take the protection off where its task role allows that.",
      ],
    };
  },

  async execute(plan, kept, reach, signal) {
    const until = await untilNow(plan, reach, signal);
    if (until === "unknown task") return { kind: "gone", because: "the task was gone before it could be protected" };
    if (until !== null)
      return maybeOurs(plan, kept, until, reach.nowMs())
        ? { kind: "accepted", because: `ECS protects the task until ${at(until)}`, kept: { ...kept, untilMs: String(until) } }
        : { kind: "conflict", because: `somebody protected the task until ${at(until)} meanwhile; left as it is` };
    const { taskArn } = taskOf(plan, NAME);
    const answer = await (await reach.access.marks(reach.cluster)).protect(taskArn, minutesOf(plan), signal);
    if (answer.kind === "refused")
      return { kind: "conflict", because: `ECS refused the protection: ${answer.because}; next best: ecs:tag-task, and keep evidence` };
    return {
      kind: "accepted",
      because: "ECS accepted the protection",
      kept: { ...kept, ...(answer.untilMs === null ? {} : { untilMs: String(answer.untilMs) }) },
    };
  },

  async verify(plan, kept, reach, signal) {
    const set = asSet(kept);
    const until = await untilNow(plan, reach, signal);
    if (until === "unknown task") return { kind: "unknown", because: "ECS no longer knows the task: it has ended", over: true };
    if (until === null)
      return set !== null && set <= reach.nowMs()
        ? { kind: "done", because: `the protection that ECS set ran out at ${at(set)}` }
        : { kind: "pending", begun: false, because: "ECS does not protect the task" };
    return isSame(until, set) || maybeOurs(plan, kept, until, reach.nowMs())
      ? { kind: "done", because: `ECS protects the task from scale-in until ${at(until)}` }
      : { kind: "unknown", because: `the task is protected until ${at(until)}, which is not as we set it: somebody changed it` };
  },

  undo: {
    possible: true,
    says: "switches the protection off",
    async run(plan, kept, doneAtMs, reach, signal) {
      const until = await untilNow(plan, reach, signal);
      if (until === "unknown task") return { kind: "nothing", because: "the task has ended, and its protection with it" };
      if (until === null) return { kind: "nothing", because: "the task is not protected (any more)" };
      const set = asSet(kept);
      const ours = set === null ? Math.abs(until - doneAtMs - minutesOf(plan) * 60_000) <= TOLERANCE_MS : isSame(until, set);
      if (!ours)
        return {
          kind: "changed",
          because: `the task is protected until ${at(until)}, which is not as we set it: somebody changed it, it stands`,
        };
      const answer = await (await reach.access.marks(reach.cluster)).protect(taskOf(plan, NAME).taskArn, null, signal);
      if (answer.kind === "refused")
        throw new PipelineError(
          "not_yet",
          `ECS does not take the protection off now: ${answer.because}; it ends by itself at ${at(until)}`,
        );
      const left = await untilNow(plan, reach, signal);
      return left === null || left === "unknown task"
        ? { kind: "undone", because: "the task is no longer protected from scale-in, as before" }
        : { kind: "requested", because: "ECS took the request and still shows the protection" };
    },
  },
};

/** Until when ECS protects the task; null: it does not. */
async function untilNow(plan: Plan, { cluster, access, nowMs }: Reach, signal: AbortSignal): Promise<number | null | "unknown task"> {
  const found = await (await access.marks(cluster)).protection(taskOf(plan, NAME).taskArn, signal);
  if (found === null) return "unknown task";
  return found.untilMs !== null && found.untilMs > nowMs() ? found.untilMs : null;
}

const minutesOf = ({ params }: Plan): number => Number(params["minutes"]);

/** The expiry that ECS answered with; null: the answer was lost. */
const asSet = ({ untilMs }: Kept): number | null => (untilMs === undefined ? null : Number(untilMs));

const isSame = (until: number, set: number | null): boolean => set !== null && Math.abs(until - set) <= ROUNDING_MS;

/** Set between preparing and now, for as long as we ask. */
function maybeOurs(plan: Plan, { preparedAtMs = "0" }: Kept, until: number, nowMs: number): boolean {
  const setAt = until - minutesOf(plan) * 60_000;
  return setAt >= Number(preparedAtMs) - TOLERANCE_MS && setAt <= nowMs + TOLERANCE_MS;
}
