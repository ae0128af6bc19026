/** ECS task definitions. Adapters translate errors to PipelineError (`aws_*`). */
export interface TaskDefinitions {
  /** DescribeTaskDefinition. Null: ECS does not know it. Values of environment variables never leave the adapter. */
  describe(arn: string, signal: AbortSignal): Promise<TaskDefinitionFacts | null>;
}

export interface TaskDefinitionFacts {
  readonly arn: string;
  readonly family: string;
  readonly revision: number;
  /** INACTIVE: deregistered, what runs goes on. */
  readonly status: string;
  /** bridge, host, awsvpc or none. Null: ECS did not say (bridge on Linux). */
  readonly networkMode: string | null;
  readonly taskRoleArn: string | null;
  readonly executionRoleArn: string | null;
  readonly pidMode: string | null;
  readonly ipcMode: string | null;
  readonly containers: readonly {
    readonly name: string;
    readonly image: string;
    readonly essential: boolean;
    readonly privileged: boolean;
    readonly readonlyRootFilesystem: boolean;
    readonly user: string | null;
    readonly stopTimeoutSeconds: number | null;
    /** Names only. */
    readonly environment: readonly string[];
    readonly secrets: readonly string[];
    readonly linuxCapabilities: readonly string[];
    readonly logs: {
      readonly driver: string;
      /** awslogs only, else null. */
      readonly group: string | null;
      readonly region: string | null;
      readonly streamPrefix: string | null;
    } | null;
  }[];
}
