import type { Owner } from "#shared/domain/workload.ts";
import type { PodFacts } from "#shared/playbooks/kubernetes/facts.ts";
import { DAEMON_SET, POD_DISRUPTION_BUDGET } from "#shared/playbooks/kubernetes/kinds.ts";
import { type FakeKubernetes, key } from "../../fakes/kubernetes.ts";
import { type Case, deleted } from "./run.ts";
import { actionOf, aimAt, editMetadata, HERE, LABELS, type Stage, THERE, withRule } from "./stage.ts";
import { EVICT, evicted, given, ISOLATE, quarantined, TERMINATE } from "./wanted.ts";

const budget = ({ kube }: Stage, name: string, disruptionsAllowed: number): void =>
  void kube.put(POD_DISRUPTION_BUDGET, { metadata: { name }, spec: { selector: { matchLabels: LABELS } }, status: { disruptionsAllowed } });

const AGENT = { namespace: "kube-system", name: `antrea-agent-${HERE}` } as const;
const UID = "0ff00000-0000-4000-8000-000000000001";

/** The alert is about one of the two pods of another owner; the other is ready, or not. */
const ofTwo =
  (ownerOf: (kube: FakeKubernetes) => Owner, ready: boolean) =>
  ({ kube, shot }: Stage): void => {
    const controller = ownerOf(kube);
    const labels = { app: "pair" };
    aimAt(shot, kube.run({ name: "pair-0", uid: UID, node: HERE, controller, labels }));
    kube.run({ name: "pair-1", node: THERE, controller, labels, ready });
  };
const pairDeleted: Case["done"] = () => [deleted({ namespace: "shop", name: "pair-0", uid: UID } as PodFacts)];

const floor = (kind: string, ownerOf: (kube: FakeKubernetes) => Owner, min: number | string = 1): Case => ({
  name: `floor: a pod of a ${kind}, min_healthy_replicas ${min}`,
  fact: "the other pod is not ready",
  given: given(TERMINATE, { min_healthy_replicas: min }),
  refuse: ofTwo(ownerOf, false),
  because: /^refused: min_healthy_replicas is .*0 healthy pods of .* would remain/,
  act: ofTwo(ownerOf, true),
  done: pairDeleted,
});

export const floors: readonly Case[] = [
  floor("Deployment", (kube) => kube.deployment("pair")),
  floor("Deployment", (kube) => kube.deployment("pair"), "50%"),
  floor("StatefulSet", (kube) => kube.controller("StatefulSet", "pair")),
  floor("DaemonSet", (kube) => kube.controller("DaemonSet", "pair")),
  floor("Job", (kube) => kube.controller("Job", "pair")),
  {
    name: "floor: one more than remains",
    fact: "min_healthy_replicas",
    refuse: given(TERMINATE, { min_healthy_replicas: 2 }),
    because: /^refused: min_healthy_replicas is 2, and 1 healthy pod of Deployment web would remain/,
    act: given(TERMINATE, { min_healthy_replicas: 1 }),
  },
  {
    name: "floor: the healthy pod is another owner's with the same labels",
    fact: "whose it is",
    given: given(TERMINATE, { min_healthy_replicas: 2 }),
    refuse: ({ kube }) => void kube.run({ name: "lure", node: HERE, labels: { app: "api" }, controller: kube.deployment("lure") }),
    because: /^refused: min_healthy_replicas is 2/,
    act: ({ kube, owner }) => void kube.run({ name: "web-c", node: HERE, labels: LABELS, controller: owner }),
  },
  {
    name: "floor: the other pod is being deleted",
    fact: "its deletionTimestamp",
    given: (stage) => {
      given(TERMINATE, { min_healthy_replicas: 1 })(stage);
      stage.kube.ticksByItself = false;
    },
    refuse: ({ kube, neighbour }) => kube.change(neighbour, { deletionTimestamp: "2026-03-01T11:59:00Z" }),
    because: /^refused: min_healthy_replicas is 1, and 0 healthy pods/,
  },
];

const ignoring = (key: string, ownerOf: (kube: FakeKubernetes) => Owner | null, because: RegExp): Case => ({
  name: `param: ${key}`,
  fact: key,
  given: ({ kube, shot }) => aimAt(shot, kube.run({ name: "pair-0", uid: UID, node: HERE, controller: ownerOf(kube) })),
  refuse: given(TERMINATE, { [key]: true }),
  because,
  act: given(TERMINATE, { [key]: false }),
  done: pairDeleted,
});

export const params: readonly Case[] = [
  ignoring("ignore_statefulsets", (kube) => kube.controller("StatefulSet", "pair"), /ignore_statefulsets is set/),
  ignoring("ignore_daemonsets", (kube) => kube.controller("DaemonSet", "pair"), /ignore_daemonsets is set/),
  ignoring("ignore_standalone_pods", () => null, /ignore_standalone_pods is set/),
  {
    name: "param: no grace at all would force it",
    fact: "grace_period_seconds",
    refuse: given(TERMINATE, { grace_period_seconds: 0 }),
    because: /^hold: grace_period_seconds must be/,
    act: given(TERMINATE, { grace_period_seconds: 1 }),
  },
  {
    name: "param: a misspelt one",
    fact: "its name",
    refuse: given(TERMINATE, { ignore_statefulset: true }),
    because: /parameter "ignore_statefulset" is not known/,
    act: given(TERMINATE, { ignore_statefulsets: true }),
  },
];

const put = (stage: Stage, ...budgets: readonly (readonly [string, number])[]): void => {
  for (const [name, allowed] of budgets) budget(stage, name, allowed);
};

export const evictions: readonly Case[] = [
  {
    name: "evict: a disruption budget allows none",
    fact: "disruptionsAllowed",
    given: given(EVICT),
    refuse: (stage) => put(stage, ["web", 0]),
    because: /^refused: a pod disruption budget allows no eviction now .*next best: kubernetes:terminate/,
    act: (stage) => put(stage, ["web", 1]),
    done: evicted,
  },
  {
    name: "evict: two disruption budgets select the pod",
    fact: "the second",
    given: given(EVICT),
    refuse: (stage) => put(stage, ["web", 1], ["all", 1]),
    because: /^refused: more than one pod disruption budget selects the pod/,
    act: (stage) => put(stage, ["web", 1]),
    done: evicted,
  },
  {
    name: "terminate: a disruption budget that the offender wrote for itself",
    fact: "the action: only an eviction asks it",
    given: (stage) => put(stage, ["web", 0]),
    refuse: given(EVICT),
    because: /^refused: a pod disruption budget allows no eviction now/,
    act: given(TERMINATE),
  },
  {
    name: "evict: the budget closes between the look and the eviction",
    fact: "disruptionsAllowed when the eviction comes",
    given: (stage) => {
      given(EVICT)(stage);
      put(stage, ["web", 1]);
    },
    refuse: (stage) => {
      stage.around.before = () => put(stage, ["web", 0]);
    },
    because: /^refused: a pod disruption budget allows no eviction now/,
    spared: (stage) => [`${evicted(stage)[0]}: budget`],
    done: evicted,
  },
  {
    name: "terminate: finalizers hold the object",
    fact: "a finalizer",
    refuse: (stage) => editMetadata(stage, { finalizers: ["example.com/hold"] }),
    because: /^requested: .*(finalizer|terminating)/,
    spared: ({ offender }) => [deleted(offender)],
    act: (stage) => editMetadata(stage, { finalizers: [] }),
  },
  {
    name: "terminate: admission rejects it",
    fact: "the webhook's answer",
    refuse: ({ kube }) => {
      kube.admit = (verb) => (verb === "delete" ? 'admission webhook "keep.example.com" denied the request: kept' : null);
    },
    because: /^refused: the API server would not delete it \("admission webhook/,
    act: ({ kube }) => {
      kube.admit = (verb) => (verb === "create" ? "no" : null);
    },
  },
];

/** Two rules match the same alert. */
const ruled = (first: ReturnType<typeof actionOf>, second: ReturnType<typeof actionOf>) => (stage: Stage) => {
  const {
    rules: [rule],
    ...policy
  } = withRule({});
  if (rule === undefined) throw new Error("no rule");
  const rules = [first, second].map((action, n) => ({ ...rule, name: `rule ${n}`, actions: [action] }));
  const index = { exact: { "Terminal shell in container": [0, 1] }, patterns: [], any: [] };
  stage.policy = { ...policy, rules, index };
};

export const rules: readonly Case[] = [
  {
    name: "rules: one accepts that nothing shows who enforces policies",
    fact: "the second rule does, too",
    given: ({ kube }) => {
      kube.objects.delete(key(DAEMON_SET, "kube-system", "antrea-agent"));
      kube.remove(AGENT);
    },
    refuse: ruled(actionOf(ISOLATE, { unproven: "allow" }), actionOf(ISOLATE)),
    because: /^refused: nothing shows that network policies are enforced there/,
    act: ruled(actionOf(ISOLATE, { unproven: "allow" }), actionOf(ISOLATE, { unproven: "allow" })),
    done: quarantined,
  },
  {
    name: "rules: one asks a person before the same action",
    fact: "the second rule's mode",
    refuse: ruled(actionOf(TERMINATE), { ...actionOf(TERMINATE), mode: "approve" }),
    because: /^await-approval/,
    act: ruled(actionOf(TERMINATE), actionOf(TERMINATE)),
  },
  {
    name: "rules: one spares StatefulSets",
    fact: "the second rule's parameter",
    given: ({ kube, shot }) =>
      aimAt(shot, kube.run({ name: "pair-0", uid: UID, node: HERE, controller: kube.controller("StatefulSet", "pair") })),
    refuse: ruled(actionOf(TERMINATE), actionOf(TERMINATE, { ignore_statefulsets: true })),
    because: /ignore_statefulsets is set/,
    act: ruled(actionOf(TERMINATE), actionOf(TERMINATE, { ignore_daemonsets: true })),
    done: pairDeleted,
  },
  {
    name: "rules: one evicts, and one terminates",
    fact: "the budget that only the eviction asks",
    given: ruled(actionOf(TERMINATE), actionOf(EVICT)),
    refuse: (stage) => put(stage, ["web", 0]),
    because: /^refused: a pod disruption budget allows no eviction now/,
    spared: ({ offender }) => [deleted(offender)],
    act: (stage) => put(stage, ["web", 1]),
    done: evicted,
  },
];
