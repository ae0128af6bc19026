import { opens } from "./ec2-state.ts";
import { arnIn, type InstanceState, type ServiceState, type State, type TaskState } from "./state.ts";

/** Stopped tasks are described for at least an hour: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListTasks.html */
const REMEMBERED_MS = 3_600_000;

/**
 * Lets everything happen that is due up to now, each at its own time: starts, exits, expired protection, and what the service scheduler does
 * about them. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_services.html
 */
export function settle(state: State): void {
  const until = state.now();
  for (;;) {
    for (const service of state.services.values()) schedule(state, service);
    const due = nextDue(state, until);
    if (due === null) break;
    state.settledMs = Math.max(due, state.settledMs);
    for (const task of state.tasks.values()) happen(state, task);
  }
  state.settledMs = Math.max(until, state.settledMs);
  for (const { arn, stoppedMs } of [...state.tasks.values()])
    if (stoppedMs !== null && stoppedMs + REMEMBERED_MS <= until) state.tasks.delete(arn);
}

/** Only a task told to stop changes at once; ECS waits for the agent. A task whose agent is away goes on: remediation.md A2, StopTask. */
export function orderStop(state: State, task: TaskState, stopCode: NonNullable<TaskState["stopCode"]>, reason: string): void {
  task.desiredStatus = "STOPPED";
  task.stoppingMs = state.settledMs;
  task.stopCode = stopCode;
  task.stoppedReason = reason;
  task.protectedUntilMs = null;
  deliver(state, task);
}

/**
 * Whether the agent hears ECS: it is connected, and some interface of the machine lets it out to port 443. That a deny-all cuts the agent off is
 * remediation.md A2 ("EC2 instance SG swap"); it may hold on to a tracked connection for a while, here it never does.
 */
export function reachable(state: State, instanceArn: string | null): boolean {
  if (instanceArn === null) return true;
  const instance = state.instances.get(instanceArn);
  return instance?.connected === true && letsOut(state, instance);
}

/** Service tasks and DAEMON tasks may be surplus or leave; `wanted` are those not told to stop. */
export const wantedOf = (state: State, service: ServiceState): TaskState[] =>
  state.tasksIn({ arn: service.clusterArn }).filter((task) => task.group === `service:${service.name}` && task.desiredStatus === "RUNNING");

/** On a draining instance, or of an earlier deployment. */
export const leaves = (state: State, service: ServiceState, task: TaskState): boolean =>
  task.deployment !== service.deployment || state.instances.get(task.instanceArn ?? "")?.status === "DRAINING";

export const isProtected = (state: State, { protectedUntilMs }: TaskState): boolean =>
  protectedUntilMs !== null && protectedUntilMs > state.settledMs;

function letsOut(state: State, { ec2InstanceId, arn }: InstanceState): boolean {
  const [, , , region, account] = arn.split(":");
  const own = [...state.enis.values()].filter(
    (eni) => eni.ec2InstanceId === ec2InstanceId && !eni.requesterManaged && eni.account === account && eni.region === region,
  );
  return own.length === 0 || own.some(({ groups }) => groups.some((id) => state.groups.get(id)?.outbound.some((rule) => opens(rule, 443))));
}

/** SIGTERM, then SIGKILL after the stop timeout: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_StopTask.html */
function deliver(state: State, task: TaskState): void {
  if (task.desiredStatus !== "STOPPED" || task.exitsAtMs !== null || !reachable(state, task.instanceArn)) return;
  const seconds = task.lastStatus === "PENDING" ? 0 : Math.min(task.exitsAfterSeconds, task.stopTimeoutSeconds);
  task.exitsAtMs = state.settledMs + seconds * 1_000;
  task.lastStatus = "STOPPING";
}

function nextDue(state: State, until: number): number | null {
  let next: number | null = null;
  for (const task of state.tasks.values()) {
    const due = dueOf(state, task);
    if (due !== null && due <= until && (next === null || due < next)) next = due;
  }
  return next;
}

function dueOf(state: State, task: TaskState): number | null {
  if (task.lastStatus === "STOPPED") return null;
  // What an agent that is away knows, ECS does not: the order and the report both wait for it.
  if (!reachable(state, task.instanceArn)) return null;
  if (task.desiredStatus === "STOPPED") return task.exitsAtMs ?? state.settledMs;
  if (task.lastStatus === "PENDING") return task.startsAtMs;
  return isProtected(state, task) ? task.protectedUntilMs : null;
}

function happen(state: State, task: TaskState): void {
  if (task.protectedUntilMs !== null && task.protectedUntilMs <= state.settledMs) task.protectedUntilMs = null;
  if (!reachable(state, task.instanceArn)) return;
  deliver(state, task);
  if (task.lastStatus === "STOPPING" && task.exitsAtMs !== null && task.exitsAtMs <= state.settledMs) {
    task.lastStatus = "STOPPED";
    task.stoppedMs = state.settledMs;
    // https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_StopTask.html : "any tags associated with the task are deleted".
    task.tags = {};
  } else if (task.lastStatus === "PENDING" && task.startsAtMs <= state.settledMs) {
    task.lastStatus = "RUNNING";
    task.startedMs = state.settledMs;
  }
}

function schedule(state: State, service: ServiceState): void {
  const wanted = wantedOf(state, service);
  if (service.status === "INACTIVE" || service.status === "DRAINING") return;
  if (service.strategy === "DAEMON") scheduleDaemon(state, service, wanted);
  else scheduleReplicas(state, service, wanted);
}

/**
 * Keeps to the two percents while tasks leave: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html
 * A protected task is not stopped by scale-in or a deployment:
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection.html (that draining spares it too is not verified).
 */
function scheduleReplicas(state: State, service: ServiceState, wanted: readonly TaskState[]): void {
  const { minimumHealthyPercent = 100, maximumPercent = 200 } = service.configuration;
  const desired = service.desiredCount;
  const least = Math.ceil((desired * minimumHealthyPercent) / 100);
  const most = Math.floor((desired * maximumPercent) / 100);
  const leaving = wanted.filter((task) => leaves(state, service, task));
  const staying = wanted.filter((task) => !leaving.includes(task));
  const stop = (task: TaskState): void =>
    orderStop(state, task, "ServiceSchedulerInitiated", `Scaling activity initiated by (${service.arn})`);
  let healthy = wanted.filter(({ lastStatus }) => lastStatus === "RUNNING").length;
  // Newest first; AWS's own choice (spread over zones and instances) is not modelled.
  const over = Math.max(staying.length - desired, 0);
  const surplus = staying.filter((task) => !isProtected(state, task));
  for (const task of over === 0 ? [] : surplus.slice(-over)) {
    if (task.lastStatus === "RUNNING") healthy--;
    stop(task);
  }
  for (const task of leaving) {
    if (isProtected(state, task)) continue;
    if (task.lastStatus === "RUNNING" && healthy - 1 < least) continue;
    if (task.lastStatus === "RUNNING") healthy--;
    stop(task);
  }
  const now = wantedOf(state, service);
  const here = now.filter((task) => !leaves(state, service, task)).length;
  for (let missing = Math.min(desired - here, most - now.length); missing > 0; missing--) {
    const instance = service.launchType === "FARGATE" ? null : leastBusy(state, service.clusterArn);
    if (instance === undefined) return;
    startServiceTask(state, service, instance);
  }
}

/** One task on each active instance; the last to leave a draining one: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_services.html */
function scheduleDaemon(state: State, service: ServiceState, wanted: readonly TaskState[]): void {
  for (const task of wanted.filter((one) => leaves(state, service, one))) {
    const others = state
      .tasksIn({ arn: service.clusterArn })
      .some(
        (other) =>
          other.instanceArn === task.instanceArn &&
          other.lastStatus !== "STOPPED" &&
          other.group.startsWith("service:") &&
          state.services.get(serviceArnOf(state, other))?.strategy === "REPLICA",
      );
    if (!others) orderStop(state, task, "ServiceSchedulerInitiated", `Scaling activity initiated by (${service.arn})`);
  }
  const covered = new Set(wantedOf(state, service).map(({ instanceArn }) => instanceArn));
  for (const { arn, clusterArn, status } of state.instances.values())
    if (clusterArn === service.clusterArn && status === "ACTIVE" && reachable(state, arn) && !covered.has(arn))
      startServiceTask(state, service, arn);
  service.desiredCount = [...state.instances.values()].filter(
    ({ clusterArn, status }) => clusterArn === service.clusterArn && status === "ACTIVE",
  ).length;
}

function serviceArnOf(state: State, { clusterArn, group }: TaskState): string {
  const cluster = state.clusters.get(clusterArn);
  return cluster === undefined ? "" : arnIn(cluster, "service", group.slice("service:".length));
}

/** Undefined: nowhere to place a task. */
function leastBusy(state: State, clusterArn: string): string | undefined {
  const busy = (arn: string): number =>
    [...state.tasks.values()].filter(({ instanceArn, lastStatus }) => instanceArn === arn && lastStatus !== "STOPPED").length;
  return [...state.instances.values()]
    .filter((instance) => instance.clusterArn === clusterArn && instance.status === "ACTIVE" && reachable(state, instance.arn))
    .map(({ arn }) => ({ arn, busy: busy(arn) }))
    .sort((one, other) => one.busy - other.busy)[0]?.arn;
}

function startServiceTask(state: State, service: ServiceState, instanceArn: string | null): void {
  startTask(state, {
    clusterArn: service.clusterArn,
    definitionArn: service.definitionArn,
    group: `service:${service.name}`,
    launchType: service.launchType,
    instanceArn,
    deployment: service.deployment,
    exitsAfterSeconds: service.exitsAfterSeconds,
    tags: service.propagateTags ? { ...service.tags } : {},
  });
}

export interface NewTask
  extends Pick<TaskState, "clusterArn" | "definitionArn" | "group" | "launchType" | "instanceArn" | "tags" | "exitsAfterSeconds"> {
  readonly deployment?: number;
  readonly roleOverride?: string | null;
  readonly networkInterfaces?: readonly string[];
  readonly runtimeIdAfterSeconds?: number;
}

/** A PENDING task, RUNNING after `startSeconds`. Ids are 32 hex digits, runtime ids 64; on Fargate those begin with the task id (remediation.md A1). */
export function startTask(state: State, given: NewTask): TaskState {
  const cluster = state.clusters.get(given.clusterArn);
  const definition = state.definitions.get(given.definitionArn);
  if (cluster === undefined || definition === undefined) throw new Error(`no cluster or definition for a task: ${given.definitionArn}`);
  const id = state.id(32);
  const containers = definition.containerDefinitions ?? [];
  const task: TaskState = {
    ...given,
    arn: arnIn(cluster, "task", id),
    deployment: given.deployment ?? 0,
    roleOverride: given.roleOverride ?? null,
    networkInterfaces: given.networkInterfaces ?? [],
    runtimeIdAfterSeconds: given.runtimeIdAfterSeconds ?? 0,
    // An agent's default when the container has none: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html
    stopTimeoutSeconds: Math.max(...containers.map(({ stopTimeout = 30 }) => stopTimeout)),
    createdMs: state.settledMs,
    startsAtMs: state.settledMs + state.startSeconds * 1_000,
    containers: containers.map(({ name = "app", image = "" }) => ({
      name,
      image,
      runtimeId: given.launchType === "FARGATE" ? `${id}-${Number.parseInt(state.id(8), 16).toString().padStart(10, "0")}` : state.id(64),
    })),
    lastStatus: "PENDING",
    desiredStatus: "RUNNING",
    startedMs: null,
    stoppingMs: null,
    exitsAtMs: null,
    stoppedMs: null,
    stopCode: null,
    stoppedReason: null,
    protectedUntilMs: null,
  };
  state.tasks.set(task.arn, task);
  return task;
}
