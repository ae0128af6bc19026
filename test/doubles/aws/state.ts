import { createHash } from "node:crypto";
import type { DeploymentConfiguration, TaskDefinition } from "@aws-sdk/client-ecs";
import type { Eni, Group } from "./ec2-state.ts";
import { AwsFailure } from "./failure.ts";

/** What a call is made in: the account of its access key, the region of its signature. */
export interface Scope {
  readonly account: string;
  readonly region: string;
}

export interface ClusterState {
  readonly arn: string;
  readonly name: string;
  readonly scope: Scope;
}

export interface InstanceState {
  readonly arn: string;
  readonly clusterArn: string;
  readonly ec2InstanceId: string | null;
  status: "ACTIVE" | "DRAINING" | "REGISTERING" | "DEREGISTERING" | "REGISTRATION_FAILED" | "INACTIVE";
  /** The agent's own connection; the machine's security groups may cut it off beside (see `reachable` in scheduler.ts). */
  connected: boolean;
}

export interface ServiceState {
  readonly arn: string;
  readonly name: string;
  readonly clusterArn: string;
  readonly strategy: "REPLICA" | "DAEMON";
  readonly controller: "ECS" | "CODE_DEPLOY" | "EXTERNAL";
  readonly launchType: "EC2" | "FARGATE";
  readonly configuration: DeploymentConfiguration;
  readonly propagateTags: boolean;
  readonly exitsAfterSeconds: number;
  readonly createdMs: number;
  tags: Record<string, string>;
  status: "ACTIVE" | "DRAINING" | "INACTIVE";
  desiredCount: number;
  definitionArn: string;
  /** Counts deployments: a task of an earlier one is replaced. */
  deployment: number;
}

export interface TaskState {
  readonly arn: string;
  readonly clusterArn: string;
  readonly definitionArn: string;
  readonly group: string;
  readonly launchType: "EC2" | "FARGATE";
  readonly instanceArn: string | null;
  readonly deployment: number;
  readonly createdMs: number;
  readonly containers: readonly { readonly name: string; readonly image: string; readonly runtimeId: string }[];
  readonly networkInterfaces: readonly string[];
  readonly roleOverride: string | null;
  /** How long the containers take to exit once they get SIGTERM; Infinity: they trap it and live until SIGKILL. */
  readonly exitsAfterSeconds: number;
  readonly stopTimeoutSeconds: number;
  /** `runtimeId` reaches ECS by an agent report after the start. */
  readonly runtimeIdAfterSeconds: number;
  lastStatus: "PENDING" | "RUNNING" | "STOPPING" | "STOPPED";
  desiredStatus: "RUNNING" | "STOPPED";
  startsAtMs: number;
  startedMs: number | null;
  stoppingMs: number | null;
  /** When its containers have exited; null: the agent has not been told. */
  exitsAtMs: number | null;
  stoppedMs: number | null;
  stopCode: "UserInitiated" | "ServiceSchedulerInitiated" | null;
  stoppedReason: string | null;
  tags: Record<string, string>;
  protectedUntilMs: number | null;
}

export interface ScalableTargetState {
  readonly scope: Scope;
  readonly resourceId: string;
  min: number;
  max: number;
  suspended: { in: boolean; out: boolean; scheduled: boolean };
}

export interface RoleState {
  readonly account: string;
  readonly name: string;
  readonly path: string;
  readonly trust: string;
  readonly maxSessionSeconds: number;
  /** STS hands out sessions of it only to who names this external id. Undefined: no condition. */
  readonly externalId: string | undefined;
  readonly policies: Map<string, string>;
}

export interface FunctionState {
  readonly arn: string;
  /** What the function answers to a payload. A thrown error is a FunctionError. */
  readonly answer: (payload: string) => string;
  /** Real milliseconds: the client's own timeout is what is tried. */
  readonly delayMs: number;
}

export interface LogStreamState {
  readonly scope: Scope;
  readonly group: string;
  readonly name: string;
  readonly events: { readonly atMs: number; readonly message: string }[];
  /** So many pages come back empty before the first one with lines, as GetLogEvents may do. */
  readonly emptyPages: number;
}

/** One world for all services. Keys are ARNs where AWS has one. */
export class State {
  readonly clusters = new Map<string, ClusterState>();
  readonly instances = new Map<string, InstanceState>();
  readonly services = new Map<string, ServiceState>();
  readonly tasks = new Map<string, TaskState>();
  readonly definitions = new Map<string, TaskDefinition>();
  readonly scalableTargets: ScalableTargetState[] = [];
  readonly enis = new Map<string, Eni>();
  readonly groups = new Map<string, Group>();
  readonly roles: RoleState[] = [];
  readonly functions = new Map<string, FunctionState>();
  readonly logStreams: LogStreamState[] = [];
  /** Access key id of an assumed role -> its account. */
  readonly sessions = new Map<string, string>();
  readonly startSeconds: number;
  readonly #now: () => number;
  #offsetMs = 0;
  #made = 0;
  /** Up to here everything that was due has happened. */
  settledMs: number;

  constructor(now: () => number, startSeconds: number) {
    this.#now = now;
    this.startSeconds = startSeconds;
    this.settledMs = now();
  }

  now(): number {
    return this.#now() + this.#offsetMs;
  }

  advance(ms: number): void {
    this.#offsetMs += ms;
  }

  /** Hexadecimal, never given before in this world. */
  id(length: number): string {
    return createHash("sha256")
      .update(`${++this.#made}`)
      .digest("hex")
      .padEnd(length, "0")
      .slice(0, length);
  }

  /** https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html : left out, the cluster "default" is meant. */
  cluster({ account, region }: Scope, named: string | undefined): ClusterState {
    const name = named ?? "default";
    const arn = name.startsWith("arn:") ? name : `arn:aws:ecs:${region}:${account}:cluster/${name}`;
    const found = this.clusters.get(arn);
    if (found === undefined) throw new AwsFailure("ClusterNotFoundException", "Cluster not found.");
    return found;
  }

  tasksIn(cluster: Pick<ClusterState, "arn">): TaskState[] {
    return [...this.tasks.values()].filter(({ clusterArn }) => clusterArn === cluster.arn);
  }

  /** A task, service or container instance of the cluster by its ARN or the last part of it; in another cluster it is not there. */
  find<T extends { readonly arn: string; readonly clusterArn: string }>(
    among: ReadonlyMap<string, T>,
    cluster: ClusterState,
    kind: "task" | "service" | "container-instance",
    named: string,
  ): T | undefined {
    const found = among.get(named.startsWith("arn:") ? named : arnIn(cluster, kind, named));
    return found?.clusterArn === cluster.arn ? found : undefined;
  }
}

export const arnIn = ({ name, scope }: ClusterState, kind: "task" | "service" | "container-instance", id: string): string =>
  `arn:aws:ecs:${scope.region}:${scope.account}:${kind}/${name}/${id}`;
