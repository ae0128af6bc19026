import { messageOf, PipelineError } from "#shared/domain/error.ts";
import { stopReason } from "#shared/playbooks/ecs/stop-task.ts";
import { aimAtTask, taskNow, taskOf } from "#shared/playbooks/ecs/target.ts";
import { workloadOf } from "#shared/playbooks/ecs/workload.ts";
import { type Kept, type Plan, type Playbook, type Reach, refused, type Undoing, type Verification } from "#shared/playbooks/playbook.ts";
import { at, few, lastPart, many } from "#shared/playbooks/words.ts";
import type { ServiceFacts, Suspended } from "#shared/ports/services.ts";

const NAME = "ecs:scale-service-to-zero";
const NEXT_BEST = "next best: ecs:stop-task";
const ALL: Suspended = { in: true, out: true, scheduled: true };
/** `kept.scaling` of a service that nothing scales automatically; else its SuspendedState as JSON. */
const NOT_SCALED = "none";
/** Protections of so many tasks are asked about; ECS answers about them one by one here. */
const MOST_TASKS = 100;
const TASKS_AT_ONCE = 10;

/**
 * Takes a service that keeps replacing its offender out of service: an outage, made on purpose. Automatic scaling is suspended, or its minimum
 * would raise the count again; the offender is stopped too, since scaling in deregisters it from the load balancer first and may spare it.
 * https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html
 */
export const scaleServiceToZero: Playbook = {
  name: NAME,
  needs: {
    iam: [
      { actions: ["ecs:DescribeServices", "ecs:UpdateService"], on: "service" },
      { actions: ["ecs:ListTasks"], on: "container-instance" },
      { actions: ["ecs:DescribeTasks", "ecs:GetTaskProtection", "ecs:StopTask", "ecs:UpdateTaskProtection"], on: "task" },
      {
        actions: ["application-autoscaling:DescribeScalableTargets", "application-autoscaling:RegisterScalableTarget"],
        on: "scalable-target",
      },
    ],
    look: [
      { actions: ["ecs:DescribeServices"], on: "service" },
      { actions: ["ecs:ListTasks"], on: "container-instance" },
      { actions: ["ecs:DescribeTasks", "ecs:GetTaskProtection"], on: "task" },
      { actions: ["application-autoscaling:DescribeScalableTargets"], on: "scalable-target" },
    ],
    rbac: [],
  },

  plan(workload, params, occasion) {
    const target = aimAtTask(NAME, "scales the service of an ECS task", workload, params, ["clear_protection"]);
    if (typeof target === "string") return refused(target);
    const { clear_protection: clear = false } = params;
    if (typeof clear !== "boolean") return refused("clear_protection must be true or false");
    if (target.service === null) return refused(`the task stands alone: no service replaces it; ${NEXT_BEST}`);
    return { kind: "planned", plan: { action: NAME, workload: target, params: { clear_protection: clear }, occasion } };
  },

  async prepare(plan, reach, signal) {
    const { name, taskArn, clear } = aim(plan);
    const services = await reach.access.services(reach.cluster);
    const service = await services.describe(name, signal);
    const objection = objectionTo(service, name);
    if (service === null || objection !== null) return { kind: "refused", because: `${objection}; ${NEXT_BEST}` };
    const scaling = await services.scaling(name, signal);
    const running = await services.tasksOf(name, signal);
    const spared = await protectedSiblings(service, running, reach, signal);
    if (spared !== null) return { kind: "refused", because: `${spared}; ${NEXT_BEST}` };
    const shielded = await protectedTasks(
      running.filter((arn) => arn !== taskArn),
      reach,
      signal,
    );
    const unasked = running.length - MOST_TASKS;
    return {
      kind: "ready",
      kept: keptOf(service.desiredCount, scaling?.suspended ?? null),
      remarks: [
        `An outage: ${many(running.length, "running task")} of service ${name} ${running.length === 1 ? "is" : "are"} stopped, and none is started until somebody undoes it (desired count was ${service.desiredCount}).`,
        ...shieldRemarks(shielded, clear),
        ...(unasked > 0 ? [`Whether ${unasked} more of its tasks are protected from scale-in was not asked.`] : []),
        scaling === null ? "The service is not scaled automatically." : "Its automatic scaling (in, out and scheduled) is suspended.",
        "CloudFormation, Terraform, GitOps or a deployment may raise the count again: stop them too.",
        "Tasks that scale in live on while their load balancer deregisters them (300 s unless set otherwise), so the offender is also stopped directly.",
      ],
    };
  },

  async execute(plan, kept, reach, signal) {
    const { name, taskArn, clear } = aim(plan);
    const services = await reach.access.services(reach.cluster);
    const service = await services.describe(name, signal);
    const objection = objectionTo(service, name);
    if (service === null || objection !== null) return { kind: "conflict", because: `${objection}, since it was prepared; ${NEXT_BEST}` };
    const scaling = (await services.scaling(name, signal))?.suspended ?? null;
    // Somebody may have changed it since it was prepared: what it was last is what undo gives back.
    const count = service.desiredCount === 0 ? formerCount(kept) : service.desiredCount;
    const former = scaling === null || same(scaling, ALL) ? formerScaling(kept) : scaling;
    if (scaling !== null && !same(scaling, ALL)) await services.suspendScaling(name, ALL, signal);
    await toZero(service, scaling, reach, signal);
    const trouble: string[] = clear ? await clearProtections(name, reach, signal) : [];
    try {
      await (await reach.access.tasks(reach.cluster)).stop(taskArn, stopReason(plan.occasion), signal);
    } catch (thrown) {
      // The service is at zero: that is not undone by a stop that was refused, and must not be told as if nothing had happened.
      if (!(thrown instanceof PipelineError) || thrown.retryable) throw thrown;
      trouble.push(`StopTask for the offender was refused (${messageOf(thrown)}): it lives until the service scales it in.`);
    }
    return {
      kind: "accepted",
      because: `ECS took desired count 0 for service ${name} (it was ${count}), and the offender was told to stop`,
      kept: keptOf(count, former),
      remarks: trouble,
    };
  },

  async verify(plan, _kept, reach, signal) {
    const { name } = aim(plan);
    const services = await reach.access.services(reach.cluster);
    const service = await services.describe(name, signal);
    if (service !== null && service.status !== "INACTIVE") {
      const partly = service.desiredCount === 0 ? ({ partly: true } as const) : {};
      if (service.desiredCount !== 0)
        return pending(false, `service ${name} wants ${many(service.desiredCount, "task")}: not scaled to zero, or raised again since`);
      const scaling = await services.scaling(name, signal);
      if (scaling !== null && !same(scaling.suspended, ALL))
        return { ...pending(false, `service ${name} wants no task, but its automatic scaling is not suspended`), ...partly };
    }
    const task = await taskNow(taskOf(plan, NAME).taskArn, reach, signal);
    if (task !== null && task.lastStatus !== "STOPPED" && task.desiredStatus !== "STOPPED")
      return { ...pending(false, `service ${name} wants no task, but the offender was not told to stop`), partly: true };
    return await emptied(name, service, task !== null && task.lastStatus !== "STOPPED", reach, signal);
  },

  undo: {
    possible: true,
    says: "gives the service its former desired count and resumes its automatic scaling as it was",
    async run(plan, kept, _doneAtMs, reach, signal) {
      const { name } = aim(plan);
      const service = await (await reach.access.services(reach.cluster)).describe(name, signal);
      if (service === null || service.status === "INACTIVE")
        return { kind: "nothing", because: `service ${name} has been deleted: there is nothing to scale back` };
      if (service.status !== "ACTIVE")
        return { kind: "changed", because: `service ${name} is ${service.status}: somebody is deleting it, it stands` };
      return await giveBack(name, service, kept, reach, signal);
    },
  },
};

function objectionTo(service: ServiceFacts | null, name: string): string | null {
  if (service === null) return `ECS does not know service ${name}`;
  if (service.status !== "ACTIVE") return `service ${name} is ${service.status}: it is being deleted`;
  if (service.schedulingStrategy === "DAEMON")
    return `service ${name} is a DAEMON: it has no desired count, ECS runs one task on every instance; for the host, ecs:drain-instance`;
  return null;
}

/** Why the policy protects tasks that would be stopped with the service: a mark may stand on one task alone. Null: it does not. */
async function protectedSiblings(
  { name, tags }: ServiceFacts,
  running: readonly string[],
  { cluster, access, protection }: Reach,
  signal: AbortSignal,
): Promise<string | null> {
  const described = running.length === 0 ? [] : (await (await access.tasks(cluster)).describe(running, signal)).tasks;
  const reasons = described.map((task) => protection(workloadOf(task, null, cluster, tags))).filter((why) => why !== null);
  if (reasons.length === 0) return null;
  const would = `would be stopped (${few([...new Set(reasons)], 3)})`;
  return `${many(reasons.length, "protected task")} of service ${name} ${would}`;
}

/** Refused after the suspension, that is taken back: "failed" must mean that nothing is left changed. */
async function toZero(service: ServiceFacts, scaling: Suspended | null, reach: Reach, signal: AbortSignal): Promise<void> {
  const services = await reach.access.services(reach.cluster);
  try {
    if (service.desiredCount !== 0) await services.setDesiredCount(service.name, 0, signal);
  } catch (thrown) {
    const final = thrown instanceof PipelineError && !thrown.retryable;
    if (final && scaling !== null && !same(scaling, ALL)) await services.suspendScaling(service.name, scaling, signal);
    throw thrown;
  }
}

interface Shielded {
  readonly arn: string;
  readonly untilMs: number;
}

/** Those of the tasks that ECS protects from scale-in now. */
async function protectedTasks(
  arns: readonly string[],
  { cluster, access, nowMs }: Reach,
  signal: AbortSignal,
  most = MOST_TASKS,
): Promise<Shielded[]> {
  const marks = await access.marks(cluster);
  const found: Shielded[] = [];
  const asked = arns.slice(0, most);
  for (let start = 0; start < asked.length; start += TASKS_AT_ONCE) {
    const some = asked.slice(start, start + TASKS_AT_ONCE);
    const answers = await Promise.all(some.map(async (arn) => ({ arn, untilMs: (await marks.protection(arn, signal))?.untilMs ?? 0 })));
    found.push(...answers.filter(({ untilMs }) => untilMs > nowMs()));
  }
  return found;
}

async function clearProtections(name: string, reach: Reach, signal: AbortSignal): Promise<string[]> {
  const { cluster, access } = reach;
  const marks = await access.marks(cluster);
  const trouble: string[] = [];
  const running = await (await access.services(cluster)).tasksOf(name, signal);
  for (const { arn } of await protectedTasks(running, reach, signal, running.length)) {
    const answer = await marks.protect(arn, null, signal);
    if (answer.kind === "refused") trouble.push(`Task ${lastPart(arn)} keeps its protection: ${answer.because}`);
  }
  return trouble;
}

function shieldRemarks(shielded: readonly Shielded[], clear: boolean): readonly string[] {
  if (shielded.length === 0) return [];
  const who = `${many(shielded.length, "other task")} ${shielded.length === 1 ? "is" : "are"} protected from scale-in`;
  return [
    clear
      ? `${who}: the protection is taken off, and undo does not put it back.`
      : `${who} and NOT stopped before it ends: ${named(shielded)}. clear_protection: true takes it off.`,
  ];
}

const named = (shielded: readonly Shielded[]): string =>
  few(
    shielded.map(({ arn, untilMs }) => `${lastPart(arn)} until ${at(untilMs)}`),
    3,
  );

const pending = (begun: boolean, because: string) => ({ kind: "pending", begun, because }) as const;

/** The service is at zero; is anything of it left? */
async function emptied(
  name: string,
  service: ServiceFacts | null,
  offenderLives: boolean,
  reach: Reach,
  signal: AbortSignal,
): Promise<Verification> {
  const gone = service === null || service.status === "INACTIVE";
  const left = service === null ? [] : await (await reach.access.services(reach.cluster)).tasksOf(name, signal);
  const shielded = await protectedTasks(left, reach, signal);
  if (shielded.length > 0)
    return pending(true, `service ${name} wants no task; protected from scale-in and still running: ${named(shielded)}`);
  if (left.length > 0) return pending(true, `service ${name} wants no task; ${many(left.length, "task")} not told to stop yet`);
  if (offenderLives) return pending(true, `service ${name} wants no task; the offender is stopping`);
  const stopping = service?.runningCount ?? 0;
  if (stopping > 0) return pending(true, `service ${name} wants no task; ${many(stopping, "task")} still stopping`);
  return {
    kind: "done",
    because: gone
      ? `service ${name} has been deleted and the offender has stopped`
      : `service ${name} wants no task and none is RUNNING (the last may take their stop timeout), nothing scales it up by itself, and the offender has stopped`,
  };
}

async function giveBack(name: string, service: ServiceFacts, kept: Kept, reach: Reach, signal: AbortSignal): Promise<Undoing> {
  const services = await reach.access.services(reach.cluster);
  const count = formerCount(kept);
  const former = formerScaling(kept);
  const now = service.desiredCount;
  const scaling = (await services.scaling(name, signal))?.suspended ?? null;
  const strange: string[] = [];
  const asked: string[] = [];
  // The count first: scaling that is resumed below its minimum would raise it itself.
  if (now === 0 && count !== 0) {
    await services.setDesiredCount(name, count, signal);
    asked.push(`desired count ${count} (the tasks come back with the offender's image and hole: ${lastPart(service.taskDefinitionArn)})`);
  } else if (now !== count) strange.push(`somebody set the desired count to ${now} since (it was ${count} before, 0 by us)`);
  if (former === null && scaling !== null && same(scaling, ALL))
    strange.push("it is scaled automatically since, and suspended: not known from what");
  if (former !== null && (scaling === null || !same(scaling, former))) {
    if (scaling === null) strange.push("the service is no longer scaled automatically");
    else if (!same(scaling, ALL)) strange.push("somebody changed what of its automatic scaling is suspended");
    else {
      await services.suspendScaling(name, former, signal);
      asked.push("its automatic scaling as it was");
    }
  }
  const back = asked.length === 0 ? [] : [`service ${name} has again: ${asked.join("; ")}`];
  if (strange.length > 0) return { kind: "changed", because: [`not overwritten: ${strange.join("; ")}`, ...back].join("; ") };
  if (asked.length === 0) return { kind: "nothing", because: `service ${name} is as it was before` };
  const after = await services.describe(name, signal);
  const then = (await services.scaling(name, signal))?.suspended ?? null;
  return after?.desiredCount === count && (former === null || (then !== null && same(then, former)))
    ? { kind: "undone", because: back.join() }
    : { kind: "requested", because: `service ${name}: asked for, and not shown yet: ${asked.join("; ")}` };
}

function aim(plan: Plan): { readonly name: string; readonly taskArn: string; readonly clear: boolean } {
  const { service, taskArn } = taskOf(plan, NAME);
  if (service === null) throw new Error(`a plan of ${NAME} has no service`);
  return { name: service, taskArn, clear: plan.params["clear_protection"] === true };
}

const same = (a: Suspended, b: Suspended): boolean => a.in === b.in && a.out === b.out && a.scheduled === b.scheduled;

const keptOf = (count: number, scaling: Suspended | null): Kept => ({
  desiredCount: String(count),
  scaling: scaling === null ? NOT_SCALED : JSON.stringify(scaling),
});

function formerCount({ desiredCount }: Kept): number {
  if (desiredCount === undefined) throw new Error(`${NAME} was not prepared`);
  return Number(desiredCount);
}

const formerScaling = ({ scaling = NOT_SCALED }: Kept): Suspended | null =>
  scaling === NOT_SCALED ? null : (JSON.parse(scaling) as Suspended);
