/** CloudWatch Logs of a task's containers, for evidence. Adapters translate errors to PipelineError (`aws_*`). */
export interface TaskLogs {
  /** GetLogEvents, the last `most` lines of a stream, oldest first. Null: no such group or stream. */
  recent(
    logGroup: string,
    logStream: string,
    most: number,
    signal: AbortSignal,
  ): Promise<readonly { readonly atMs: number; readonly line: string }[] | null>;
}
