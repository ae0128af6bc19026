import { PipelineError } from "#shared/domain/error.ts";
import type { PodWorkload } from "#shared/domain/workload.ts";
import { podNow } from "#shared/playbooks/kubernetes/guarded.ts";
import { logSources, logTitle, type PodLog, readLog } from "#shared/playbooks/kubernetes/pod-logs.ts";
import { wholeNumber } from "#shared/playbooks/params.ts";
import { type Plan, type Playbook, refused, unknownParam } from "#shared/playbooks/playbook.ts";
import { few, many } from "#shared/playbooks/words.ts";

const NAME = "kubernetes:log";
const TAIL = { key: "tail_lines", min: 1, max: 10_000, preset: 100, unit: "lines" } as const;
/** Of all logs of a pod: the object is built in memory. */
const MOST_BYTES = 8_000_000;
const MOST_BYTES_EACH = 2_000_000;

/** Keeps the last lines of every container of the pod, of the current one and of the one before its restart, in the evidence bucket. */
export const keepLog: Playbook = {
  name: NAME,
  needs: {
    iam: [],
    look: [],
    rbac: [{ apiGroups: [""], resources: ["pods", "pods/log"], verbs: ["get"] }],
  },

  plan(workload, params, occasion) {
    if (workload.kind !== "pod") return refused(`${NAME} keeps the logs of pods, and the target is a ${workload.kind}`);
    const strange = unknownParam(params, [TAIL.key]);
    if (strange !== null) return refused(`${NAME}: ${strange}`);
    const lines = wholeNumber(params, TAIL);
    if (typeof lines === "string") return refused(`${NAME}: ${lines}`);
    return { kind: "planned", plan: { action: NAME, workload, params: { [TAIL.key]: lines }, occasion } };
  },

  async execute(plan, _kept, { cluster, access, keep }, signal) {
    const pod = podOf(plan);
    const api = await access.kubernetes(cluster);
    const found = await podNow(pod, api, signal);
    if (found === null) return { kind: "gone", because: "the pod is gone, and its logs with it" };
    const sources = logSources(found, pod.container.name);
    const mostBytes = Math.min(MOST_BYTES_EACH, Math.floor(MOST_BYTES / Math.max(1, sources.length)));
    const logs: PodLog[] = [];
    const missing: string[] = [];
    const troubles: PipelineError[] = [];
    for (const source of sources) {
      try {
        const log = await readLog(pod, source, { tailLines: Number(plan.params[TAIL.key]), mostBytes }, api, signal);
        if (log === null) missing.push(logTitle(source));
        else logs.push(log);
      } catch (thrown) {
        if (!(thrown instanceof PipelineError)) throw thrown;
        troubles.push(thrown);
        missing.push(`${logTitle(source)} (${thrown.code})`);
      }
    }
    // The name may be a successor's by now, and then so may be what was read.
    if ((await podNow(pod, api, signal)) === null)
      return { kind: "gone", because: "the pod went while its logs were read: they are not kept" };
    const [trouble] = troubles;
    if (logs.length === 0 && trouble !== undefined) throw trouble;
    if (logs.length === 0) return { kind: "gone", because: "no container of the pod has logged anything that is still there" };
    const { namespace, name, uid, node } = pod;
    const body = JSON.stringify({
      schema: "falco-responder/pod-logs/1",
      incident: plan.occasion.incident,
      namespace,
      name,
      uid,
      node,
      logs,
      missing,
    });
    const { key, sha256 } = await keep(`${plan.occasion.incident}/logs-${uid}`, body, "application/json", signal);
    const cut = logs.filter((log) => log.cut).map(logTitle);
    return {
      kind: "done",
      because: `${many(logs.length, "log")} kept as ${key}, sha256 ${sha256}`,
      remarks: [
        ...(missing.length === 0 ? [] : [`Not there: ${few(missing)}.`]),
        ...(cut.length === 0 ? [] : [`Older lines were too long to be kept: ${few(cut)}.`]),
        "They are kept as they were written: secrets that the pod logged are in them.",
      ],
    };
  },

  verify: () =>
    Promise.resolve({
      kind: "pending",
      begun: false,
      blind: true,
      because: "whether the logs were kept is not known: if the message comes again they are kept again, and named by their content",
    }),

  undo: { possible: false, because: "evidence stays: what is in the evidence bucket is locked until its time is over" },
};

function podOf({ action, workload }: Plan): PodWorkload {
  if (workload.kind !== "pod" || action !== NAME) throw new Error(`${NAME} was given a plan of ${action} for a ${workload.kind}`);
  return workload;
}
