import type {
  DescribeTasksCommandOutput,
  DescribeTasksRequest,
  Failure,
  ListTagsForResourceRequest,
  ListTasksCommandOutput,
  ListTasksRequest,
  StopTaskCommandOutput,
  StopTaskRequest,
  Tag,
  TagResourceRequest,
  Task,
  UntagResourceRequest,
} from "@aws-sdk/client-ecs";
import { AwsFailure, invalidParameter, notModelled } from "./failure.ts";
import { orderStop, reachable, settle } from "./scheduler.ts";
import type { Scope, State, TaskState } from "./state.ts";

export type Without<T> = Omit<T, "$metadata">;

/** The lists that an action takes have a least and a most number of items. */
export function atMost<T>(what: string, list: readonly T[] | undefined, most: number): readonly T[] {
  if (list === undefined || list.length === 0) throw invalidParameter(`${what} cannot be empty.`);
  if (list.length > most) throw invalidParameter(`${what} can have at most ${most} items.`);
  return list;
}

/** A page of a list: `nextToken` is where the next one begins. `maxResults` is 1 to `most`, and `most` when left out. */
export function page<T>(all: readonly T[], maxResults: number | undefined, nextToken: string | undefined, most: number) {
  const size = maxResults ?? most;
  if (size < 1 || size > most) throw invalidParameter(`maxResults must be between 1 and ${most}.`);
  const start = nextToken === undefined ? 0 : Number(/^page-(\d+)$/.exec(nextToken)?.[1] ?? Number.NaN);
  if (!(start <= all.length)) throw invalidParameter("Invalid token.");
  const end = start + size;
  return { items: all.slice(start, end), ...(end < all.length ? { nextToken: `page-${end}` } : {}) };
}

/** https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html : 100 tasks; what ECS does not know is a failure MISSING, with HTTP 200. */
export function describeTasks(state: State, scope: Scope, input: DescribeTasksRequest): Without<DescribeTasksCommandOutput> {
  const cluster = state.cluster(scope, input.cluster);
  const tasks: Task[] = [];
  const failures: Failure[] = [];
  for (const named of atMost("Tasks", input.tasks, 100)) {
    const task = state.find(state.tasks, cluster, "task", named);
    if (task === undefined) failures.push({ arn: taskArnOf(scope, cluster.name, named), reason: "MISSING" });
    else tasks.push(taskOf(state, task, input.include?.includes("TAGS") ?? false));
  }
  return { tasks, failures };
}

const taskArnOf = ({ account, region }: Scope, cluster: string, named: string): string =>
  named.startsWith("arn:") ? named : `arn:aws:ecs:${region}:${account}:task/${cluster}/${named}`;

/**
 * https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListTasks.html : desired status RUNNING unless asked otherwise; PENDING never
 * finds any; an unknown service is ServiceNotFoundException. The error for an unknown container instance is not verified on a real account.
 */
export function listTasks(state: State, scope: Scope, input: ListTasksRequest): Without<ListTasksCommandOutput> {
  const cluster = state.cluster(scope, input.cluster);
  if (input.startedBy !== undefined || input.daemonName !== undefined) throw notModelled("ListTasks by startedBy or daemonName");
  const instance = input.containerInstance && state.find(state.instances, cluster, "container-instance", input.containerInstance);
  if (input.containerInstance && !instance) throw invalidParameter("The container instance was not found.");
  const service = input.serviceName && state.find(state.services, cluster, "service", input.serviceName);
  if (input.serviceName && !service) throw new AwsFailure("ServiceNotFoundException", "Service not found.");
  const desired = input.desiredStatus ?? "RUNNING";
  const arns = state
    .tasksIn(cluster)
    .filter(
      (task) =>
        task.desiredStatus === desired &&
        (!instance || task.instanceArn === instance.arn) &&
        (!service || task.group === `service:${service.name}`) &&
        (!input.family || familyOf(task.definitionArn) === input.family) &&
        (!input.launchType || task.launchType === input.launchType),
    )
    .map(({ arn }) => arn);
  const { items, ...next } = page(arns, input.maxResults, input.nextToken, 100);
  return { taskArns: items, ...next };
}

export const familyOf = (definitionArn: string): string => definitionArn.split("/").at(-1)?.split(":")[0] ?? "";

/**
 * https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_StopTask.html : accepted, not stopped; a repeat is accepted and changes nothing.
 * The text of the error is as reported in https://github.com/wazuh/wazuh/issues/25439. A `reason` beyond 255 characters is refused here: the
 * API reference names no limit any more, older ones did (remediation.md A2).
 */
export function stopTask(state: State, scope: Scope, input: StopTaskRequest): Without<StopTaskCommandOutput> {
  const cluster = state.cluster(scope, input.cluster);
  const task = state.find(state.tasks, cluster, "task", input.task ?? "");
  if (task === undefined) throw invalidParameter("The referenced task was not found.");
  if ((input.reason ?? "").length > 255) throw invalidParameter("The reason can have at most 255 characters.");
  if (task.desiredStatus !== "STOPPED") orderStop(state, task, "UserInitiated", input.reason ?? "Task stopped by user");
  settle(state);
  return { task: taskOf(state, task, false) };
}

/**
 * https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TagResource.html : 50 tags, keys of 128 and values of 256 characters, no `aws:`.
 * Only tasks and services are known here. Which error a task gets that has stopped or is not there is not verified on a real account.
 */
export function tagResource(state: State, scope: Scope, input: TagResourceRequest): object {
  const tags = input.tags ?? [];
  for (const { key = "", value = "" } of tags) {
    if (key.length < 1 || key.length > 128 || value.length > 256 || /^aws:/i.test(key)) throw invalidParameter("A tag is not valid.");
    if (!/^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u.test(key + value)) throw invalidParameter("A tag has characters that are not allowed.");
  }
  const owner = tagged(state, scope, input.resourceArn);
  const all = { ...owner.tags, ...Object.fromEntries(tags.map(({ key = "", value = "" }) => [key, value])) };
  if (Object.keys(all).length > 50) throw invalidParameter("A resource can have at most 50 tags.");
  owner.tags = all;
  return {};
}

/** https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UntagResource.html */
export function untagResource(state: State, scope: Scope, input: UntagResourceRequest): object {
  const owner = tagged(state, scope, input.resourceArn);
  owner.tags = Object.fromEntries(Object.entries(owner.tags).filter(([key]) => !input.tagKeys?.includes(key)));
  return {};
}

/** https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListTagsForResource.html */
export const listTagsForResource = (state: State, scope: Scope, input: ListTagsForResourceRequest): { tags: Tag[] } => ({
  tags: tagsOf(tagged(state, scope, input.resourceArn).tags),
});

function tagged(state: State, scope: Scope, arn = ""): { tags: Record<string, string> } {
  const [, , , region, account, resource = ""] = arn.split(":");
  const [kind, cluster, id] = resource.split("/");
  if (region !== scope.region || account !== scope.account || (kind !== "task" && kind !== "service"))
    throw invalidParameter("The ARN is not valid.");
  if (id === undefined) throw invalidParameter("The ARN is not in the long format.");
  state.cluster(scope, cluster);
  const task = state.tasks.get(arn);
  if (task?.lastStatus === "STOPPED") throw invalidParameter("The specified task is stopped. Specify a running task and try again.");
  const owner = task ?? state.services.get(arn);
  if (owner === undefined) throw new AwsFailure("ResourceNotFoundException", `The specified ${kind} was not found.`);
  return owner;
}

export const tagsOf = (tags: Readonly<Record<string, string>>): Tag[] => Object.entries(tags).map(([key, value]) => ({ key, value }));

const date = (ms: number | null): Date | undefined => (ms === null ? undefined : new Date(ms));

function taskOf(state: State, task: TaskState, withTags: boolean): Task {
  const seen = task.startedMs !== null && state.now() >= task.startedMs + task.runtimeIdAfterSeconds * 1_000;
  return {
    taskArn: task.arn,
    clusterArn: task.clusterArn,
    taskDefinitionArn: task.definitionArn,
    group: task.group,
    launchType: task.launchType,
    lastStatus: task.lastStatus,
    desiredStatus: task.desiredStatus,
    ...(task.instanceArn === null ? {} : { containerInstanceArn: task.instanceArn }),
    connectivity: reachable(state, task.instanceArn) ? "CONNECTED" : "DISCONNECTED",
    createdAt: new Date(task.createdMs),
    startedAt: date(task.startedMs),
    stoppingAt: date(task.stoppingMs),
    executionStoppedAt: task.lastStatus === "STOPPED" ? date(task.exitsAtMs) : undefined,
    stoppedAt: date(task.stoppedMs),
    stopCode: task.stopCode ?? undefined,
    stoppedReason: task.stoppedReason ?? undefined,
    containers: task.containers.map(({ name, image, runtimeId }) => ({
      containerArn: `${task.arn.replace(":task/", ":container/")}/${name}`,
      taskArn: task.arn,
      name,
      image,
      lastStatus: task.lastStatus === "STOPPING" ? "RUNNING" : task.lastStatus,
      ...(seen ? { runtimeId } : {}),
    })),
    attachments: task.networkInterfaces.map((id) => ({
      id,
      type: "ElasticNetworkInterface",
      status: task.lastStatus === "STOPPED" ? "DELETED" : "ATTACHED",
      details: [{ name: "networkInterfaceId", value: id }],
    })),
    overrides: { containerOverrides: [], ...(task.roleOverride === null ? {} : { taskRoleArn: task.roleOverride }) },
    tags: withTags ? tagsOf(task.tags) : [],
  };
}
