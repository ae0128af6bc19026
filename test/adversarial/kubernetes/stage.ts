import type { Owner } from "#shared/domain/workload.ts";
import type { PodFacts } from "#shared/playbooks/kubernetes/facts.ts";
import { NODE, POD } from "#shared/playbooks/kubernetes/kinds.ts";
import type { Json, KubeObject } from "#shared/ports/kubernetes.ts";
import { fakeAccess } from "../../fakes/cluster-access.ts";
import type { FakeKubernetes } from "../../fakes/kubernetes.ts";
import { policyOf, registry, World } from "../../fakes/world.ts";
import { at, type Acts as CommonActs, type Stage as CommonStage, type Shot } from "../stage.ts";
import { type Around, noting } from "./effects.ts";

export { actionOf, asking, at, protecting, type Shot, withRule } from "../stage.ts";

export const HERE = "node-1";
export const THERE = "node-2";
export const SHOP = "shop";
export const LABELS = { app: "web" } as const;

/**
 * Two nodes with Falco's and Antrea's daemons on each; Deployment web of two pods, one on each; Deployment api of one pod on the first node; and
 * one alert about the first pod of web.
 */
export interface Stage extends CommonStage<PodFacts, Stage> {
  readonly kube: FakeKubernetes;
  /** The ReplicaSet of web. */
  readonly owner: Owner;
  readonly neighbour: PodFacts;
  readonly api: PodFacts;
  readonly falco: PodFacts;
  readonly around: Around;
}
export type Acts = CommonActs<PodFacts, Stage>;

export const idOf = ({ containers }: PodFacts, length = 12): string => (containers[0]?.id ?? "").slice(0, length);

export function newStage(): Stage {
  const world = new World();
  const { kubernetes: kube } = world;
  for (const name of [HERE, THERE]) readyNode(kube, name);
  const [falco] = [HERE, THERE].map((node) => daemon(kube, "falco", "falco", node));
  for (const node of [HERE, THERE]) daemon(kube, "kube-system", "antrea-agent", node);
  const owner = kube.deployment("web");
  const offender = kube.run({ name: "web-a", node: HERE, controller: owner, labels: LABELS });
  const neighbour = kube.run({ name: "web-b", node: THERE, controller: owner, labels: LABELS });
  const api = kube.run({ name: "api-a", node: HERE, controller: kube.deployment("api"), labels: { app: "api" } });
  if (falco === undefined) throw new Error("falco does not run");
  const shot: Shot = {
    rule: "Terminal shell in container",
    source: "syscall",
    hostname: HERE,
    time: at(world, -10_000),
    fields: { "container.name": "app", "proc.cmdline": "bash" },
    sensor: { pod_name: falco.name, namespace_name: falco.namespace },
    logGroup: "/falco/kube",
    owner: registry.account,
    line: null,
    receives: 1,
  };
  aimAt(shot, offender);
  const around: Around = { before: () => undefined, after: () => undefined };
  const effects: string[] = [];
  const reach = { access: fakeAccess({ ...world.aws.given(), kubernetes: noting(kube, POD, around, effects) }), effects, ship: fluentBit };
  const doings = { meanwhile: () => undefined, handingOver: () => undefined, afterwards: [], aim: (pod: PodFacts) => aimAt(shot, pod) };
  return { world, kube, owner, offender, neighbour, api, falco, around, shot, policy: policyOf(), registry, ...reach, ...doings };
}

export function aimAt(shot: Shot, { namespace, name, node, containers }: PodFacts): void {
  shot.hostname = node ?? "";
  shot.fields["container.id"] = (containers[0]?.id ?? "").slice(0, 12);
  shot.fields["k8s.ns.name"] = namespace;
  shot.fields["k8s.pod.name"] = name;
}

/** As Fluent Bit ships a container's line in CRI's format, with what its kubernetes filter adds. */
export const fluentBit = (alert: object, sensor: Shot["sensor"]): string =>
  JSON.stringify({
    time: "2026-03-01T11:59:50.200000000Z",
    stream: "stdout",
    _p: "F",
    log: JSON.stringify(alert),
    kubernetes: { container_name: "falco", ...sensor },
  });

/** A node that takes pods. */
export function readyNode(kube: FakeKubernetes, name: string, labels: Readonly<Record<string, string>> = {}): void {
  const status = { conditions: [{ type: "Ready", status: "True" }], addresses: [{ type: "InternalIP", address: "192.0.2.1" }] };
  kube.put(NODE, { metadata: { name, labels }, spec: {}, status });
}

/** A pod of a DaemonSet, ready. */
export function daemon(kube: FakeKubernetes, namespace: string, name: string, node: string, spec: Json = {}): PodFacts {
  return kube.run({ namespace, name: `${name}-${node}`, node, controller: kube.controller("DaemonSet", name), spec });
}

/** The offender's object, changed as somebody else would; its uid stays. */
export function edit({ kube, offender }: Stage, change: (pod: KubeObject) => object): void {
  const pod = kube.object(POD, offender.namespace, offender.name);
  if (pod !== null) kube.put(POD, { ...pod, ...change(pod) });
}

export const editMetadata = (stage: Stage, more: object): void => edit(stage, ({ metadata }) => ({ metadata: { ...metadata, ...more } }));
export const editSpec = (stage: Stage, more: Json): void => edit(stage, ({ spec }) => ({ spec: { ...spec, ...more } }));
export const editStatus = (stage: Stage, more: Json): void => edit(stage, ({ status }) => ({ status: { ...status, ...more } }));
