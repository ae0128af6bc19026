import { describe, expect, test } from "vitest";
import {
  CALICO_GLOBAL_NETWORK_POLICY,
  CALICO_NETWORK_POLICY,
  CALICO_TIER,
  CILIUM_NETWORK_POLICY,
  NETWORK_POLICY,
  RESOURCE_QUOTA,
} from "#shared/playbooks/kubernetes/kinds.ts";
import type { Json, Kind } from "#shared/ports/kubernetes.ts";
import { because, LABELS, NAMESPACE, NODE_NAME, TrafficStage, UID } from "./traffic-stage.ts";

const QUARANTINE = "kubernetes:quarantine";
const MARK = "falco-responder.io/quarantine";
const POLICY = `falco-responder-quarantine-${UID}`;
const VPC: Json = { containers: [{ name: "aws-eks-nodeagent", args: ["--enable-network-policy=true"] }] };

const policyOf = (stage: TrafficStage, kind: Kind = NETWORK_POLICY, name = POLICY) => stage.see(kind, name);

/** The controllers have seen that the labels went. */
const letGo = (stage: TrafficStage) => stage.edit(({ metadata }) => ({ metadata: { ...metadata, ownerReferences: [] } }));

describe(`${QUARANTINE}: where and of whom it is done`, () => {
  describe("owners", () => {
    test.each<[string, RegExp]>([
      ["ReplicaSet", /ReplicaSet web-owner lets the pod go and starts a replacement/],
      ["DaemonSet", /DaemonSet web-owner lets the pod go and puts another on the same node\./],
      ["Job", /Job web-owner lets the pod go and runs its work again/],
    ])("a %s lets go and replaces: told", async (kind, told) => {
      const stage = new TrafficStage();
      stage.owned(kind);
      const step = stage.action(QUARANTINE);
      expect((await step.ready()).remarks.join(" ")).toMatch(told);
      const { kept } = await step.done();
      expect(await step.verify(kept)).toMatchObject({
        kind: "pending",
        begun: true,
        because: expect.stringContaining("has not let it go yet"),
      });
      letGo(stage);
      expect((await step.verify(kept)).kind).toBe("done");
    });

    test("a ReplicaSet of a Deployment is told with it, and one that is gone replaces nothing", async () => {
      const stage = new TrafficStage();
      stage.owned("ReplicaSet", null);
      expect((await stage.action(QUARANTINE).ready()).remarks.join(" ")).toContain(
        "ReplicaSet web-owner is gone: nothing replaces the pod",
      );
      const above = { apiVersion: "apps/v1", kind: "Deployment", name: "web", uid: "d", controller: true };
      const metadata = { name: "web-owner", namespace: NAMESPACE, uid: "uid-of-ReplicaSet-web-owner", ownerReferences: [above] };
      const kind = { group: "apps", version: "v1", resource: "replicasets", kind: "ReplicaSet", namespaced: true };
      stage.kube.put(kind, { metadata, spec: { selector: { matchLabels: LABELS } } });
      expect((await stage.action(QUARANTINE).ready()).remarks.join(" ")).toContain("ReplicaSet web-owner of Deployment web lets");
    });

    test("a standalone pod is replaced by nothing: told", async () => {
      expect((await new TrafficStage().action(QUARANTINE).ready()).remarks.join(" ")).toContain("nothing replaces it");
    });

    test.each([
      ["StatefulSet", "apps/v1", /same name.*next best: kubernetes:terminate, or kubernetes:scale-to-zero/],
      ["Rollout", "argoproj.io/v1alpha1", /nobody here knows whether it lets a pod go.*next best/],
      ["ReplicaSet", "example.com/v1", /nobody here knows/],
    ])("a %s of %s is refused", async (kind, apiVersion, why) => {
      const stage = new TrafficStage();
      stage.owned(kind, null, apiVersion);
      expect(await stage.action(QUARANTINE).refusal()).toMatch(why);
    });

    test("an owner that selects by the absence of a label would not let go: refused; by a label, it is not", async () => {
      const stage = new TrafficStage();
      stage.owned("ReplicaSet", { matchExpressions: [{ key: "canary", operator: "DoesNotExist" }] });
      expect(await stage.action(QUARANTINE).refusal()).toMatch(/would not let go.*next best/);
      stage.owned("ReplicaSet", { matchExpressions: [{ key: "app", operator: "Exists" }] });
      expect((await stage.action(QUARANTINE).prepare()).kind).toBe("ready");
    });

    test("a DaemonSet's pod with a host port is refused; without one it is not, and shared host folders are told", async () => {
      const ports = (hostPort: number) => ({ containers: [{ name: "app", ports: [{ containerPort: 80, hostPort }] }] });
      const stage = new TrafficStage("antrea-agent", { spec: ports(8080) });
      stage.owned("DaemonSet");
      expect(await stage.action(QUARANTINE).refusal()).toMatch(/same node, where this pod holds the host port/);
      stage.offender({ spec: { ...ports(0), volumes: [{ name: "logs", hostPath: { path: "/var/log" } }] } });
      stage.owned("DaemonSet");
      expect((await stage.action(QUARANTINE).ready()).remarks.join(" ")).toContain("shares its hostPath volumes");
    });

    test("a spent quota is told, one with room is not", async () => {
      const stage = new TrafficStage();
      stage.owned("ReplicaSet");
      const quota = (used: string) =>
        stage.kube.put(RESOURCE_QUOTA, {
          metadata: { name: "team", namespace: NAMESPACE },
          status: { hard: { pods: "10" }, used: { pods: used } },
        });
      quota("9");
      expect((await stage.action(QUARANTINE).ready()).remarks.join(" ")).not.toContain("Quota is spent");
      quota("10");
      expect((await stage.action(QUARANTINE).ready()).remarks.join(" ")).toMatch(/Quota is spent: team \(pods\).*NOT come/);
    });
  });

  describe("what enforces", () => {
    test("nothing seen: refused, unless the policy says allow, and then it is told", async () => {
      const stage = new TrafficStage(null);
      expect(await stage.action(QUARANTINE).refusal()).toMatch(/no agent that enforces.*next best: kubernetes:terminate/);
      const { remarks } = await stage.action(QUARANTINE, { unproven: "allow" }).ready();
      expect(remarks.join(" ")).toMatch(/UNPROVEN: no agent.*nobody can tell whether anything enforces it/);
    });

    test("the AWS VPC CNI: refused, unless the policy says warn, and then it is told", async () => {
      const stage = new TrafficStage(null);
      stage.agent("aws-node", { spec: VPC });
      expect(await stage.action(QUARANTINE).refusal()).toMatch(
        /would cut healthy siblings.*next best: kubernetes:terminate, with evidence/,
      );
      const { remarks } = await stage.action(QUARANTINE, { on_vpc_cni: "warn" }).ready();
      expect(remarks.join(" ")).toMatch(/siblings of this pod there may be cut/);
    });

    test("Cilium: a deny of Cilium, which no other policy beats", async () => {
      const stage = new TrafficStage("cilium");
      stage.policy("allow-all", { podSelector: {}, ingress: [{}], egress: [{}], policyTypes: ["Ingress", "Egress"] });
      const { kept } = await stage.action(QUARANTINE).done();
      expect(policyOf(stage, CILIUM_NETWORK_POLICY)?.spec).toEqual({
        endpointSelector: { matchLabels: { [MARK]: UID } },
        ingressDeny: [{ fromEntities: ["all"] }],
        egressDeny: [{ toEntities: ["all"] }],
      });
      expect(policyOf(stage)).toBeNull();
      expect((await stage.action(QUARANTINE).undo(kept)).kind).toBe("undone");
      expect(policyOf(stage, CILIUM_NETWORK_POLICY)).toBeNull();
    });

    test("Calico: a deny of low order in the default tier, or in the administrators' where there is one", async () => {
      const stage = new TrafficStage("calico-node");
      await stage.action(QUARANTINE).done();
      const spec = {
        order: -1000,
        selector: `${MARK} == '${UID}'`,
        types: ["Ingress", "Egress"],
        ingress: [{ action: "Deny" }],
        egress: [{ action: "Deny" }],
      };
      expect(policyOf(stage, CALICO_NETWORK_POLICY, `default.${POLICY}`)?.spec).toEqual({ tier: "default", ...spec });
      const newer = new TrafficStage("calico-node");
      newer.kube.put(CALICO_TIER, { metadata: { name: "kube-admin" }, spec: { order: 1000, defaultAction: "Pass" } });
      await newer.action(QUARANTINE).done();
      expect(policyOf(newer, CALICO_NETWORK_POLICY, `kube-admin.${POLICY}`)?.spec).toEqual({ tier: "kube-admin", ...spec });
    });
  });

  describe("policies that would let traffic through all the same", () => {
    const dns = [{ ports: [{ protocol: "UDP", port: 53 }] }];
    test.each<[string, Json, boolean]>([
      ["selects all and allows DNS", { podSelector: {}, policyTypes: ["Egress"], egress: dns }, true],
      ["selects all and allows nothing", { podSelector: {}, policyTypes: ["Ingress", "Egress"] }, false],
      ["selects all, allows ingress, types absent", { podSelector: {}, ingress: [{}] }, true],
      ["selects all, allows egress, types absent", { podSelector: {}, egress: dns }, true],
      ["selects all, has egress rules, and is about ingress alone", { podSelector: {}, policyTypes: ["Ingress"], egress: dns }, false],
      ["selects by the pod's own labels, which go", { podSelector: { matchLabels: { app: "web" } }, ingress: [{}] }, false],
      [
        "selects what has not a label",
        { podSelector: { matchExpressions: [{ key: "trusted", operator: "DoesNotExist" }] }, ingress: [{}] },
        true,
      ],
      [
        "selects what is not something",
        { podSelector: { matchExpressions: [{ key: "app", operator: "NotIn", values: ["db"] }] }, ingress: [{}] },
        true,
      ],
      ["selects what has a label", { podSelector: { matchExpressions: [{ key: "app", operator: "Exists" }] }, ingress: [{}] }, false],
    ])("one that %s", async (_, spec, leaks) => {
      const stage = new TrafficStage();
      stage.policy("theirs", spec);
      const prepared = await stage.action(QUARANTINE).prepare();
      expect(prepared.kind).toBe(leaks ? "refused" : "ready");
      if (leaks)
        expect(because(prepared as { kind: string; because: string })).toMatch(/NetworkPolicy theirs still selects such a pod and allows/);
    });

    test.each<[string, Kind, Json, boolean]>([
      ["of lower order that allows", CALICO_NETWORK_POLICY, { order: -2000, selector: "all()", egress: [{ action: "Allow" }] }, true],
      ["of the same order", CALICO_NETWORK_POLICY, { order: -1000, selector: "all()", egress: [{ action: "Allow" }] }, true],
      ["of higher order", CALICO_NETWORK_POLICY, { order: 0, selector: "all()", egress: [{ action: "Allow" }] }, false],
      ["without an order", CALICO_GLOBAL_NETWORK_POLICY, { selector: "all()", egress: [{ action: "Allow" }] }, false],
      [
        "of another tier",
        CALICO_GLOBAL_NETWORK_POLICY,
        { tier: "security", order: 5, selector: "all()", egress: [{ action: "Allow" }] },
        true,
      ],
      [
        "of another tier that denies",
        CALICO_GLOBAL_NETWORK_POLICY,
        { tier: "security", selector: "all()", egress: [{ action: "Deny" }] },
        false,
      ],
      [
        "of the baseline tier",
        CALICO_GLOBAL_NETWORK_POLICY,
        { tier: "kube-baseline", selector: "all()", egress: [{ action: "Allow" }] },
        false,
      ],
      ["that selects other pods", CALICO_NETWORK_POLICY, { order: -2000, selector: "app == 'web'", egress: [{ action: "Allow" }] }, false],
      [
        "whose selector cannot be judged",
        CALICO_NETWORK_POLICY,
        { order: -2000, selector: "pcns.env == 'prod'", egress: [{ action: "Allow" }] },
        true,
      ],
      ["that passes on", CALICO_NETWORK_POLICY, { order: -2000, selector: "", ingress: [{ action: "pass" }] }, true],
      [
        "for a namespace by its labels",
        CALICO_GLOBAL_NETWORK_POLICY,
        { order: -2000, namespaceSelector: "x == 'y'", egress: [{ action: "Allow" }] },
        true,
      ],
    ])("a Calico policy %s", async (_, kind, spec, leaks) => {
      const stage = new TrafficStage("calico-node");
      stage.policy("theirs", spec, kind);
      const prepared = await stage.action(QUARANTINE).prepare();
      expect(prepared.kind).toBe(leaks ? "refused" : "ready");
    });
  });

  test("the agents are looked for on the pod's own node", async () => {
    const stage = new TrafficStage(null);
    stage.agent("antrea-agent", { node: "node-2" });
    expect(await stage.action(QUARANTINE).refusal()).toContain(NODE_NAME);
  });
});
