import { messageOf, PipelineError } from "#shared/domain/error.ts";
import type { TaskWorkload } from "#shared/domain/workload.ts";
import type { Needs, Reach } from "#shared/playbooks/playbook.ts";
import { untilAborted } from "#shared/playbooks/until-aborted.ts";
import { globTest } from "#shared/policy/pattern.ts";
import type { TaskDefinitionFacts } from "#shared/ports/task-definitions.ts";

export const evidenceNeeds: Needs = {
  iam: [
    { actions: ["ecs:DescribeTasks"], on: "task" },
    { actions: ["ecs:DescribeServices"], on: "service" },
    { actions: ["ecs:DescribeTaskDefinition"], on: "task-definition" },
    { actions: ["logs:GetLogEvents"], on: "task-log-group" },
  ],
  look: [],
  rbac: [],
};

/** The last lines of each container: enough to see what it did, small beside the size cap of evidence. */
const MOST_LINES = 100;
const MOST_CONTAINERS = 10;
/** The offender writes its log: as long as it likes. A line is cut, and of all logs of a task so much JSON is kept, the newest first. */
const MOST_LINE_CHARS = 2_000;
const MOST_LOG_CHARS = 200_000;

/** What the control plane says of the offender before it is touched; each part by itself, since none may cost the others. */
export interface TaskEvidence {
  readonly task: unknown;
  readonly service: unknown;
  /** Without the values of environment variables and secrets. */
  readonly definition: unknown;
  readonly logs: readonly ContainerLog[];
  /** What could not be had, and why. */
  readonly missing: readonly string[];
}

type ContainerLog = {
  readonly container: string;
  readonly stream: string;
  readonly lines: readonly { readonly atMs: number; readonly line: string }[];
};

/**
 * Gathers in parallel until `bound` aborts. Calls get the invocation's own signal, under which those of other alerts join them: none is called
 * off for one alert's sake, it is only no longer waited for. Never throws for the world: what is missing says so.
 */
export async function taskEvidence(task: TaskWorkload, reach: Reach, signal: AbortSignal, bound: AbortSignal): Promise<TaskEvidence> {
  const missing: string[] = [];
  const part = async <T>(what: string, ask: () => Promise<T>): Promise<T | null> => {
    try {
      bound.throwIfAborted();
      return await untilAborted(ask(), bound);
    } catch (thrown) {
      if (!(thrown instanceof PipelineError) && !signal.aborted && !bound.aborted) throw thrown;
      missing.push(`${what}: ${messageOf(thrown)}`);
      return null;
    }
  };
  const { cluster, access } = reach;
  const ofTask = async () => {
    const described = await part(
      "task",
      async () => (await (await access.tasks(cluster)).describe([task.taskArn], signal)).tasks[0] ?? null,
    );
    const arn = described?.taskDefinitionArn ?? null;
    const definition =
      arn === null ? null : await part("task definition", async () => await (await access.definitions(cluster)).describe(arn, signal));
    const logs = definition === null ? [] : await logsOf(task, definition, reach, missing, part, signal);
    return { task: described, definition, logs };
  };
  const [own, service] = await Promise.all([
    ofTask(),
    part("service", async () => (task.service === null ? null : await (await access.services(cluster)).describe(task.service, signal))),
  ]);
  return { ...own, service, missing };
}

async function logsOf(
  task: TaskWorkload,
  { containers }: TaskDefinitionFacts,
  { cluster, access }: Reach,
  missing: string[],
  part: <T>(what: string, ask: () => Promise<T>) => Promise<T | null>,
  signal: AbortSignal,
): Promise<readonly ContainerLog[]> {
  const id = task.taskArn.slice(task.taskArn.lastIndexOf("/") + 1);
  const logs: ContainerLog[] = [];
  for (const { name, logs: config } of containers.slice(0, MOST_CONTAINERS)) {
    if (config === null || config.driver !== "awslogs" || config.group === null || config.streamPrefix === null) {
      missing.push(
        `log of ${name}: ${config === null ? "it has no log driver" : `its log driver is ${config.driver}`}, only awslogs with a stream prefix can be read`,
      );
      continue;
    }
    const { group, streamPrefix, region } = config;
    if (region !== null && region !== cluster.region) {
      missing.push(`log of ${name}: it is kept in another Region`);
      continue;
    }
    if (!isListed(group, cluster.taskLogGroups ?? [])) {
      missing.push(`log of ${name}: its group is not among the cluster's taskLogGroups in falco-responder.yml`);
      continue;
    }
    // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html: prefix/container/task id
    const stream = `${streamPrefix}/${name}/${id}`;
    const lines = await part(`log of ${name}`, async () => await (await access.logs(cluster)).recent(group, stream, MOST_LINES, signal));
    if (lines === null) {
      missing.push(`log of ${name}: nothing is there`);
      continue;
    }
    const kept = newest(lines, MOST_LOG_CHARS / Math.min(MOST_CONTAINERS, containers.length));
    if (kept.length < lines.length) missing.push(`log of ${name}: ${lines.length - kept.length} older lines, too long to be kept`);
    logs.push({ container: name, stream, lines: kept });
  }
  return logs;
}

function newest(lines: ContainerLog["lines"], most: number): ContainerLog["lines"] {
  const kept: ContainerLog["lines"][number][] = [];
  let length = 0;
  for (const { atMs, line } of lines.toReversed()) {
    const cut = line.length <= MOST_LINE_CHARS ? line : `${line.slice(0, MOST_LINE_CHARS)}… (cut)`;
    length += JSON.stringify(cut).length;
    if (length > most) break;
    kept.unshift({ atMs, line: cut });
  }
  return kept;
}

const isListed = (group: string, globs: readonly string[]): boolean => globs.some((glob) => globTest(glob)(group));
