import { patchGuarded, setKeys, type Wish } from "#shared/playbooks/kubernetes/guarded.ts";
import { NODE } from "#shared/playbooks/kubernetes/kinds.ts";
import { CORDONED } from "#shared/playbooks/kubernetes/marks.ts";
import { type NodeFacts, nodeFacts, nodeNow, othersOf } from "#shared/playbooks/kubernetes/node.ts";
import type { Execution, Kept, Undoing, Verification } from "#shared/playbooks/playbook.ts";
import { few } from "#shared/playbooks/words.ts";
import type { KubeObject, KubernetesApi } from "#shared/ports/kubernetes.ts";

/**
 * Autoscalers end nodes that nothing is placed on, and what there was to see with them.
 * https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/FAQ.md, https://karpenter.sh/docs/concepts/disruption/
 */
const SHIELDS: Readonly<Record<string, string>> = {
  "cluster-autoscaler.kubernetes.io/scale-down-disabled": "true",
  "karpenter.sh/do-not-disrupt": "true",
};

type Former = Readonly<Record<string, string | null>>;

/** The node's identity, and what the shields' annotations were. */
export const keptOfNode = ({ uid, annotations }: NodeFacts): Kept => ({
  uid,
  former: JSON.stringify(Object.fromEntries(Object.keys(SHIELDS).map((key) => [key, annotations[key] ?? null]))),
});

export const uidIn = (kept: Kept): string => {
  const { uid } = kept;
  if (uid === undefined) throw new Error("the node was not prepared");
  return uid;
};

/** By an action of this incident. */
export const isMarked = ({ annotations }: NodeFacts, incident: string): boolean => annotations[CORDONED] === incident;

const cordoned =
  (incident: string) =>
  (found: KubeObject): Wish => {
    const node = nodeFacts(found);
    const marked = isMarked(node, incident);
    if (node.unschedulable) return marked ? [] : { because: `somebody cordoned node ${node.name} meanwhile: it stands` };
    if (marked) return { because: `somebody made node ${node.name} schedulable again after we cordoned it: it stands` };
    return [
      { op: "add", path: "/spec/unschedulable", value: true },
      ...setKeys("annotations", node.annotations, { [CORDONED]: incident, ...SHIELDS }),
    ];
  };

/** One patch: unschedulable, whose it is, and the shields. When no node is left that takes pods (others cordon too), it is taken back at once. */
export async function cordonNode(
  name: string,
  incident: string,
  kept: Kept,
  api: KubernetesApi,
  signal: AbortSignal,
): Promise<Pick<Execution, "kind" | "because">> {
  const answer = await patchGuarded(NODE, { namespace: null, name, uid: uidIn(kept) }, cordoned(incident), api, signal);
  if (answer.kind === "gone") return { kind: "gone", because: `node ${name} has left the cluster` };
  if (answer.kind === "objected") return { kind: "conflict", because: answer.because };
  if (answer.kind === "rejected") return { kind: "failed", because: `the API server refuses to cordon node ${name}: ${answer.because}` };
  if (answer.kind === "patched" && (await othersOf(name, api, signal)).takePods === 0) {
    await uncordon(name, incident, kept, api, signal);
    return { kind: "conflict", because: `no other node takes pods any more: node ${name} was made schedulable again` };
  }
  return { kind: "accepted", because: `the API server took it: node ${name} is cordoned` };
}

export async function seenCordoned(
  name: string,
  incident: string,
  kept: Kept,
  api: KubernetesApi,
  signal: AbortSignal,
): Promise<Verification> {
  const node = await nodeNow(name, uidIn(kept), api, signal);
  if (node === null) return { kind: "unknown", because: `node ${name} has left the cluster`, over: true };
  if (node.unschedulable && isMarked(node, incident)) return { kind: "done", because: `node ${name} is cordoned` };
  if (node.unschedulable) return { kind: "unknown", because: `node ${name} is cordoned, and not by us: our mark is not there` };
  return isMarked(node, incident)
    ? { kind: "unknown", because: `somebody made node ${name} schedulable again since: our mark is still there` }
    : { kind: "pending", begun: false, because: `node ${name} is not cordoned` };
}

/** Only what bears this incident's mark, and of the shields' annotations only those that are as we set them. */
export async function uncordon(name: string, incident: string, kept: Kept, api: KubernetesApi, signal: AbortSignal): Promise<Undoing> {
  const node = await nodeNow(name, uidIn(kept), api, signal);
  if (node === null) return { kind: "nothing", because: `node ${name} has left the cluster` };
  if (!isMarked(node, incident)) return notOurs(node);
  const answer = await patchGuarded(NODE, { namespace: null, name, uid: node.uid }, uncordoned(incident, kept), api, signal);
  if (answer.kind === "gone") return { kind: "nothing", because: `node ${name} has left the cluster` };
  if (answer.kind === "rejected" || answer.kind === "objected")
    return { kind: "changed", because: `node ${name} is not given back: ${answer.because}` };
  const strange = strangeIn(nodeFacts(answer.object), formerIn(kept));
  const stands = strange.length === 0 ? "" : `; somebody changed ${few(strange)} since: it stands`;
  const was = node.unschedulable
    ? `node ${name} takes pods again`
    : `somebody made node ${name} schedulable before; our annotations are taken off`;
  return { kind: "undone", because: `${was}${stands}` };
}

const uncordoned =
  (incident: string, kept: Kept) =>
  (found: KubeObject): Wish => {
    const node = nodeFacts(found);
    if (!isMarked(node, incident)) return { because: "somebody took our mark off meanwhile" };
    const back = Object.entries(formerIn(kept)).filter(([key]) => node.annotations[key] === SHIELDS[key]);
    return [
      ...(node.unschedulable ? [{ op: "remove", path: "/spec/unschedulable" } as const] : []),
      ...setKeys("annotations", node.annotations, { [CORDONED]: null, ...Object.fromEntries(back) }),
    ];
  };

const formerIn = (kept: Kept): Former => JSON.parse(kept["former"] ?? "{}") as Former;
const strangeIn = ({ annotations }: NodeFacts, former: Former): readonly string[] =>
  Object.keys(former).filter((key) => (annotations[key] ?? null) !== former[key]);

const notOurs = ({ name, unschedulable }: NodeFacts): Undoing =>
  unschedulable
    ? { kind: "changed", because: `node ${name} is cordoned without the mark of this incident: somebody else's, it stands` }
    : { kind: "nothing", because: `node ${name} takes pods already` };
