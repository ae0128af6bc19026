import type {
  ContainerInstance,
  DescribeContainerInstancesCommandOutput,
  DescribeContainerInstancesRequest,
  Failure,
  ListContainerInstancesCommandOutput,
  ListContainerInstancesRequest,
  UpdateContainerInstancesStateCommandOutput,
  UpdateContainerInstancesStateRequest,
} from "@aws-sdk/client-ecs";
import { atMost, page, type Without } from "./ecs-tasks.ts";
import { invalidParameter, notModelled } from "./failure.ts";
import { reachable, settle } from "./scheduler.ts";
import { arnIn, type ClusterState, type InstanceState, type Scope, type State } from "./state.ts";

/**
 * https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListContainerInstances.html : all but INACTIVE unless asked for a status. Of the
 * cluster query language only `ec2InstanceId == i-...` and `ec2InstanceId in [i-..., ...]` are known here.
 */
export function listContainerInstances(
  state: State,
  scope: Scope,
  input: ListContainerInstancesRequest,
): Without<ListContainerInstancesCommandOutput> {
  const cluster = state.cluster(scope, input.cluster);
  const wanted = input.filter === undefined ? null : /^\s*ec2InstanceId\s*(?:==\s*(\S+)|in\s*\[([^\]]*)\])\s*$/.exec(input.filter);
  if (input.filter !== undefined && wanted === null) throw notModelled(`the filter ${input.filter}`);
  const ids = wanted === null ? null : (wanted[1] ?? wanted[2] ?? "").split(",").map((id) => id.trim());
  const arns = [...state.instances.values()]
    .filter(
      ({ clusterArn, status, ec2InstanceId }) =>
        clusterArn === cluster.arn &&
        (input.status === undefined ? status !== "INACTIVE" : status === input.status) &&
        (ids === null || (ec2InstanceId !== null && ids.includes(ec2InstanceId))),
    )
    .map(({ arn }) => arn);
  const { items, ...next } = page(arns, input.maxResults, input.nextToken, 100);
  return { containerInstanceArns: items, ...next };
}

/** https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeContainerInstances.html : 100; unknown ones are failures MISSING. */
export function describeContainerInstances(
  state: State,
  scope: Scope,
  input: DescribeContainerInstancesRequest,
): Without<DescribeContainerInstancesCommandOutput> {
  const cluster = state.cluster(scope, input.cluster);
  return sorted(state, cluster, atMost("Container instances", input.containerInstances, 100), () => null);
}

/**
 * https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateContainerInstancesState.html : 10; to ACTIVE or DRAINING, and only from
 * those two ("in any other status, an error will be received": which error is not verified). What follows is the scheduler's: service tasks are
 * replaced elsewhere within the two percents, others stay.
 */
export function updateContainerInstancesState(
  state: State,
  scope: Scope,
  input: UpdateContainerInstancesStateRequest,
): Without<UpdateContainerInstancesStateCommandOutput> {
  const cluster = state.cluster(scope, input.cluster);
  const { status } = input;
  if (status !== "ACTIVE" && status !== "DRAINING") throw invalidParameter("Container instance status must be ACTIVE or DRAINING.");
  const named = atMost("Container instances", input.containerInstances, 10);
  const found = named.map((name) => state.find(state.instances, cluster, "container-instance", name));
  for (const instance of found)
    if (instance !== undefined && !["ACTIVE", "DRAINING", "INACTIVE"].includes(instance.status))
      throw invalidParameter(`Container instance status cannot be changed from ${instance.status}.`);
  for (const instance of found) if (instance !== undefined && instance.status !== "INACTIVE") instance.status = status;
  settle(state);
  return sorted(state, cluster, named, (instance) => (instance.status === "INACTIVE" ? "INACTIVE" : null));
}

function sorted(state: State, cluster: ClusterState, asked: readonly string[], failureOf: (instance: InstanceState) => string | null) {
  const containerInstances: ContainerInstance[] = [];
  const failures: Failure[] = [];
  for (const name of asked) {
    const instance = state.find(state.instances, cluster, "container-instance", name);
    const reason = instance === undefined ? "MISSING" : failureOf(instance);
    if (instance !== undefined && reason === null) containerInstances.push(instanceOf(state, instance));
    else failures.push({ arn: name.startsWith("arn:") ? name : arnIn(cluster, "container-instance", name), ...(reason && { reason }) });
  }
  return { containerInstances, failures };
}

function instanceOf(state: State, { arn, ec2InstanceId, status }: InstanceState): ContainerInstance {
  const count = (lastStatus: string): number =>
    [...state.tasks.values()].filter((task) => task.instanceArn === arn && task.lastStatus === lastStatus).length;
  return {
    containerInstanceArn: arn,
    // An external instance has an id of Systems Manager, `mi-...`: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-anywhere.html
    ec2InstanceId: ec2InstanceId ?? `mi-${arn.slice(-17)}`,
    status,
    agentConnected: reachable(state, arn),
    registeredAt: new Date(0),
    runningTasksCount: count("RUNNING") + count("STOPPING"),
    pendingTasksCount: count("PENDING"),
    attributes: [],
    tags: [],
  };
}
