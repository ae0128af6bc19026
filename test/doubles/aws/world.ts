import type { ContainerDefinition, DeploymentConfiguration, TaskDefinition } from "@aws-sdk/client-ecs";
import { ALL, type Eni, type Group, HTTPS, type Rule } from "./ec2-state.ts";
import { scale } from "./scaling.ts";
import { settle, startTask } from "./scheduler.ts";
import {
  arnIn,
  type ClusterState,
  type FunctionState,
  type InstanceState,
  type LogStreamState,
  type RoleState,
  type Scope,
  type ServiceState,
  type State,
  type TaskState,
} from "./state.ts";

export interface NewService {
  readonly name: string;
  readonly cluster?: string;
  readonly definitionArn?: string;
  readonly desired?: number;
  readonly strategy?: ServiceState["strategy"];
  readonly controller?: ServiceState["controller"];
  readonly launchType?: ServiceState["launchType"];
  readonly minimumHealthyPercent?: number;
  readonly maximumPercent?: number;
  readonly tags?: Readonly<Record<string, string>>;
  readonly propagateTags?: boolean;
  readonly exitsAfterSeconds?: number;
  readonly status?: ServiceState["status"];
}

export interface NewStandaloneTask {
  readonly cluster?: string;
  readonly definitionArn?: string;
  readonly group?: string;
  readonly launchType?: TaskState["launchType"];
  /** ARN of a container instance. Left out: the first of the cluster; none on Fargate. */
  readonly instanceArn?: string | null;
  readonly tags?: Readonly<Record<string, string>>;
  /** Infinity: it traps SIGTERM. */
  readonly exitsAfterSeconds?: number;
  readonly runtimeIdAfterSeconds?: number;
  readonly networkInterfaces?: readonly string[];
  readonly roleOverride?: string;
}

/** How a test makes and moves the world. What is added is there at once, running; what follows from it takes its time (`tick`). */
export class World {
  readonly #state: State;
  readonly #scope: Scope;

  constructor(state: State, scope: Scope) {
    this.#state = state;
    this.#scope = scope;
  }

  /** The same world seen from another account or region. */
  in(scope: Partial<Scope>): World {
    return new World(this.#state, { ...this.#scope, ...scope });
  }

  now(): number {
    return this.#state.now();
  }

  /** Lets ms pass; everything that is due happens, and the customer's automatic scaling looks once. */
  tick(ms = 1_000): void {
    this.#state.advance(ms);
    settle(this.#state);
    scale(this.#state);
    settle(this.#state);
  }

  cluster(name = "shop"): ClusterState {
    const arn = `arn:aws:ecs:${this.#scope.region}:${this.#scope.account}:cluster/${name}`;
    const cluster = this.#state.clusters.get(arn) ?? { arn, name, scope: this.#scope };
    this.#state.clusters.set(arn, cluster);
    return cluster;
  }

  instance(
    given: { readonly cluster?: string; readonly ec2InstanceId?: string | null; readonly status?: InstanceState["status"] } = {},
  ): InstanceState {
    const cluster = this.cluster(given.cluster);
    const instance: InstanceState = {
      arn: arnIn(cluster, "container-instance", this.#state.id(32)),
      clusterArn: cluster.arn,
      ec2InstanceId: given.ec2InstanceId === undefined ? `i-${this.#state.id(17)}` : given.ec2InstanceId,
      status: given.status ?? "ACTIVE",
      connected: true,
    };
    this.#state.instances.set(instance.arn, instance);
    return instance;
  }

  /** Whether the agent of a container instance talks to ECS. */
  connect(instanceArn: string, connected: boolean): void {
    const instance = this.#state.instances.get(instanceArn);
    if (instance === undefined) throw new Error(`no container instance ${instanceArn}`);
    settle(this.#state);
    instance.connected = connected;
    settle(this.#state);
  }

  /** Registers the next revision of a family. A container is "app" of `registry.test/<family>:1` unless said. */
  definition(family = "web", given: Partial<TaskDefinition> = {}, containers: readonly ContainerDefinition[] = [{}]): string {
    const { account, region } = this.#scope;
    const prefix = `arn:aws:ecs:${region}:${account}:task-definition/${family}:`;
    const revision = [...this.#state.definitions.keys()].filter((arn) => arn.startsWith(prefix)).length + 1;
    const taskDefinitionArn = `${prefix}${revision}`;
    this.#state.definitions.set(taskDefinitionArn, {
      family,
      revision,
      taskDefinitionArn,
      status: "ACTIVE",
      ...given,
      containerDefinitions: containers.map((one) => ({ name: "app", image: `registry.test/${family}:1`, essential: true, ...one })),
    });
    return taskDefinitionArn;
  }

  /** As DeregisterTaskDefinition does. */
  deregister(definitionArn: string): void {
    const definition = this.#state.definitions.get(definitionArn);
    if (definition !== undefined) definition.status = "INACTIVE";
  }

  /** A service with its tasks running. */
  service(given: NewService): ServiceState {
    const cluster = this.cluster(given.cluster);
    const { minimumHealthyPercent = 100, maximumPercent = 200, status = "ACTIVE" } = given;
    const configuration: DeploymentConfiguration = { minimumHealthyPercent, maximumPercent };
    const service: ServiceState = {
      arn: arnIn(cluster, "service", given.name),
      name: given.name,
      clusterArn: cluster.arn,
      strategy: given.strategy ?? "REPLICA",
      controller: given.controller ?? "ECS",
      launchType: given.launchType ?? "EC2",
      configuration,
      propagateTags: given.propagateTags ?? false,
      exitsAfterSeconds: given.exitsAfterSeconds ?? 1,
      createdMs: this.#state.now(),
      tags: { ...given.tags },
      status: "ACTIVE",
      desiredCount: given.desired ?? 1,
      definitionArn: given.definitionArn ?? this.definition(given.name),
      deployment: 1,
    };
    this.#state.services.set(service.arn, service);
    settle(this.#state);
    for (const task of this.tasksOf(given.name, given.cluster)) this.#run(task);
    service.status = status;
    return service;
  }

  /** A task of no service. */
  task(given: NewStandaloneTask = {}): TaskState {
    const cluster = this.cluster(given.cluster);
    const launchType = given.launchType ?? "EC2";
    const definitionArn = given.definitionArn ?? this.definition();
    const first = [...this.#state.instances.values()].find(({ clusterArn }) => clusterArn === cluster.arn)?.arn ?? null;
    settle(this.#state);
    const task = startTask(this.#state, {
      clusterArn: cluster.arn,
      definitionArn,
      group: given.group ?? `family:${this.#state.definitions.get(definitionArn)?.family}`,
      launchType,
      instanceArn: launchType === "FARGATE" ? null : given.instanceArn === undefined ? first : given.instanceArn,
      tags: { ...given.tags },
      exitsAfterSeconds: given.exitsAfterSeconds ?? 1,
      runtimeIdAfterSeconds: given.runtimeIdAfterSeconds ?? 0,
      networkInterfaces: given.networkInterfaces ?? [],
      roleOverride: given.roleOverride ?? null,
    });
    this.#run(task);
    return task;
  }

  /** Tasks of a service that have not stopped, as they are now. */
  tasksOf(service: string, cluster?: string): readonly TaskState[] {
    settle(this.#state);
    return this.#state
      .tasksIn(this.cluster(cluster))
      .filter((task) => task.group === `service:${service}` && task.lastStatus !== "STOPPED");
  }

  /** ECS forgets it, as it does an hour or more after it stopped. */
  forget(taskArn: string): void {
    this.#state.tasks.delete(taskArn);
  }

  scalableTarget(service: string, min: number, max: number, cluster = "shop"): void {
    const suspended = { in: false, out: false, scheduled: false };
    this.#state.scalableTargets.push({ scope: this.#scope, resourceId: `service/${cluster}/${service}`, min, max, suspended });
  }

  securityGroup(
    given: { readonly vpcId?: string; readonly name?: string; readonly outbound?: "all" | "https" | "none" | readonly Rule[] } = {},
  ): Group {
    const { outbound = "all" } = given;
    const rules = { all: [ALL], https: [HTTPS], none: [] };
    const id = `sg-${this.#state.id(17)}`;
    const group: Group = {
      id,
      ...this.#scope,
      vpcId: given.vpcId ?? "vpc-0aa",
      name: given.name ?? id,
      inbound: [],
      outbound: typeof outbound === "string" ? rules[outbound] : outbound,
    };
    this.#state.groups.set(id, group);
    return group;
  }

  networkInterface(given: Partial<Omit<Eni, "account" | "region">> = {}): Eni {
    const id = given.id ?? `eni-${this.#state.id(17)}`;
    const eni: Eni = {
      requesterManaged: false,
      type: "interface",
      description: "Primary network interface",
      ec2InstanceId: null,
      vpcId: "vpc-0aa",
      groups: [],
      ...given,
      ...this.#scope,
      id,
    };
    this.#state.enis.set(id, eni);
    return eni;
  }

  role(name: string, given: Partial<Omit<RoleState, "name" | "account" | "policies">> = {}): RoleState {
    const trust = {
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: { Service: "ecs-tasks.amazonaws.com" }, Action: "sts:AssumeRole" }],
    };
    const role: RoleState = {
      account: this.#scope.account,
      name,
      path: given.path ?? "/",
      trust: given.trust ?? JSON.stringify(trust),
      maxSessionSeconds: given.maxSessionSeconds ?? 3_600,
      externalId: given.externalId,
      policies: new Map(),
    };
    this.#state.roles.push(role);
    return role;
  }

  /** A Lambda function; its ARN. */
  fn(name: string, answer: FunctionState["answer"], delayMs = 0): string {
    const arn = `arn:aws:lambda:${this.#scope.region}:${this.#scope.account}:function:${name}`;
    this.#state.functions.set(arn, { arn, answer, delayMs });
    return arn;
  }

  logStream(group: string, name: string, events: LogStreamState["events"], emptyPages = 0): void {
    this.#state.logStreams.push({ scope: this.#scope, group, name, events, emptyPages });
  }

  #run(task: TaskState): void {
    task.lastStatus = "RUNNING";
    task.startedMs = this.#state.settledMs;
  }
}
