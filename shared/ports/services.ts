/** ECS services of one registered cluster, and their Application Auto Scaling. Adapters translate errors to PipelineError (`aws_*`). */
export interface Services {
  /** DescribeServices. Null: ECS does not know it. An INACTIVE service is described as such. */
  describe(service: string, signal: AbortSignal): Promise<ServiceFacts | null>;
  /** UpdateService with nothing but desiredCount: no new deployment. Throws `aws_rejected` for a DAEMON or unknown service. */
  setDesiredCount(service: string, count: number, signal: AbortSignal): Promise<void>;
  /** ListTasks of the service, desired status RUNNING, all pages. */
  tasksOf(service: string, signal: AbortSignal): Promise<readonly string[]>;
  /** DescribeScalableTargets for `ecs:service:DesiredCount`. Null: the service is not scaled automatically. */
  scaling(service: string, signal: AbortSignal): Promise<Scaling | null>;
  /** RegisterScalableTarget with nothing but SuspendedState: capacities stay as they are. */
  suspendScaling(service: string, suspended: Suspended, signal: AbortSignal): Promise<void>;
}

export interface ServiceFacts {
  readonly name: string;
  readonly arn: string;
  readonly status: string;
  readonly schedulingStrategy: "REPLICA" | "DAEMON";
  /** ECS, CODE_DEPLOY or EXTERNAL. */
  readonly deploymentController: string;
  readonly desiredCount: number;
  readonly runningCount: number;
  readonly pendingCount: number;
  readonly taskDefinitionArn: string;
  /** Null: ECS did not say (its defaults are 100 and 200). */
  readonly minimumHealthyPercent: number | null;
  readonly maximumPercent: number | null;
  readonly tags: Readonly<Record<string, string>>;
}

/** Which directions of automatic scaling are suspended: https://docs.aws.amazon.com/autoscaling/application/APIReference/API_SuspendedState.html */
export interface Suspended {
  readonly in: boolean;
  readonly out: boolean;
  readonly scheduled: boolean;
}

export interface Scaling {
  readonly minCapacity: number;
  readonly maxCapacity: number;
  readonly suspended: Suspended;
}
