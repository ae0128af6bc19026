import {
  DescribeTasksCommand,
  type ECSClient,
  GetTaskProtectionCommand,
  type ProtectedTask,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateTaskProtectionCommand,
} from "@aws-sdk/client-ecs";
import { askAws, isAws } from "#shared/adapters/aws-error.ts";
import { refusedFor } from "#shared/adapters/ecs-failure.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import type { TaskMarks } from "#shared/ports/task-marks.ts";

/** https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateTaskProtection.html */
const MINUTES_MAX = 2_880;
/** https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Tag.html */
const TAG_TEXT = /^[\p{L}\p{N} +\-=._:/@]*$/u;
const KEY_MAX = 128;
const VALUE_MAX = 256;
/** Of a task that no service owns, and of one that ECS no longer knows. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/api_failures_messages.html */
const UNPROTECTABLE: readonly unknown[] = ["MISSING", "TASK_NOT_VALID"];

export function taskMarks(client: Pick<ECSClient, "send">, cluster: Cluster): TaskMarks {
  const ask = <T>(action: string, call: () => Promise<T>) => askAws(`ECS ${action} in cluster ${cluster.name}`, call);
  const rejected = (action: string, why: string) => new PipelineError("aws_rejected", `ECS ${action} in cluster ${cluster.name}: ${why}`);

  const untilOf = (action: string, { protectionEnabled, expirationDate }: ProtectedTask): number | null => {
    if (protectionEnabled === false) return null;
    const untilMs = expirationDate?.getTime();
    if (protectionEnabled !== true || untilMs === undefined) throw rejected(action, "a protection without its state or its end");
    return untilMs;
  };

  /** These two calls name no cluster: an ARN of another one would be tagged as well. */
  const ownTask = (taskArn: string): void => {
    if (!taskArn.includes(`:ecs:${cluster.region}:${cluster.account}:task/${cluster.awsName}/`))
      throw new Error(`${taskArn} is no task of cluster ${cluster.name}`);
  };

  const isGone = async (task: string, abortSignal: AbortSignal): Promise<boolean> => {
    const input = { cluster: cluster.awsName, tasks: [task] };
    const { tasks, failures } = await ask("DescribeTasks", () => client.send(new DescribeTasksCommand(input), { abortSignal }));
    const found = tasks?.find(({ taskArn }) => taskArn === task);
    return found === undefined ? failures?.[0]?.reason === "MISSING" : found.lastStatus === "STOPPED";
  };

  const unlessGone = async <T>(
    action: string,
    taskArn: string,
    abortSignal: AbortSignal,
    call: () => Promise<unknown>,
    done: T,
  ): Promise<T | "gone"> => {
    try {
      await call();
      return done;
    } catch (thrown) {
      // As with StopTask: whether the task is gone is asked, not read from the error's text.
      if (isAws(thrown, "InvalidParameterException", "ResourceNotFoundException") && (await isGone(taskArn, abortSignal))) return "gone";
      return await ask(action, () => Promise.reject(thrown));
    }
  };

  return {
    async protection(taskArn, abortSignal) {
      const input = { cluster: cluster.awsName, tasks: [taskArn] };
      try {
        const answer = await client.send(new GetTaskProtectionCommand(input), { abortSignal });
        const task = answer.protectedTasks?.find((one) => one.taskArn === taskArn);
        if (task !== undefined) return { untilMs: untilOf("GetTaskProtection", task) };
        const reason = answer.failures?.[0]?.reason;
        if (UNPROTECTABLE.includes(reason)) return null;
        throw rejected("GetTaskProtection", reason ?? "not a word about the task");
      } catch (thrown) {
        if (isAws(thrown, "ResourceNotFoundException")) return null;
        return await ask("GetTaskProtection", () => Promise.reject(thrown));
      }
    },

    async protect(taskArn, minutes, abortSignal) {
      if (minutes !== null && !(Number.isInteger(minutes) && minutes >= 1 && minutes <= MINUTES_MAX))
        throw new RangeError(`a task is protected for 1 to ${MINUTES_MAX} minutes, not ${minutes}`);
      const input = {
        cluster: cluster.awsName,
        tasks: [taskArn],
        protectionEnabled: minutes !== null,
        ...(minutes === null ? {} : { expiresInMinutes: minutes }),
      };
      try {
        const answer = await client.send(new UpdateTaskProtectionCommand(input), { abortSignal });
        const failure = answer.failures?.[0];
        if (failure !== undefined) return refusedFor(failure);
        const task = answer.protectedTasks?.find((one) => one.taskArn === taskArn);
        if (task === undefined || task.protectionEnabled !== input.protectionEnabled)
          throw rejected("UpdateTaskProtection", "the answer does not show what was asked for");
        return { kind: "set", untilMs: untilOf("UpdateTaskProtection", task) };
      } catch (thrown) {
        if (isAws(thrown, "ResourceNotFoundException")) return refusedFor({ reason: "it does not know the task" });
        return await ask("UpdateTaskProtection", () => Promise.reject(thrown));
      }
    },

    async tag(taskArn, key, value, abortSignal) {
      ownTask(taskArn);
      tagText("key", key, KEY_MAX);
      tagText("value", value, VALUE_MAX);
      if (key === "" || /^aws:/i.test(key)) throw new RangeError(`"${key}" can be no key of a tag`);
      const command = new TagResourceCommand({ resourceArn: taskArn, tags: [{ key, value }] });
      return await unlessGone("TagResource", taskArn, abortSignal, () => client.send(command, { abortSignal }), "tagged");
    },

    async untag(taskArn, key, abortSignal) {
      ownTask(taskArn);
      const command = new UntagResourceCommand({ resourceArn: taskArn, tagKeys: [key] });
      return await unlessGone("UntagResource", taskArn, abortSignal, () => client.send(command, { abortSignal }), "untagged");
    },
  };
}

function tagText(what: string, text: string, most: number): void {
  if ([...text].length > most || !TAG_TEXT.test(text))
    throw new RangeError(`a tag's ${what} has at most ${most} letters, digits or + - = . _ : / @`);
}
