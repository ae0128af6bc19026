import { pack } from "#shared/ledger/items.ts";
import { SWITCH } from "#shared/ledger/keys.ts";
import type { PodFacts } from "#shared/playbooks/kubernetes/facts.ts";
import { ALWAYS } from "../../../packaging/policy.ts";
import { policyOf, registry } from "../../fakes/world.ts";
import { type Case, deleted } from "./run.ts";
import { actionOf, aimAt, asking, editMetadata, editSpec, editStatus, HERE, protecting, type Shot, type Stage, withRule } from "./stage.ts";

/** Time stands still: the pod stays as the case has made it. */
const still = ({ world }: Stage): void => {
  world.kubernetes.ticksByItself = false;
};

/** The world went on since Falco saw it, or the pod is of a kind that nobody can act on. */
export const states: readonly Case[] = [
  {
    name: "pod: already being deleted",
    fact: "deletionTimestamp",
    given: still,
    refuse: (stage) => editMetadata(stage, { deletionTimestamp: "2026-03-01T11:59:55Z" }),
    because: /^hold: already stopping: the pod is already being deleted/,
  },
  {
    name: "pod: completed",
    fact: "its phase",
    refuse: (stage) => editStatus(stage, { phase: "Succeeded" }),
    because: /^hold: already stopping: the pod has ended \(Succeeded\)/,
  },
  {
    name: "pod: failed",
    fact: "its phase",
    refuse: (stage) => editStatus(stage, { phase: "Failed" }),
    because: /the pod has ended \(Failed\)/,
  },
  {
    name: "pod: the image of a static pod",
    fact: "the kubelet's annotation",
    refuse: (stage) => editMetadata(stage, { annotations: { "kubernetes.io/config.mirror": "0123456789abcdef" } }),
    because: /mirrors a static pod/,
    act: (stage) => editMetadata(stage, { annotations: { "kubernetes.io/config.mirrors": "0123456789abcdef" } }),
  },
  {
    name: "pod: on no node",
    fact: "spec.nodeName",
    refuse: (stage) => editSpec(stage, { nodeName: "" }),
    because: /pod shop\/web-a is on no node/,
  },
];

/** What every packaged policy spares, whatever it says itself. */
const always = (stage: Stage): void => {
  stage.policy = protecting(ALWAYS);
};

const UID = "0ddba11a-0000-4000-8000-000000000001";
const at = (namespace: string, more: Partial<PodFacts> = {}) => {
  return ({ kube, shot }: Stage): void => aimAt(shot, kube.run({ namespace, name: "organ", uid: UID, node: HERE, ...more }));
};
const organ = (namespace: string) => () => [deleted({ namespace, name: "organ", uid: UID } as PodFacts)];

const spared = (namespace: string, near: string): Case => ({
  name: `guard: a pod of ${namespace}`,
  fact: "its namespace",
  given: always,
  refuse: at(namespace),
  because: new RegExp(`namespace ${namespace} is protected`),
  act: at(near),
  done: organ(near),
});

const marked = (name: string, fact: string, refuse: Case["refuse"], because: RegExp, act: Case["refuse"]): Case => ({
  name: `guard: ${name}`,
  fact,
  given: always,
  refuse,
  because,
  act,
});

const label = (key: string, value: string) => (stage: Stage) => editMetadata(stage, { labels: { ...stage.offender.labels, [key]: value } });
const annotation = (key: string, value: string) => (stage: Stage) => editMetadata(stage, { annotations: { [key]: value } });

export const guards: readonly Case[] = [
  spared("kube-system", "kube-systems"),
  spared("falco", "falcon"),
  spared("falco-responder", "falco-responders"),
  {
    name: "guard: Falco's own pod, wherever it runs",
    fact: "whose pod shipped the line",
    refuse: ({ shot, falco }) => aimAt(shot, falco),
    because: /the target is Falco's own pod/,
    act: ({ shot, falco }) => {
      aimAt(shot, falco);
      shot.sensor = { pod_name: "falco-of-another-set", namespace_name: "falco" };
    },
    done: ({ falco }) => [deleted(falco)],
  },
  marked(
    "a label on the pod",
    "its value",
    label("falco-responder.io/protected", "true"),
    /the label falco-responder\.io\/protected protects it/,
    label("falco-responder.io/protected", "false"),
  ),
  marked(
    "an annotation on the pod, in capitals",
    "its value",
    annotation("falco-responder/protected", " True"),
    /the label falco-responder\/protected protects it/,
    annotation("falco-responder/protected", "no"),
  ),
  marked(
    "a priority class of the system",
    "its priority class",
    (stage) => editSpec(stage, { priorityClassName: "system-node-critical" }),
    /priority class system-node-critical is protected/,
    (stage) => editSpec(stage, { priorityClassName: "node-critical" }),
  ),
  {
    name: "guard: protected between ingest and respond",
    fact: "the pod's label",
    given: always,
    refuse: (stage) => {
      stage.meanwhile = () => label("falco-responder.io/protected", "true")(stage);
    },
    because: /the label falco-responder\.io\/protected protects it/,
  },
  {
    name: "guard: the policy only observes",
    fact: "mode",
    refuse: (stage) => {
      stage.policy = policyOf(undefined, { mode: "observe" });
    },
    because: /^would-act/,
  },
  {
    name: "guard: the rule asks for approval",
    fact: "mode",
    refuse: (stage) => {
      stage.policy = withRule({ mode: "approve" });
    },
    because: /^await-approval/,
  },
  {
    name: "guard: no action for pods",
    fact: "the rule's action",
    refuse: (stage) => {
      stage.policy = asking("ecs:stop-task");
    },
    because: /does not fit a pod/,
    act: (stage) => {
      stage.policy = asking("kubernetes:terminate");
    },
  },
  ...(["owner", "cluster", "fleet"] as const).map((scope): Case => {
    const { budgets } = policyOf();
    return {
      name: `guard: nothing left in the budget of the ${scope}`,
      fact: `budgets.${scope}`,
      refuse: (stage) => {
        stage.policy = policyOf(undefined, { budgets: { ...budgets, [scope]: 0 } });
      },
      because: new RegExp(`^refused: .*${scope}`),
    };
  }),
  {
    name: "guard: the owner's budget is used up by its first pod",
    fact: "budgets.owner",
    given: (stage) => void stage.afterwards.push((scene) => scene.accuse(stage.neighbour)),
    refuse: (stage) => {
      stage.policy = policyOf(undefined, { budgets: { ...policyOf().budgets, owner: 1 } });
    },
    because: /^refused: the owner budget of 1 actions within 600 s is spent/,
    spared: ({ offender }) => [deleted(offender)],
    act: (stage) => {
      stage.policy = policyOf(undefined, { budgets: { ...policyOf().budgets, owner: 2 } });
    },
    done: ({ offender, neighbour }) => [deleted(offender), deleted(neighbour)],
  },
  {
    name: "guard: the kill switch",
    fact: "paused",
    refuse: (stage) => pause(stage, true),
    because: /the kill switch is on/,
    act: (stage) => pause(stage, false),
  },
  {
    name: "guard: evidence is required and cannot be kept",
    fact: "the bucket is broken",
    given: (stage) => {
      stage.policy = withRule({ actions: [{ ...actionOf("kubernetes:terminate"), evidence: "required" }] });
    },
    refuse: ({ world }) => {
      world.evidenceBroken = true;
    },
    because: /evidence is required and could not be kept/,
  },
];

export function pause({ world }: Stage, paused: boolean): void {
  const [former] = world.table.ofType("switch");
  world.table.seed({ ...pack(SWITCH, "budget", (former?.version ?? 0) + 1, 0, {}), type: "switch", paused });
}

const line = (name: string, fact: string, change: (shot: Shot, stage: Stage) => void, because: RegExp, more: Partial<Case> = {}): Case => ({
  name: `line: ${name}`,
  fact,
  refuse: (stage) => change(stage.shot, stage),
  because,
  ...more,
});

/** Who may accuse, and what is an accusation. */
export const lines: readonly Case[] = [
  line(
    "of a log group nobody registered",
    "its log group",
    (shot) => {
      shot.logGroup = "/aws/containerinsights/shop/application";
    },
    /no cluster is registered for/,
  ),
  {
    name: "line: forged by a pod whose own lines go to another stream of the group",
    fact: "the prefix of Falco's streams",
    refuse: (stage) => sourced(stage, "node/falco"),
    because: /no cluster is registered for/,
    act: (stage) => sourced(stage, "falco/"),
  },
  line(
    "of another account's log group",
    "the group's owner",
    (shot) => {
      shot.owner = "999988887777";
    },
    /account that is not registered/,
  ),
  line(
    "static.cluster of another cluster",
    "static.cluster",
    (shot) => {
      shot.fields["static.cluster"] = "bank";
    },
    /names another cluster/,
  ),
  line(
    "Falco of itself",
    "its source",
    (shot) => {
      shot.source = "internal";
    },
    /Falco speaks of itself/,
  ),
  line(
    "an alert that a pod prints, behind text of its own",
    "text before it",
    (shot) => {
      shot.line = (shipped) => shipped.replace('"log":"{', '"log":"12:00:00.1: Critical said {');
    },
    /kept: parts of an alert's JSON inside other text/,
  ),
  line(
    "a CRI line cut in half",
    "its end",
    (shot) => {
      shot.line = (shipped) => shipped.slice(0, shipped.length / 2);
    },
    /kept: /,
  ),
  line("an alert in the command line of another rule", "its rule", forgeInside, /^no policy rule matches$/),
];

function sourced(stage: Stage, streamPrefix: string): void {
  stage.registry = {
    ...registry,
    clusters: registry.clusters.map((one) => (one.kind === "ecs" ? one : { ...one, sources: [{ logGroup: "/falco/kube", streamPrefix }] })),
  };
}

/** The line's own rule matches nothing; the accusation stands inside its command line. */
function forgeInside(shot: Shot, { offender }: Stage): void {
  const inside = { rule: shot.rule, priority: "Critical", output_fields: { ...shot.fields, "k8s.pod.name": offender.name } };
  shot.fields["proc.cmdline"] = `sh -c 'echo ${JSON.stringify(inside)}'`;
  shot.rule = "Some other rule";
}
