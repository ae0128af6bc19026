/** ECS container instances of one registered cluster. Adapters translate errors to PipelineError (`aws_*`). */
export interface ContainerInstances {
  /** DescribeContainerInstances. Null: ECS does not know it. */
  describe(arn: string, signal: AbortSignal): Promise<InstanceFacts | null>;
  /**
   * ListContainerInstances and DescribeContainerInstances: every instance that is ACTIVE or DRAINING, which are those that run daemons. One that
   * goes between the two calls is left out.
   */
  list(signal: AbortSignal): Promise<readonly ListedInstance[]>;
  /**
   * UpdateContainerInstancesState. refused: ECS lists it under `failures[]` or the instance is in a state from which it cannot go there.
   * https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateContainerInstancesState.html
   */
  setStatus(
    arn: string,
    status: "ACTIVE" | "DRAINING",
    signal: AbortSignal,
  ): Promise<{ readonly kind: "set" } | { readonly kind: "refused"; readonly because: string }>;
}

export interface InstanceFacts {
  readonly arn: string;
  /** Null: an external instance (ECS Anywhere) has an `mi-` id and no EC2 machine. */
  readonly ec2InstanceId: string | null;
  /** ACTIVE, DRAINING, REGISTERING, DEREGISTERING, REGISTRATION_FAILED, INACTIVE. */
  readonly status: string;
  readonly agentConnected: boolean;
  readonly runningTasksCount: number;
  readonly pendingTasksCount: number;
}

export interface ListedInstance {
  readonly arn: string;
  /** `i-...`, or `mi-...` of an external instance (ECS Anywhere). */
  readonly machine: string;
  readonly agentConnected: boolean;
  /** ms since the epoch. */
  readonly registeredAtMs: number;
}
