/** What can be put on a running ECS task of one registered cluster. Adapters translate errors to PipelineError (`aws_*`). */
export interface TaskMarks {
  /** GetTaskProtection. Null: ECS does not know the task, or it is no service's. `untilMs` null: not protected. */
  protection(taskArn: string, signal: AbortSignal): Promise<{ readonly untilMs: number | null } | null>;
  /**
   * UpdateTaskProtection. `minutes` 1 to 2880; null: off. refused: ECS lists the task under `failures[]` (no service's task, not running, a
   * deployment goes on), with its reason. https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateTaskProtection.html
   */
  protect(
    taskArn: string,
    minutes: number | null,
    signal: AbortSignal,
  ): Promise<{ readonly kind: "set"; readonly untilMs: number | null } | { readonly kind: "refused"; readonly because: string }>;
  /** TagResource, one tag. Key <= 128, value <= 256. gone: the task is no longer there. */
  tag(taskArn: string, key: string, value: string, signal: AbortSignal): Promise<"tagged" | "gone">;
  /** UntagResource. An absent tag is no error. */
  untag(taskArn: string, key: string, signal: AbortSignal): Promise<"untagged" | "gone">;
}
