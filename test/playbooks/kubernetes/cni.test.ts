import { expect, test } from "vitest";
import { cniOf, cniRemarks } from "#shared/playbooks/kubernetes/cni.ts";
import { CILIUM_NETWORK_POLICY } from "#shared/playbooks/kubernetes/kinds.ts";
import type { Json } from "#shared/ports/kubernetes.ts";
import { never } from "../builders.ts";
import { NAMESPACE, NODE_NAME, TrafficStage } from "./traffic-stage.ts";

const vpc = (...args: readonly string[]): Json => ({ containers: [{ name: "aws-node" }, { name: "aws-eks-nodeagent", args }] });
const on = (stage: TrafficStage) => cniOf(NODE_NAME, NAMESPACE, stage.kube, never);

test.each<[daemonSet: string, namespace: string, name: string, established: string, deny: string | null]>([
  ["cilium", "kube-system", "Cilium", "cut", "cilium"],
  ["cilium", "cilium", "Cilium", "cut", "cilium"],
  ["anetd", "kube-system", "GKE Dataplane V2 (Cilium)", "cut", null],
  ["calico-node", "calico-system", "Calico", "live", "calico"],
  ["calico-node", "kube-system", "Calico", "live", "calico"],
  ["canal", "kube-system", "Calico", "live", "calico"],
  ["antrea-agent", "kube-system", "Antrea", "live", null],
  ["kube-router", "kube-system", "kube-router", "unknown", null],
  ["kube-network-policies", "kube-system", "kube-network-policies", "unknown", null],
  ["ovnkube-node", "openshift-ovn-kubernetes", "OVN-Kubernetes", "unknown", null],
])("%s in %s: %s, whose open connections are %s", async (daemonSet, namespace, name, established, deny) => {
  const stage = new TrafficStage(null);
  stage.agent(daemonSet, { namespace });
  expect(await on(stage)).toEqual({
    enforcer: { name, established, shared: false, deny },
    seen: `the agent of ${name} is ready on node ${NODE_NAME}`,
  });
});

test("the AWS VPC CNI enforces only with its agent's argument, and shares its rules", async () => {
  const stage = new TrafficStage(null);
  stage.agent("aws-node", { spec: vpc("--enable-ipv6=false", "--enable-network-policy=true") });
  expect((await on(stage)).enforcer).toMatchObject({ name: "the AWS VPC CNI", shared: true, deny: null });
  for (const spec of [vpc("--enable-network-policy=false"), vpc(), { containers: [{ name: "aws-node" }] }]) {
    stage.agent("aws-node", { spec });
    expect((await on(stage)).enforcer).toBeNull();
  }
});

test("beside Calico's or Cilium's own kinds it does not count", async () => {
  const stage = new TrafficStage("calico-node");
  stage.agent("aws-node", { spec: vpc("--enable-network-policy=true") });
  expect((await on(stage)).enforcer).toMatchObject({ name: "Calico", deny: "calico" });
});

test("an agent that is not ready, on another node, in another namespace or under another name is none; the twin is", async () => {
  const stage = new TrafficStage(null);
  stage.agent("cilium", { node: "node-2" });
  stage.agent("cilium", { namespace: "shop" });
  stage.agent("cilium-operator");
  expect(await on(stage)).toEqual({ enforcer: null, seen: "no agent that enforces network policies is seen on node node-1" });
  stage.agent("cilium", { ready: false });
  expect(await on(stage)).toEqual({ enforcer: null, seen: "the agent of Cilium on node node-1 is not ready" });
  stage.agent("cilium");
  expect((await on(stage)).enforcer?.name).toBe("Cilium");
  expect(await cniOf(null, NAMESPACE, stage.kube, never)).toEqual({ enforcer: null, seen: "the pod is on no node" });
});

test("two that enforce are nobody to rely on", async () => {
  const stage = new TrafficStage("cilium");
  stage.agent("calico-node");
  expect(await on(stage)).toEqual({ enforcer: null, seen: "agents of both Cilium and Calico are on node node-1" });
});

test("a CRD without an agent is no enforcer, and an agent without its CRD has no deny", async () => {
  expect((await on(new TrafficStage(null))).enforcer).toBeNull();
  const stage = new TrafficStage("cilium");
  stage.kube.serve(CILIUM_NETWORK_POLICY, false);
  expect((await on(stage)).enforcer).toMatchObject({ name: "Cilium", deny: null });
});

test("a firewall of kube-router that is switched off does not count", async () => {
  const stage = new TrafficStage(null);
  stage.agent("kube-router", { spec: { containers: [{ name: "kube-router", args: ["--run-firewall=false"] }] } });
  expect((await on(stage)).enforcer).toBeNull();
});

test("people are told what becomes of open connections", async () => {
  const told = async (daemonSet: string) => cniRemarks(await on(new TrafficStage(daemonSet))).join(" ");
  expect(await told("cilium")).toMatch(/connections that stand drop/);
  expect(await told("antrea-agent")).toMatch(/an open reverse shell lives/);
  expect(await told("kube-router")).toMatch(/is not known/);
  expect(cniRemarks(await on(new TrafficStage(null))).join()).toMatch(/^UNPROVEN/);
});
