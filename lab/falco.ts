/** A process as Falco describes it. Everything in it may be an attacker's words. */
export interface Seen {
  readonly rule: string;
  readonly priority: string;
  readonly tags: readonly string[];
  /** What the rule says happened, before the fields. */
  readonly says: string;
  readonly fields: Readonly<Record<string, unknown>>;
  /** Falco's own hostname. */
  readonly hostname: string;
  /** Default: now. */
  readonly timeNs?: bigint;
}

/** Falco prints ns since the epoch as an integer beyond 2^53. */
const nowNs = (): bigint => BigInt(Date.now()) * 1_000_000n + BigInt(Math.floor(Math.random() * 1_000_000));

/** "2026-04-06T19:32:22.162939040Z": Falco's `time`. */
export function iso8601(ns: bigint): string {
  const [date] = new Date(Number(ns / 1_000_000_000n) * 1_000).toISOString().split(".");
  return `${date}.${String(ns % 1_000_000_000n).padStart(9, "0")}Z`;
}

/**
 * One line of a Falco with json_output and json_include_tags_property: keys in its order, numbers as it prints them.
 * https://falco.org/docs/concepts/outputs/formatting/
 */
export function falcoLine(seen: Seen): string {
  const ns = seen.timeNs ?? nowNs();
  const time = iso8601(ns);
  const described = Object.entries(seen.fields).map(
    ([key, value]) => `${key.replaceAll(".", "_")}=${value === null ? "<NA>" : String(value)}`,
  );
  const alert = {
    hostname: seen.hostname,
    output: `${time.replace(/Z$/, "+0000")}: ${seen.priority} ${seen.says} | ${described.join(" ")}`,
    output_fields: sorted({ ...seen.fields, "evt.time.iso8601": NS }),
    priority: seen.priority,
    rule: seen.rule,
    source: "syscall",
    tags: seen.tags,
    time,
  };
  return JSON.stringify(alert).replace(`"${NS}"`, ns.toString());
}

const NS = "@time-in-ns@";

const sorted = (fields: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1)));

/** Of Falco's own task, as the FireLens agent adds them. */
export interface FireLensMetadata {
  readonly containerId: string;
  readonly cluster: string;
  readonly taskArn: string;
  readonly taskDefinition: string;
  readonly instanceId: string;
}

/** As FireLens writes it with the shipped configuration: flat, Falco's keys first, then the runtime's and the agent's. */
export const fireLensFlat = (line: string, sensor: FireLensMetadata): string =>
  `${line.slice(0, -1)},${JSON.stringify({ ...runtimeKeys(sensor), stream: "stdout", ...agentKeys(sensor) }).slice(1)}`;

/** As FireLens writes it with parse-json: `source` is then the stream, and Falco's is lost. */
export const fireLensParseJson = (line: string, sensor: FireLensMetadata): string =>
  `${line.slice(0, -1).replace('"source":"syscall",', "")},${JSON.stringify({ ...runtimeKeys(sensor), source: "stdout", ...agentKeys(sensor) }).slice(1)}`;

/** A line that is no alert, as FireLens writes it. */
export const fireLensText = (text: string, sensor: FireLensMetadata): string =>
  JSON.stringify({ ...runtimeKeys(sensor), stream: "stderr", log: text, ...agentKeys(sensor) });

const runtimeKeys = ({ containerId, taskDefinition }: FireLensMetadata) => ({
  container_id: containerId,
  container_name: `/ecs-${taskDefinition.replace(":", "-")}-falco-${containerId.slice(0, 20)}`,
});

const agentKeys = ({ cluster, taskArn, taskDefinition, instanceId }: FireLensMetadata) => ({
  ecs_cluster: cluster,
  ecs_task_arn: taskArn,
  ecs_task_definition: taskDefinition,
  ec2_instance_id: instanceId,
});

/** As Fluent Bit on a Kubernetes node writes it with the shipped configuration: flat, with the runtime's stream. */
export const criFlat = (line: string): string => `${line.slice(0, -1)},"stream":"stdout"}`;
