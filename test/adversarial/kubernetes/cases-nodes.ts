import { NODE } from "#shared/playbooks/kubernetes/kinds.ts";
import type { Case } from "./run.ts";
import { asking, HERE, protecting, type Stage, THERE } from "./stage.ts";
import { CORDON, cordoned, given, labelled } from "./wanted.ts";

const MARK = "falco-responder.io/protected";

const nodeIs =
  (name: string, change: { readonly spec?: object; readonly labels?: Readonly<Record<string, string>> }) =>
  ({ kube }: Stage) => {
    const node = kube.object(NODE, null, name);
    if (node === null) return;
    const { spec = {}, labels = {} } = change;
    kube.put(NODE, {
      ...node,
      spec: { ...node.spec, ...spec },
      metadata: { ...node.metadata, labels: { ...node.metadata.labels, ...labels } },
    });
  };

const cordonCase = (name: string, fact: string, refuse: Case["refuse"], because: RegExp, more: Partial<Case> = {}): Case => ({
  name: `cordon: ${name}`,
  fact,
  given: given(CORDON),
  refuse,
  because,
  done: cordoned,
  ...more,
});

export const machines: readonly Case[] = [
  cordonCase(
    "the last node that takes pods",
    "the other one is cordoned",
    nodeIs(THERE, { spec: { unschedulable: true } }),
    /^refused: no pod could be placed any more/,
  ),
  cordonCase(
    "a node of the control plane",
    "its label",
    nodeIs(HERE, { labels: { "node-role.kubernetes.io/control-plane": "" } }),
    /^refused: node node-1 is of the control plane; next best/,
    { act: nodeIs(HERE, { labels: { "node-role.kubernetes.io/worker": "" } }) },
  ),
  cordonCase(
    "a tainted node of the control plane",
    "its taint",
    nodeIs(HERE, { spec: { taints: [{ key: "node-role.kubernetes.io/master", effect: "PreferNoSchedule" }] } }),
    /^refused: node node-1 is of the control plane/,
    { act: nodeIs(HERE, { spec: { taints: [{ key: "example.com/master", effect: "PreferNoSchedule" }] } }) },
  ),
  cordonCase(
    "a node that the policy protects",
    "protect.nodes",
    (stage) => {
      stage.policy = protecting({ nodes: ["NODE-1"] }, stage.policy);
    },
    /^refused: node node-1 is protected; next best/,
    {
      act: (stage) => {
        stage.policy = protecting({ nodes: [THERE] }, stage.policy);
      },
    },
  ),
  cordonCase(
    "a node that bears the mark",
    "its label",
    nodeIs(HERE, { labels: { [MARK]: "true" } }),
    /^refused: the label falco-responder\.io\/protected protects it/,
    {
      given: (stage) => {
        stage.policy = protecting({ labels: { [MARK]: "true" } }, asking(CORDON));
      },
      act: nodeIs(HERE, { labels: { [MARK]: "no" } }),
    },
  ),
  cordonCase(
    "Fargate's node",
    "its label",
    nodeIs(HERE, { labels: { "eks.amazonaws.com/compute-type": "fargate" } }),
    /Fargate's or virtual/,
    {
      act: nodeIs(HERE, { labels: { "eks.amazonaws.com/compute-type": "ec2" } }),
    },
  ),
  {
    name: "label: one that would protect the offender from then on",
    fact: "its value",
    refuse: (stage) => {
      stage.policy = protecting({ labels: { tier: "core" } }, asking("kubernetes:label", { labels: { tier: "Core" } }));
    },
    because: /would protect the offender from every later action/,
    act: (stage) => {
      stage.policy = protecting({ labels: { tier: "core" } }, asking("kubernetes:label", { labels: { tier: "edge" } }));
    },
    done: labelled,
  },
  {
    name: "label: one that its controller selects by",
    fact: "its key",
    refuse: given("kubernetes:label", { labels: { app: "suspect" } }),
    because: /^refused: /,
    act: given("kubernetes:label", { labels: { suspect: "app" } }),
    done: labelled,
  },
  {
    name: "label: one that steers the cluster",
    fact: "its prefix",
    refuse: given("kubernetes:label", { labels: { "node.kubernetes.io/x": "y" } }),
    because: /keys of kubernetes\.io steer the cluster itself/,
    act: given("kubernetes:label", { labels: { "node.example.com/x": "y" } }),
    done: labelled,
  },
];
