/** ECS as the responder sees it, for one cluster of the registry. Adapters translate errors to PipelineError (`aws_*`). */
export interface Tasks {
  /** DescribeTasks with TAGS, any number of ARNs (batched by 100). ARNs that ECS does not know come back in `missing`. */
  describe(
    arns: readonly string[],
    signal: AbortSignal,
  ): Promise<{ readonly tasks: readonly TaskFacts[]; readonly missing: readonly string[] }>;
  /** ListTasks on a container instance: RUNNING and STOPPED desired status, all pages. */
  listOnInstance(containerInstanceArn: string, signal: AbortSignal): Promise<readonly string[]>;
  /** ListContainerInstances by EC2 instance id; null when there is none. */
  instanceByEc2Id(ec2InstanceId: string, signal: AbortSignal): Promise<string | null>;
  /** Tags of a service; empty when it has none. Throws when the service cannot be read. */
  serviceTags(service: string, signal: AbortSignal): Promise<Readonly<Record<string, string>>>;
  /** StopTask: accepted, not yet stopped. `reason` <= 255 printable ASCII. Idempotent. A task long gone: `gone`. */
  stop(taskArn: string, reason: string, signal: AbortSignal): Promise<"accepted" | "gone">;
}

export interface TaskFacts {
  readonly taskArn: string;
  readonly clusterArn: string;
  readonly taskDefinitionArn: string;
  readonly group: string | null;
  readonly launchType: string | null;
  readonly lastStatus: string;
  readonly desiredStatus: string;
  readonly containerInstanceArn: string | null;
  readonly startedAtMs: number | null;
  readonly stoppedAtMs: number | null;
  readonly stoppedReason: string | null;
  readonly containers: readonly {
    readonly name: string;
    readonly runtimeId: string | null;
    readonly image: string | null;
    readonly lastStatus: string | null;
  }[];
  readonly tags: Readonly<Record<string, string>>;
  /** Ids of the elastic network interfaces attached to the task (awsvpc). */
  readonly networkInterfaces: readonly string[];
  readonly roleOverride: string | null;
}
