import type { QueueEntry } from "#shared/domain/queue-entry.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import type { Resolution, TaskWorkload } from "#shared/domain/workload.ts";
import { claimed, isContainerId, sameContainer } from "#shared/playbooks/claims.ts";
import { foreignTo, parseTaskArn } from "#shared/playbooks/ecs/arn.ts";
import { serviceOf, workloadOf } from "#shared/playbooks/ecs/workload.ts";
import { type Look, lookAgain, YOUNG_MS } from "#shared/playbooks/look-again.ts";
import type { Needs } from "#shared/playbooks/playbook.ts";
import { lastPart } from "#shared/playbooks/words.ts";
import type { Clock } from "#shared/ports/clock.ts";
import type { TaskFacts, Tasks } from "#shared/ports/tasks.ts";

export const resolveTaskNeeds: Needs = {
  iam: [],
  look: [
    { actions: ["ecs:DescribeTasks"], on: "task" },
    { actions: ["ecs:ListTasks"], on: "container-instance" },
    { actions: ["ecs:ListContainerInstances"], on: "cluster" },
    { actions: ["ecs:DescribeServices"], on: "service" },
  ],
  rbac: [],
};

/**
 * The ECS agent sets the label last, over labels of image and task definition. Falco before 0.41 wrote the dotted spelling.
 * `container.labels` is one joined text in which an image's label can forge this one: it is never read.
 */
const LABELS = ["container.label[com.amazonaws.ecs.task-arn]", "container.label.com.amazonaws.ecs.task-arn"] as const;

const KEY_MAX = 2_000;

/** All that `resolveTask` makes a resolution from, as one text; null when an alert makes it too long to be kept. */
export function sightingKey({ alert, sensor, cluster }: QueueEntry, nowMs: number): string | null {
  const young = alert.timeMs !== null && Math.abs(nowMs - alert.timeMs) < YOUNG_MS;
  const labels = LABELS.map((key) => (Object.hasOwn(alert.fields, key) ? alert.fields[key] : undefined));
  const { taskArn, ecsCluster, ec2InstanceId } = sensor;
  const key = JSON.stringify([cluster, alert.containerId, alert.onHost, alert.internal, young, labels, taskArn, ecsCluster, ec2InstanceId]);
  return key.length <= KEY_MAX ? key : null;
}

interface Match {
  readonly task: TaskFacts;
  readonly container: TaskFacts["containers"][number];
}

/**
 * The task with a container whose runtimeId begins with the alert's container id: the one that the task-arn label names or, without a label,
 * the one among all tasks on the container instance of Falco's own task. A label that does not fit holds: it is forged or stale, and the
 * second way is not taken to find somebody else. No image, name or family ever selects. `known`: the task that the same claims led to
 * before; ECS is asked all the same.
 */
export async function resolveTask(
  entry: QueueEntry,
  cluster: Cluster,
  tasks: Tasks,
  clock: Clock,
  signal: AbortSignal,
  known: string | null = null,
): Promise<Resolution> {
  const { alert, sensor } = entry;
  const id = alert.containerId;
  if (id === null || !isContainerId(id)) return unverified("the alert names no container id");
  if (sensor.ecsCluster !== null && lastPart(sensor.ecsCluster) !== cluster.awsName)
    return unverified(`the shipper's task is of another ECS cluster than ${cluster.awsName}`);
  const label = claimed(alert, ...LABELS);
  if (typeof label === "object" && label !== null) return unverified(label.conflict);
  return await lookAgain(alert, clock, signal, () =>
    label === null ? byInstance(entry, id, cluster, tasks, known, signal) : byLabel(label, id, cluster, tasks, signal),
  );
}

export const lookAtTaskNeeds: Needs = {
  iam: [],
  look: [
    { actions: ["ecs:DescribeTasks"], on: "task" },
    { actions: ["ecs:DescribeServices"], on: "service" },
  ],
  rbac: [],
};

/** The task that was resolved before, described now: found only with the very container that was accused. */
export async function lookAtTask(former: TaskWorkload, cluster: Cluster, tasks: Tasks, signal: AbortSignal): Promise<Resolution> {
  const { tasks: described } = await tasks.describe([former.taskArn], signal);
  const there = described.filter(({ taskArn }) => taskArn === former.taskArn);
  const same = there.map((task) => ({ ...task, containers: task.containers.filter(({ runtimeId }) => runtimeId === former.container.id) }));
  const [task] = same;
  if (task?.containers[0] === undefined) return unverified("ECS no longer has the task with the accused container");
  const { resolution } = await judge(same, former.container.id.toLowerCase(), cluster, tasks, signal, {
    how: "ECS still has the task with the accused container",
    none: "ECS no longer has the task with the accused container",
  });
  return resolution;
}

async function byLabel(label: string, id: string, cluster: Cluster, tasks: Tasks, signal: AbortSignal): Promise<Look> {
  const arn = parseTaskArn(label);
  if (arn === null) return sure(unverified("the alert's task-arn label is no task ARN"));
  const foreign = foreignTo(cluster, arn);
  if (foreign !== null) return sure(unverified(`the alert's task-arn label names a task elsewhere: ${foreign}`));
  const described = await tasks.describe([label], signal);
  const found = described.tasks.filter((task) => task.taskArn === label);
  if (found.length === 0) return sure(unverified(`ECS does not know task ${arn.id}, which the alert's label names`));
  return judge(found, id, cluster, tasks, signal, {
    how: "the task-arn label names the task, and the runtimeId of its container begins with the alert's container id",
    none: `the alert's label names task ${arn.id}, which has no container ${id}: a forged or stale label`,
  });
}

async function byInstance(
  entry: QueueEntry,
  id: string,
  cluster: Cluster,
  tasks: Tasks,
  known: string | null,
  signal: AbortSignal,
): Promise<Look> {
  const words = {
    how: "the runtimeId of exactly one container on the instance of Falco's own task begins with the alert's container id",
    none: `no task on Falco's container instance has a container ${id}`,
  };
  if (known !== null) {
    // The same claims led there before, and a task never moves: when it still has the container, the list is not needed.
    const { tasks: again } = await tasks.describe([known], signal);
    const there = again.filter((task) => task.taskArn === known);
    const seen = await judge(there, id, cluster, tasks, signal, words);
    if (seen.resolution.kind !== "unverified") return seen;
  }
  const instance = await instanceOf(entry, cluster, tasks, signal);
  if (typeof instance === "object") return sure(unverified(instance.because));
  const arns = await tasks.listOnInstance(instance, signal);
  const described = arns.length === 0 ? { tasks: [] } : await tasks.describe(arns, signal);
  // Asked for by instance, but what counts is what ECS describes.
  const there = described.tasks.filter((task) => task.containerInstanceArn === instance);
  return judge(there, id, cluster, tasks, signal, words);
}

/** The container instance that Falco's own task, as the shipper names it, runs on. */
async function instanceOf(
  { sensor }: QueueEntry,
  cluster: Cluster,
  tasks: Tasks,
  signal: AbortSignal,
): Promise<string | { readonly because: string }> {
  if (sensor.taskArn === null && sensor.ec2InstanceId === null)
    return { because: "the alert carries no task-arn label, and the shipper names neither Falco's own task nor its instance" };
  if (sensor.taskArn !== null) {
    const arn = parseTaskArn(sensor.taskArn);
    if (arn === null) return { because: "what the shipper names as Falco's own task is no task ARN" };
    const foreign = foreignTo(cluster, arn);
    if (foreign !== null) return { because: `Falco's own task is elsewhere: ${foreign}` };
    const { tasks: own } = await tasks.describe([sensor.taskArn], signal);
    const instance = own.find(({ taskArn }) => taskArn === sensor.taskArn)?.containerInstanceArn ?? null;
    if (instance !== null) return instance;
  }
  if (sensor.ec2InstanceId === null) return { because: "ECS knows no container instance of Falco's own task" };
  if (!/^i-[0-9a-f]{8,17}$/.test(sensor.ec2InstanceId))
    return { because: "what the shipper names as Falco's instance is no EC2 instance id" };
  const instance = await tasks.instanceByEc2Id(sensor.ec2InstanceId, signal);
  return instance ?? { because: `ECS cluster ${cluster.awsName} has no container instance on ${sensor.ec2InstanceId}` };
}

async function judge(
  candidates: readonly TaskFacts[],
  id: string,
  cluster: Cluster,
  tasks: Tasks,
  signal: AbortSignal,
  words: { readonly how: string; readonly none: string },
): Promise<Look> {
  const matches: readonly Match[] = candidates.flatMap((task) =>
    task.containers.filter(({ runtimeId }) => sameContainer(id, runtimeId)).map((container) => ({ task, container })),
  );
  const [match, second] = matches;
  if (match === undefined) return { resolution: unverified(words.none), lagging: candidates.some(awaitsIds) };
  if (second !== undefined) return sure(unverified(`more than one container in ECS begins with ${id}`));
  const arn = parseTaskArn(match.task.taskArn);
  const foreign = arn === null ? "its ARN cannot be read" : foreignTo(cluster, arn);
  if (foreign !== null) return sure(unverified(`the task that ECS describes is not of this cluster: ${foreign}`));
  const ending = endingOf(match.task);
  if (ending !== null) return sure({ kind: "gone", workload: workloadOf(match.task, match.container, cluster, {}), because: ending });
  const service = serviceOf(match.task);
  // Tags reach a task only with propagateTags: protection may stand on the service alone, so unreadable tags are not "no tags".
  const tags = service === null ? {} : await tasks.serviceTags(service, signal);
  return sure({ kind: "found", workload: workloadOf(match.task, match.container, cluster, tags), how: words.how });
}

const sure = (resolution: Resolution): Look => ({ resolution, lagging: false });
const unverified = (because: string): Resolution => ({ kind: "unverified", because });

const awaitsIds = (task: TaskFacts): boolean => endingOf(task) === null && task.containers.some(({ runtimeId }) => runtimeId === null);

function endingOf(task: TaskFacts): string | null {
  if (task.lastStatus === "STOPPED") return "the task has stopped";
  return task.desiredStatus === "STOPPED" ? `the task is already stopping (${task.lastStatus})` : null;
}
