import { PipelineError } from "#shared/domain/error.ts";
import { protectedResidents, type Resident, residentsOf, servicesOf } from "#shared/playbooks/ecs/residents.ts";
import { aimAtTask, taskOf } from "#shared/playbooks/ecs/target.ts";
import { type Plan, type Playbook, refused } from "#shared/playbooks/playbook.ts";
import { many } from "#shared/playbooks/words.ts";

const NAME = "ecs:drain-instance";
const NEXT_BEST = "next best: ecs:stop-task";

/**
 * Moves every service task away from the offender's instance and places nothing new there. For a host that may be lost; it kills the
 * offender's evidence, and does not touch an offender that stands alone.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/container-instance-draining.html
 */
export const drainInstance: Playbook = {
  name: NAME,
  needs: {
    iam: [
      { actions: ["ecs:DescribeContainerInstances", "ecs:UpdateContainerInstancesState", "ecs:ListTasks"], on: "container-instance" },
      { actions: ["ecs:DescribeTasks"], on: "task" },
      { actions: ["ecs:DescribeServices"], on: "service" },
    ],
    look: [
      { actions: ["ecs:DescribeContainerInstances", "ecs:ListTasks"], on: "container-instance" },
      { actions: ["ecs:DescribeTasks"], on: "task" },
      { actions: ["ecs:DescribeServices"], on: "service" },
    ],
    rbac: [],
  },

  plan(workload, params, occasion) {
    const target = aimAtTask(NAME, "drains the container instance of an ECS task", workload, params, []);
    if (typeof target === "string") return refused(target);
    if (target.containerInstanceArn === null)
      return refused(`the task runs on no container instance of yours (Fargate): there is nothing to drain; ${NEXT_BEST}`);
    return { kind: "planned", plan: { action: NAME, workload: target, params: {}, occasion } };
  },

  async prepare(plan, reach, signal) {
    const arn = instanceOf(plan);
    const instance = await (await reach.access.instances(reach.cluster)).describe(arn, signal);
    if (instance === null) return { kind: "refused", because: `ECS no longer knows the container instance; ${NEXT_BEST}` };
    if (instance.status === "DRAINING") return { kind: "nothing", because: "the container instance is DRAINING already" };
    if (instance.status !== "ACTIVE")
      return {
        kind: "refused",
        because: `the container instance is ${instance.status}, and only an ACTIVE one can be drained; ${NEXT_BEST}`,
      };
    const residents = await residentsOf(plan, arn, reach, signal);
    const spared = protectedResidents(residents, reach);
    if (spared !== null) return { kind: "refused", because: `${spared}; ${NEXT_BEST}` };
    const stuck = residents.filter(neverMoves);
    if (stuck.length > 0)
      return {
        kind: "refused",
        because: `draining would never end: minimumHealthyPercent and maximumPercent are both 100${servicesOf(stuck)}; ${NEXT_BEST}`,
      };
    return { kind: "ready", kept: { status: "ACTIVE" }, remarks: remarksOn(residents, instance.agentConnected) };
  },

  async execute(plan, _kept, { cluster, access }, signal) {
    const instances = await access.instances(cluster);
    const instance = await instances.describe(instanceOf(plan), signal);
    if (instance === null) return { kind: "conflict", because: `the container instance has left ECS meanwhile; ${NEXT_BEST}` };
    if (instance.status === "DRAINING") return { kind: "accepted", because: "the container instance is DRAINING" };
    const answer = await instances.setStatus(instance.arn, "DRAINING", signal);
    return answer.kind === "set"
      ? { kind: "accepted", because: "ECS set the container instance to DRAINING" }
      : { kind: "conflict", because: `ECS refused to drain the container instance: ${answer.because}; ${NEXT_BEST}` };
  },

  async verify(plan, _kept, reach, signal) {
    const arn = instanceOf(plan);
    const instance = await (await reach.access.instances(reach.cluster)).describe(arn, signal);
    if (instance === null || instance.status === "INACTIVE")
      return {
        kind: "unknown",
        because: "the container instance has left ECS: whether its tasks were moved can no longer be seen",
        over: true,
      };
    if (instance.status !== "DRAINING")
      return { kind: "pending", begun: false, because: `the container instance is ${instance.status}, not DRAINING` };
    const residents = await residentsOf(plan, arn, reach, signal);
    const left = residents.filter(moves);
    const alone = residents.filter(({ service }) => service === null);
    if (left.length > 0)
      return {
        kind: "pending",
        begun: true,
        because: `the instance is DRAINING, ${many(left.length, "service task")} still there${servicesOf(left)}`,
      };
    const because = "the instance is DRAINING and no service task but daemons is left there";
    return {
      kind: "done",
      because: alone.length === 0 ? because : `${because}; ${many(alone.length, "standalone task")} on it ${runOn(alone)}`,
    };
  },

  undo: {
    possible: true,
    says: "sets the container instance to ACTIVE again",
    async run(plan, _kept, _doneAtMs, { cluster, access }, signal) {
      const instances = await access.instances(cluster);
      const arn = instanceOf(plan);
      const instance = await instances.describe(arn, signal);
      if (instance === null || instance.status === "INACTIVE")
        return { kind: "nothing", because: "the container instance has left ECS: there is nothing to set back" };
      if (instance.status === "ACTIVE") return { kind: "nothing", because: "the container instance is ACTIVE already" };
      if (instance.status !== "DRAINING")
        return { kind: "changed", because: `the container instance is ${instance.status}: somebody changed it since, it stands` };
      const answer = await instances.setStatus(arn, "ACTIVE", signal);
      if (answer.kind === "refused")
        throw new PipelineError("not_yet", `ECS does not set the container instance to ACTIVE: ${answer.because}`);
      return (await instances.describe(arn, signal))?.status === "ACTIVE"
        ? { kind: "undone", because: "the container instance is ACTIVE: ECS places tasks there again, those that moved do not come back" }
        : { kind: "requested", because: "ECS took the request and does not show the container instance ACTIVE yet" };
    },
  },
};

/** DAEMON services keep their tasks to the end; tasks of none are not touched. */
const moves = ({ service, daemon }: Resident): boolean => service !== null && !daemon;

/** ECS's own presets are 100 and 200. */
const neverMoves = (resident: Resident): boolean =>
  moves(resident) && (resident.facts?.minimumHealthyPercent ?? 100) === 100 && (resident.facts?.maximumPercent ?? 200) === 100;

const runOn = (tasks: readonly Resident[]): string =>
  `run${tasks.length === 1 ? "s" : ""} on untouched${tasks.some(({ offender }) => offender) ? ", the offender too: ecs:stop-task stops it" : ""}`;

function remarksOn(residents: readonly Resident[], agentConnected: boolean): readonly string[] {
  const moving = residents.filter(moves);
  const alone = residents.filter(({ service }) => service === null);
  const daemons = residents.filter(({ daemon }) => daemon);
  const offender = residents.find((resident) => resident.offender);
  return [
    `${many(moving.length, "service task")} on the instance ${moving.length === 1 ? "is" : "are"} stopped and replaced elsewhere${servicesOf(moving)}, as fast as minimumHealthyPercent and maximumPercent allow; one that is protected from scale-in may stay until that ends.`,
    ...(alone.length === 0 ? [] : [`${many(alone.length, "standalone task")} there ${runOn(alone)}.`]),
    ...(offender !== undefined && moves(offender)
      ? ["The offender is replaced too, with the same image and hole, and its evidence goes with it."]
      : []),
    ...(daemons.length === 0
      ? []
      : [`${many(daemons.length, "daemon task")} there may end${servicesOf(daemons)}: if Falco is one, the instance is unwatched then.`]),
    ...(agentConnected ? [] : ["The ECS agent of the instance is disconnected: what runs there runs on until it connects again."]),
    "Draining cuts no network: what runs on the machine outside ECS goes on.",
  ];
}

function instanceOf(plan: Plan): string {
  const { containerInstanceArn } = taskOf(plan, NAME);
  if (containerInstanceArn === null) throw new Error(`a plan of ${NAME} has no container instance`);
  return containerInstanceArn;
}
