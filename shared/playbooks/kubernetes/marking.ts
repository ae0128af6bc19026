import type { ActionName } from "#shared/domain/action.ts";
import type { PodWorkload } from "#shared/domain/workload.ts";
import { type PodFacts, podFacts } from "#shared/playbooks/kubernetes/facts.ts";
import { type ObjectAt, patchGuarded, setKeys, type Wish } from "#shared/playbooks/kubernetes/guarded.ts";
import { NODE, POD } from "#shared/playbooks/kubernetes/kinds.ts";
import { type Marks, marksIn } from "#shared/playbooks/kubernetes/mark-rules.ts";
import { INCIDENT } from "#shared/playbooks/kubernetes/marks.ts";
import {
  type Kept,
  type Needs,
  type Plan,
  type Playbook,
  type Reach,
  refused,
  type Undoing,
  unknownParam,
  type Verification,
} from "#shared/playbooks/playbook.ts";
import { few } from "#shared/playbooks/words.ts";
import type { Kind, KubeObject, KubernetesApi } from "#shared/ports/kubernetes.ts";

/** Labels and annotations are set and taken back in the same way; they differ in what a value may be and in who looks at them. */
export interface Marking {
  readonly name: ActionName;
  readonly map: "labels" | "annotations";
  readonly thing: "label" | "annotation";
  readonly wrongValue: (value: string) => string | null;
  readonly rbac: Needs["rbac"];
  /** What becomes of a pod whose map becomes `after`. */
  readonly consequences?: (
    pod: PodFacts,
    after: Marks,
    api: KubernetesApi,
    signal: AbortSignal,
  ) => Promise<{ readonly because: string } | { readonly remarks: readonly string[] }>;
}

/** Former values must fit into the claim beside all else. */
const MOST_KEPT_CHARS = 32_000;

/**
 * Marks the pod, or its node, for people and for tools that read marks. A key that the offender would be protected by, that steers the cluster or
 * (of labels) that its controller selects by is refused. Each key is undone by itself, and only where it is still as we made it.
 */
export function marking({ name, map, thing, wrongValue, rbac, consequences }: Marking): Playbook {
  return {
    name,
    needs: {
      iam: [],
      look: [],
      rbac: [{ apiGroups: [""], resources: ["pods", "nodes"], verbs: ["get", "patch"] }, ...rbac],
    },

    plan(workload, params, occasion) {
      if (workload.kind !== "pod") return refused(`${name} marks pods and their nodes, and the target is a ${workload.kind}`);
      const strange = unknownParam(params, [map, "level"]);
      if (strange !== null) return refused(`${name}: ${strange}`);
      const { level = "pod" } = params;
      if (level !== "pod" && level !== "node") return refused(`${name}: level must be pod or node`);
      if (level === "pod" && workload.mirror)
        return refused("the pod mirrors a static pod: the kubelet makes it anew when it is changed; next best: level node");
      if (level === "node" && workload.node === null) return refused("the pod is on no node: there is none to mark");
      const marks = marksIn(params[map] ?? { [INCIDENT]: occasion.incident }, map, wrongValue);
      if (typeof marks === "string") return refused(`${name}: ${marks}`);
      return { kind: "planned", plan: { action: name, workload, params: { [map]: marks, level }, occasion } };
    },

    async prepare(plan, reach, signal) {
      const api = await reach.access.kubernetes(reach.cluster);
      const { kind, at, title, marks, pod } = subjectOf(plan, name, map, {});
      const found = await api.get(kind, at.namespace, at.name, signal);
      if (found === null || (kind === POD && found.metadata.uid !== at.uid))
        return { kind: "nothing", because: `${title} is gone, and its ${map} with it` };
      if (found.metadata.deletionTimestamp !== undefined) return { kind: "nothing", because: `${title} is being deleted` };
      const before = found.metadata[map] ?? {};
      const former = formerOf(before, marks);
      if (Object.entries(marks).every(([key, value]) => former[key] === wantedOf(value)))
        return { kind: "nothing", because: `${title} has it so already: ${few(Object.keys(marks))}` };
      const after = withMarks(before, marks);
      const kept: Kept = { uid: found.metadata.uid, former: JSON.stringify(former) };
      const objection = protectionOf(reach, pod, kind, found, map, after) ?? tooLong(kept, title);
      if (objection !== null) return { kind: "refused", because: objection };
      const hits = kind === POD && consequences !== undefined ? await consequences(podFacts(found), after, api, signal) : { remarks: [] };
      if ("because" in hits) return { kind: "refused", because: hits.because };
      const rehearsed = await patchGuarded(kind, { ...at, uid: found.metadata.uid }, wishFor(map, marks, former), api, signal, true);
      if ("because" in rehearsed) return { kind: "refused", because: `nothing was changed: ${rehearsed.because}` };
      return { kind: "ready", kept, remarks: [...replacing(former, title), ...hits.remarks, stopsNothing(kind, thing, title)] };
    },

    async execute(plan, kept, reach, signal) {
      const { kind, at, title, marks } = subjectOf(plan, name, map, kept);
      const api = await reach.access.kubernetes(reach.cluster);
      const answer = await patchGuarded(kind, at, wishFor(map, marks, formerIn(kept)), api, signal);
      if (answer.kind === "gone") return { kind: "gone", because: `${title} was gone before it could be marked` };
      if (answer.kind === "objected") return { kind: "conflict", because: answer.because };
      if (answer.kind === "rejected") return { kind: "failed", because: `the API server refuses it: ${answer.because}` };
      return { kind: "accepted", because: `the API server took the ${map} ${few(Object.keys(marks))}` };
    },

    async verify(plan, kept, reach, signal): Promise<Verification> {
      const { kind, at, title, marks } = subjectOf(plan, name, map, kept);
      const found = await (await reach.access.kubernetes(reach.cluster)).get(kind, at.namespace, at.name, signal);
      if (found?.metadata.uid !== at.uid) return { kind: "unknown", because: `${title} is gone, and its ${map} with it`, over: true };
      const former = formerIn(kept);
      const now = formerOf(found.metadata[map] ?? {}, marks);
      if (Object.entries(marks).every(([key, value]) => now[key] === wantedOf(value)))
        return { kind: "done", because: `${title} has the ${map} as asked: ${few(Object.keys(marks))}` };
      return Object.keys(marks).every((key) => now[key] === former[key])
        ? { kind: "pending", begun: false, because: `${title} has not the ${map} as asked` }
        : { kind: "unknown", because: `the ${map} of ${title} are neither as asked nor as before: somebody changed them` };
    },

    undo: {
      possible: true,
      says: `gives each ${thing} its former value, or takes it away where there was none`,
      async run(plan, kept, _doneAtMs, reach, signal) {
        return await restore(plan, kept, { name, map }, reach, signal);
      },
    },
  };
}

async function restore(
  plan: Plan,
  kept: Kept,
  { name, map }: Pick<Marking, "name" | "map">,
  reach: Reach,
  signal: AbortSignal,
): Promise<Undoing> {
  const { kind, at, title, marks } = subjectOf(plan, name, map, kept);
  const former = formerIn(kept);
  const changed = new Set<string>();
  const wish = ({ metadata }: KubeObject): Wish => {
    const now = metadata[map] ?? {};
    changed.clear();
    const back: Record<string, string | null> = {};
    for (const [key, there] of Object.entries(formerOf(now, marks))) {
      const was = former[key] ?? null;
      if (there === was) continue;
      if (there === wantedOf(marks[key] ?? "")) back[key] = was;
      else changed.add(key);
    }
    return setKeys(map, now, back);
  };
  const answer = await patchGuarded(kind, at, wish, await reach.access.kubernetes(reach.cluster), signal);
  if (answer.kind === "gone") return { kind: "nothing", because: `${title} is gone, and its ${map} with it` };
  if (answer.kind === "rejected" || answer.kind === "objected")
    return { kind: "changed", because: `the API server does not let the ${map} be given back: ${answer.because}` };
  const rest = answer.kind === "patched" ? "the others are as before again" : "the others are as before";
  if (changed.size > 0) return { kind: "changed", because: `somebody changed ${few([...changed])} since: it stands as it is now; ${rest}` };
  return answer.kind === "patched"
    ? { kind: "undone", because: `the ${map} of ${title} are as before: ${few(Object.keys(marks))}` }
    : { kind: "nothing", because: `the ${map} of ${title} are as before already` };
}

interface Subject {
  readonly kind: Kind;
  readonly at: ObjectAt;
  readonly title: string;
  readonly marks: Marks;
  readonly pod: PodWorkload;
}

function subjectOf({ action, workload, params }: Plan, name: ActionName, map: Marking["map"], kept: Kept): Subject {
  if (workload.kind !== "pod" || action !== name) throw new Error(`${name} was given a plan of ${action} for a ${workload.kind}`);
  const marks = params[map] as Marks;
  if (params["level"] !== "node") return { kind: POD, at: workload, title: "the pod", marks, pod: workload };
  if (workload.node === null) throw new Error(`a plan of ${name} has no node`);
  const at = { namespace: null, name: workload.node, uid: kept["uid"] ?? "" };
  return { kind: NODE, at, title: `node ${workload.node}`, marks, pod: workload };
}

/** Null: the key is to be absent. */
const wantedOf = (value: string): string | null => (value === "" ? null : value);

type Former = Readonly<Record<string, string | null>>;
const valueAt = (present: Marks, key: string): string | null => (Object.hasOwn(present, key) ? (present[key] ?? null) : null);
const formerOf = (present: Marks, marks: Marks): Former =>
  Object.fromEntries(Object.keys(marks).map((key) => [key, valueAt(present, key)]));
const formerIn = (kept: Kept): Former => JSON.parse(kept["former"] ?? "{}") as Former;

const withMarks = (present: Marks, marks: Marks): Marks =>
  Object.fromEntries(Object.entries({ ...present, ...marks }).filter(([key, value]) => !(Object.hasOwn(marks, key) && value === "")));

/** All keys in one patch, each only from its former value. */
const wishFor =
  (map: Marking["map"], marks: Marks, former: Former) =>
  ({ metadata }: KubeObject): Wish => {
    const now = metadata[map] ?? {};
    const strange = Object.entries(marks).find(
      ([key, value]) => valueAt(now, key) !== wantedOf(value) && valueAt(now, key) !== (former[key] ?? null),
    );
    if (strange !== undefined) return { because: `somebody changed ${strange[0]} meanwhile: it stands` };
    return setKeys(map, now, Object.fromEntries(Object.entries(marks).map(([key, value]) => [key, wantedOf(value)])));
  };

function replacing(former: Former, title: string): readonly string[] {
  const replaced = Object.keys(former).filter((key) => former[key] !== null);
  return replaced.length === 0 ? [] : [`It changes or takes away what ${title} had there: ${few(replaced)}.`];
}

const stopsNothing = (kind: Kind, thing: string, title: string): string =>
  kind === POD
    ? `A ${thing} stops nothing, and it goes with the pod.`
    : `A ${thing} stops nothing; it is about ${title} and all pods there, and stays until it is taken back.`;

const tooLong = (kept: Kept, title: string): string | null =>
  JSON.stringify(kept).length > MOST_KEPT_CHARS
    ? `what ${title} has there now is too long to be kept for undo; next best: another key`
    : null;

/** Why it must not be marked: it is protected (by now), or would be from then on. */
function protectionOf(
  reach: Reach,
  pod: PodWorkload,
  kind: Kind,
  { metadata }: KubeObject,
  map: Marking["map"],
  after: Marks,
): string | null {
  const now = { labels: metadata.labels ?? {}, annotations: metadata.annotations ?? {} };
  const ask = ({ labels, annotations }: typeof now): string | null =>
    kind === POD ? reach.protection({ ...pod, labels, annotations }) : reach.nodeProtection(metadata.name, { ...annotations, ...labels });
  const already = ask(now);
  if (already !== null) return already;
  const then = ask({ ...now, [map]: after });
  return then === null ? null : `it would protect the offender from every later action (${then}); next best: another key`;
}
