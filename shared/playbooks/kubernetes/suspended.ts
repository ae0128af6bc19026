import { PipelineError } from "#shared/domain/error.ts";
import { list } from "#shared/playbooks/kubernetes/facts.ts";
import { guards, setKeys } from "#shared/playbooks/kubernetes/guarded.ts";
import { CRON_JOB, JOB } from "#shared/playbooks/kubernetes/kinds.ts";
import { INCIDENT } from "#shared/playbooks/kubernetes/marks.ts";
import type { Kept, Undoing } from "#shared/playbooks/playbook.ts";
import type { Kind, KubeObject, KubernetesApi, PatchOperation } from "#shared/ports/kubernetes.ts";

/** `spec.suspend` of one Job or CronJob, as it was. */
export interface Switch {
  readonly kind: "Job" | "CronJob";
  readonly name: string;
  readonly uid: string;
  readonly suspended: boolean;
  /** Our mark of an earlier incident. */
  readonly mark: string | null;
}

const ROUNDS = 8;

export const isSuspended = ({ spec = {} }: KubeObject): boolean => spec["suspend"] === true;
export const titleOfSwitch = ({ kind, name }: Pick<Switch, "kind" | "name">): string => `${kind} ${name}`;

export const switchNow = (kind: typeof JOB | typeof CRON_JOB, found: KubeObject): Switch => ({
  kind: kind === JOB ? "Job" : "CronJob",
  name: found.metadata.name,
  uid: found.metadata.uid,
  suspended: isSuspended(found),
  mark: markOf(found),
});

const markOf = ({ metadata }: KubeObject): string | null => metadata.annotations?.[INCIDENT] ?? null;
const kindOf = ({ kind }: Switch): Kind => (kind === "Job" ? JOB : CRON_JOB);

export function switchesIn({ former }: Kept): readonly Switch[] {
  if (former === undefined) throw new Error("kubernetes:suspend was not prepared");
  return JSON.parse(former) as readonly Switch[];
}

/** Of a Job: complete or failed. https://kubernetes.io/docs/concepts/workloads/controllers/job/#terminal-job-conditions */
export const hasEnded = ({ status = {} }: KubeObject): boolean =>
  list(status["conditions"]).some(({ type, status: is }) => (type === "Complete" || type === "Failed") && is === "True");

/** gone: another one, none, or one that has ended. */
type Set = { readonly kind: "stands" | "gone" } | { readonly kind: "rejected"; readonly because: string };

/** Suspends it, with the incident as annotation: by that undo knows that it was us. */
export async function setSuspended(
  one: Switch,
  namespace: string,
  incident: string,
  dryRun: boolean,
  api: KubernetesApi,
  signal: AbortSignal,
): Promise<Set> {
  for (let round = 0; round < ROUNDS; round++) {
    const found = await api.get(kindOf(one), namespace, one.name, signal);
    if (found === null || found.metadata.uid !== one.uid || hasEnded(found)) return { kind: "gone" };
    if (isSuspended(found)) return { kind: "stands" };
    const marks = setKeys("annotations", found.metadata.annotations ?? {}, { [INCIDENT]: incident });
    const answer = await write(one, namespace, found, [suspendTo(true), ...marks], dryRun, api, signal);
    if (answer.kind === "patched") return { kind: "stands" };
    if (answer.kind !== "conflict") return answer;
  }
  throw busy(one);
}

export type Resumed = Undoing & { readonly kind: "undone" | "nothing" | "changed" };

/** Resumes it, only while it is suspended by us: the mark says so. */
export async function resume(one: Switch, namespace: string, incident: string, api: KubernetesApi, signal: AbortSignal): Promise<Resumed> {
  const who = titleOfSwitch(one);
  for (let round = 0; round < ROUNDS; round++) {
    const found = await api.get(kindOf(one), namespace, one.name, signal);
    if (found === null) return { kind: "nothing", because: `${who} is gone` };
    if (found.metadata.uid !== one.uid) return { kind: "changed", because: `another ${who} stands there since: it is left as it is` };
    const { annotations = {} } = found.metadata;
    const isOurs = markOf(found) === incident;
    const marks = isOurs ? setKeys("annotations", annotations, { [INCIDENT]: one.mark }) : [];
    if (!isSuspended(found)) {
      // Somebody resumed it: only our mark is left.
      if (marks.length > 0) await write(one, namespace, found, marks, false, api, signal);
      return { kind: "nothing", because: `${who} is not suspended (any more)` };
    }
    if (!isOurs) return { kind: "changed", because: `somebody else suspended ${who} since: it stays so` };
    const answer = await write(one, namespace, found, [suspendTo(false), ...marks], false, api, signal);
    if (answer.kind === "patched") return { kind: "undone", because: `${who} is resumed` };
    if (answer.kind === "rejected")
      return { kind: "changed", because: `the API server does not let ${who} be resumed: "${answer.because}"` };
  }
  throw busy(one);
}

const suspendTo = (value: boolean): PatchOperation => ({ op: "add", path: "/spec/suspend", value });

const write = (
  one: Switch,
  namespace: string,
  found: KubeObject,
  operations: readonly PatchOperation[],
  dryRun: boolean,
  api: KubernetesApi,
  signal: AbortSignal,
) => api.patch(kindOf(one), { namespace, name: one.name }, [...guards(found), ...operations], { dryRun }, signal);

const busy = (one: Switch): PipelineError =>
  new PipelineError("kube_throttled", `${titleOfSwitch(one)} is written by others all the time: not patched`);
