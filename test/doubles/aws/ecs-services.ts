import type {
  DescribeServicesCommandOutput,
  DescribeServicesRequest,
  DescribeTaskDefinitionCommandOutput,
  DescribeTaskDefinitionRequest,
  Failure,
  GetTaskProtectionCommandOutput,
  GetTaskProtectionRequest,
  ProtectedTask,
  Service,
  UpdateServiceCommandOutput,
  UpdateServiceRequest,
  UpdateTaskProtectionCommandOutput,
  UpdateTaskProtectionRequest,
} from "@aws-sdk/client-ecs";
import { atMost, tagsOf, type Without } from "./ecs-tasks.ts";
import { AwsFailure, invalidParameter, notModelled } from "./failure.ts";
import { isProtected, leaves, settle, wantedOf } from "./scheduler.ts";
import { arnIn, type ClusterState, type Scope, type ServiceState, type State, type TaskState } from "./state.ts";

/** https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServices.html : 10 services; unknown ones are failures MISSING. */
export function describeServices(state: State, scope: Scope, input: DescribeServicesRequest): Without<DescribeServicesCommandOutput> {
  const cluster = state.cluster(scope, input.cluster);
  const services: Service[] = [];
  const failures: Failure[] = [];
  for (const named of atMost("Services", input.services, 10)) {
    const service = state.find(state.services, cluster, "service", named);
    if (service !== undefined) services.push(serviceOf(state, service, input.include?.includes("TAGS") ?? false));
    else failures.push({ arn: named.startsWith("arn:") ? named : arnIn(cluster, "service", named), reason: "MISSING" });
  }
  return { services, failures };
}

/** What UpdateService takes here; each of them but the count begins a deployment. */
const MODELLED = new Set(["cluster", "service", "desiredCount", "taskDefinition", "forceNewDeployment", "networkConfiguration"]);

/**
 * https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html : a count alone begins no deployment. The DAEMON error is as
 * reported in https://github.com/fabfuel/ecs-deploy/issues/59; that of another deployment controller is remediation.md A2 (text not verified).
 */
export function updateService(state: State, scope: Scope, input: UpdateServiceRequest): Without<UpdateServiceCommandOutput> {
  const cluster = state.cluster(scope, input.cluster);
  const service = state.find(state.services, cluster, "service", input.service ?? "");
  const unknown = Object.keys(input).find((key) => !MODELLED.has(key));
  if (unknown !== undefined) throw notModelled(`UpdateService ${unknown}`);
  if (service === undefined) throw new AwsFailure("ServiceNotFoundException", "Service not found.");
  if (service.status !== "ACTIVE") throw new AwsFailure("ServiceNotActiveException", "Service was not ACTIVE.");
  const deploys = input.taskDefinition !== undefined || input.forceNewDeployment === true || input.networkConfiguration !== undefined;
  if (deploys && service.controller !== "ECS")
    throw invalidParameter(`Unable to update a service with a ${service.controller} deployment controller.`);
  if (input.desiredCount !== undefined) {
    if (service.strategy === "DAEMON")
      throw invalidParameter(
        "The daemon scheduling strategy does not support a desired count for services. Remove the desired count value and try again",
      );
    if (!Number.isInteger(input.desiredCount) || input.desiredCount < 0) throw invalidParameter("desiredCount must not be negative.");
  }
  if (input.taskDefinition !== undefined) service.definitionArn = definitionOf(state, scope, input.taskDefinition).taskDefinitionArn ?? "";
  service.desiredCount = input.desiredCount ?? service.desiredCount;
  if (deploys) service.deployment++;
  settle(state);
  return { service: serviceOf(state, service, false) };
}

/**
 * https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTaskDefinition.html : an ARN, family:revision, or a family for its last
 * ACTIVE revision. An INACTIVE one is described only while a task or service uses it. The error's text: https://github.com/getmoto/moto/pull/5910
 */
export function describeTaskDefinition(
  state: State,
  scope: Scope,
  input: DescribeTaskDefinitionRequest,
): Without<DescribeTaskDefinitionCommandOutput> {
  return { taskDefinition: definitionOf(state, scope, input.taskDefinition ?? ""), tags: [] };
}

function definitionOf(state: State, { account, region }: Scope, named: string) {
  const prefix = `arn:aws:ecs:${region}:${account}:task-definition/`;
  const name = named.startsWith(prefix) ? named.slice(prefix.length) : named;
  const used = (arn: string): boolean =>
    [...state.tasks.values()].some((task) => task.definitionArn === arn && task.lastStatus !== "STOPPED") ||
    [...state.services.values()].some((service) => service.definitionArn === arn && service.status !== "INACTIVE");
  const found = name.includes(":")
    ? state.definitions.get(prefix + name)
    : [...state.definitions.values()]
        .filter(
          ({ taskDefinitionArn = "", family, status }) => taskDefinitionArn.startsWith(prefix) && family === name && status === "ACTIVE",
        )
        .at(-1);
  if (found === undefined || (found.status !== "ACTIVE" && !used(found.taskDefinitionArn ?? "")))
    throw new AwsFailure("ClientException", "Unable to describe task definition.");
  return found;
}

/** https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_GetTaskProtection.html : up to 100 tasks. */
export function getTaskProtection(state: State, scope: Scope, input: GetTaskProtectionRequest): Without<GetTaskProtectionCommandOutput> {
  const cluster = state.cluster(scope, input.cluster);
  const all = state.tasksIn(cluster).filter(({ group, desiredStatus }) => group.startsWith("service:") && desiredStatus === "RUNNING");
  const asked = input.tasks === undefined || input.tasks.length === 0 ? all.map(({ arn }) => arn) : atMost("Tasks", input.tasks, 100);
  return protections(state, cluster, asked, protectionOf);
}

/**
 * https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateTaskProtection.html : up to 10 tasks, 1 to 2880 minutes, 120 when not said.
 * Failures: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/api_failures_messages.html . When exactly ECS says DEPLOYMENT_BLOCKED is
 * not verified: here, while a deployment waits for nothing but protected tasks. Nor that a task told to stop is TASK_NOT_VALID, as one of no
 * service is.
 */
export function updateTaskProtection(
  state: State,
  scope: Scope,
  input: UpdateTaskProtectionRequest,
): Without<UpdateTaskProtectionCommandOutput> {
  const cluster = state.cluster(scope, input.cluster);
  const minutes = input.expiresInMinutes ?? 120;
  if (!Number.isInteger(minutes) || minutes < 1 || minutes > 2_880) throw invalidParameter("expiresInMinutes must be between 1 and 2880.");
  if (input.protectionEnabled === undefined) throw invalidParameter("protectionEnabled cannot be empty.");
  const answer = protections(state, cluster, atMost("Tasks", input.tasks, 10), (task) => {
    const service = serviceOfTask(state, cluster, task);
    if (input.protectionEnabled && service !== undefined && blocked(state, service)) return "DEPLOYMENT_BLOCKED";
    task.protectedUntilMs = input.protectionEnabled ? state.settledMs + minutes * 60_000 : null;
    return protectionOf(task);
  });
  settle(state);
  return answer;
}

const protectionOf = ({ arn, protectedUntilMs }: TaskState): ProtectedTask => ({
  taskArn: arn,
  protectionEnabled: protectedUntilMs !== null,
  ...(protectedUntilMs === null ? {} : { expirationDate: new Date(protectedUntilMs) }),
});

function protections(
  state: State,
  cluster: ClusterState,
  asked: readonly string[],
  answer: (task: TaskState) => ProtectedTask | "DEPLOYMENT_BLOCKED",
): { protectedTasks: ProtectedTask[]; failures: Failure[] } {
  const protectedTasks: ProtectedTask[] = [];
  const failures: Failure[] = [];
  for (const named of asked) {
    const task = state.find(state.tasks, cluster, "task", named);
    const arn = task?.arn ?? (named.startsWith("arn:") ? named : arnIn(cluster, "task", named));
    if (task === undefined) failures.push({ arn, reason: "MISSING" });
    else if (!task.group.startsWith("service:") || task.desiredStatus !== "RUNNING") failures.push({ arn, reason: "TASK_NOT_VALID" });
    else {
      const answered = answer(task);
      if (answered === "DEPLOYMENT_BLOCKED") failures.push({ arn, reason: answered });
      else protectedTasks.push(answered);
    }
  }
  return { protectedTasks, failures };
}

const serviceOfTask = (state: State, cluster: ClusterState, { group }: TaskState): ServiceState | undefined =>
  state.services.get(arnIn(cluster, "service", group.slice("service:".length)));

function blocked(state: State, service: ServiceState): boolean {
  const old = wantedOf(state, service).filter((task) => leaves(state, service, task));
  return old.length > 0 && old.every((task) => isProtected(state, task));
}

function serviceOf(state: State, service: ServiceState, withTags: boolean): Service {
  const tasks = state.tasksIn({ arn: service.clusterArn }).filter(({ group }) => group === `service:${service.name}`);
  const counts = (among: readonly TaskState[]) => ({
    runningCount: among.filter(({ lastStatus }) => lastStatus === "RUNNING").length,
    pendingCount: among.filter(({ lastStatus }) => lastStatus === "PENDING").length,
  });
  const deployments = [...new Set([service.deployment, ...wantedOf(state, service).map(({ deployment }) => deployment)])];
  return {
    serviceArn: service.arn,
    serviceName: service.name,
    clusterArn: service.clusterArn,
    status: service.status,
    schedulingStrategy: service.strategy,
    // ECS leaves the controller out when it is its own.
    ...(service.controller === "ECS" ? {} : { deploymentController: { type: service.controller } }),
    deploymentConfiguration: service.configuration,
    launchType: service.launchType,
    desiredCount: service.desiredCount,
    ...counts(tasks),
    taskDefinition: service.definitionArn,
    createdAt: new Date(service.createdMs),
    propagateTags: service.propagateTags ? "SERVICE" : "NONE",
    deployments: deployments.map((deployment) => ({
      id: `ecs-svc/${deployment}`,
      status: deployment === service.deployment ? "PRIMARY" : "ACTIVE",
      taskDefinition: tasks.find((task) => task.deployment === deployment)?.definitionArn ?? service.definitionArn,
      desiredCount: deployment === service.deployment ? service.desiredCount : 0,
      rolloutState: deployments.length === 1 ? "COMPLETED" : "IN_PROGRESS",
      ...counts(tasks.filter((task) => task.deployment === deployment)),
    })),
    ...(withTags ? { tags: tagsOf(service.tags) } : {}),
  };
}
