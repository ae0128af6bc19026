import type { Owner } from "#shared/domain/workload.ts";
import type { PodFacts } from "#shared/playbooks/kubernetes/facts.ts";
import { NODE, POD, POD_DISRUPTION_BUDGET } from "#shared/playbooks/kubernetes/kinds.ts";
import { type NodeFacts, nodeFacts } from "#shared/playbooks/kubernetes/node.ts";
import type { Json, KubeObject } from "#shared/ports/kubernetes.ts";
import { NODE_NAME, OCCASION, TrafficStage, UID } from "./traffic-stage.ts";

export const OTHER_NODE = "node-2";
export const SHIELDS = { "cluster-autoscaler.kubernetes.io/scale-down-disabled": "true", "karpenter.sh/do-not-disrupt": "true" } as const;
export const MARK = { "falco-responder.io/cordoned": OCCASION.incident } as const;

interface NodeShape {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly spec?: Json;
  readonly ready?: boolean;
}

/** Two nodes that take pods; on the first the offender, of Deployment web with a sibling there, and a pod of a DaemonSet. */
export class NodeStage extends TrafficStage {
  readonly web: Owner;
  readonly sibling: PodFacts;
  readonly daemon: PodFacts;

  constructor() {
    super(null);
    this.node(NODE_NAME);
    this.node(OTHER_NODE);
    this.remove(POD, "web-1");
    this.web = this.kube.deployment("web");
    this.run({ name: "web-1", uid: UID });
    this.sibling = this.run({ name: "web-2" });
    this.daemon = this.run({ name: "agent-1", controller: this.kube.controller("DaemonSet", "agent"), labels: { app: "agent" } });
  }

  /** A pod, of Deployment web unless said otherwise. */
  run(given: Parameters<TrafficStage["kube"]["run"]>[0]): PodFacts {
    return this.kube.run({ node: NODE_NAME, controller: this.web, labels: { app: "web", "pod-template-hash": "5d4f" }, ...given });
  }

  node(name: string, { labels = {}, annotations = {}, spec = {}, ready = true }: NodeShape = {}): KubeObject {
    const there = this.see(NODE, name);
    return this.kube.put(NODE, {
      metadata: { name, labels, annotations, ...(there === null ? {} : { uid: there.metadata.uid }) },
      spec,
      status: { conditions: [{ type: "Ready", status: ready ? "True" : "Unknown" }] },
    } as never);
  }

  nodeNow(name = NODE_NAME): NodeFacts {
    const found = this.see(NODE, name);
    if (found === null) throw new Error(`no node ${name}`);
    return nodeFacts(found);
  }

  /** What others do to the node. */
  touch(change: (node: NodeFacts) => NodeShape): void {
    const node = this.nodeNow();
    const { unschedulable, labels, annotations } = node;
    this.node(NODE_NAME, { labels, annotations, spec: unschedulable ? { unschedulable } : {}, ...change(node) });
  }

  budget(name: string, allowed: number, matchLabels: Readonly<Record<string, string>> = { app: "web" }): void {
    this.kube.put(POD_DISRUPTION_BUDGET, {
      metadata: { name },
      spec: { selector: { matchLabels } },
      status: { disruptionsAllowed: allowed },
    } as never);
  }

  here(): readonly string[] {
    return this.kube
      .running()
      .filter(({ node }) => node === NODE_NAME)
      .map(({ name }) => name)
      .sort();
  }
}
