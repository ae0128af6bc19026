import { describe, expect, test } from "vitest";
import {
  CALICO_GLOBAL_NETWORK_POLICY,
  CALICO_NETWORK_POLICY,
  CALICO_TIER,
  CILIUM_NETWORK_POLICY,
  ENDPOINT_SLICE,
  NETWORK_POLICY,
  POD,
  RESOURCE_QUOTA,
} from "#shared/playbooks/kubernetes/kinds.ts";
import { quarantine } from "#shared/playbooks/kubernetes/quarantine.ts";
import type { Params } from "#shared/playbooks/playbook.ts";
import type { Json, Kind } from "#shared/ports/kubernetes.ts";
import { because, declared, LABELS, NAMESPACE, NODE_NAME, OCCASION, TrafficStage, UID } from "./traffic-stage.ts";

const QUARANTINE = "kubernetes:quarantine";
const MARK = "falco-responder.io/quarantine";
const POLICY = `falco-responder-quarantine-${UID}`;
const VPC: Json = { containers: [{ name: "aws-eks-nodeagent", args: ["--enable-network-policy=true"] }] };

const policyOf = (stage: TrafficStage, kind: Kind = NETWORK_POLICY, name = POLICY) => stage.see(kind, name);

/** The controllers have seen that the labels went. */
const letGo = (stage: TrafficStage) => stage.edit(({ metadata }) => ({ metadata: { ...metadata, ownerReferences: [] } }));

describe(QUARANTINE, () => {
  test("the policy comes first, then one patch that takes all labels and writes down what they were", async () => {
    const stage = new TrafficStage();
    const step = stage.action(QUARANTINE);
    const { kept } = await step.done();
    expect(stage.writes).toEqual(["create networking.k8s.io/networkpolicies", "patch /pods"]);
    expect(policyOf(stage)).toMatchObject({
      metadata: {
        labels: {
          "app.kubernetes.io/managed-by": "falco-responder",
          "falco-responder.io/target": UID,
          "falco-responder.io/incident": OCCASION.incident,
        },
        ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: "web-1", uid: UID }],
      },
      spec: { podSelector: { matchLabels: { [MARK]: UID } }, policyTypes: ["Ingress", "Egress"] },
    });
    expect(policyOf(stage)?.metadata.ownerReferences?.[0]).not.toHaveProperty("blockOwnerDeletion");
    expect(stage.pod.labels).toEqual({ [MARK]: UID });
    expect(stage.pod.annotations).toEqual({
      "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
      "karpenter.sh/do-not-disrupt": "true",
      "falco-responder.io/incident": OCCASION.incident,
      "falco-responder.io/original-labels": JSON.stringify(LABELS),
    });
    expect(await step.verify(kept)).toMatchObject({ kind: "done", because: expect.stringContaining("up to the network plugin") });
  });

  test("nothing is written while preparing, and the whole of it is rehearsed", async () => {
    const stage = new TrafficStage();
    await stage.action(QUARANTINE).ready();
    expect(stage.writes).toEqual([]);
    expect(stage.rehearsed).toEqual(["create networking.k8s.io/networkpolicies", "patch /pods"]);
  });

  test("marks of ours stay, but not the one that an allow-list of ours selects by", async () => {
    const labels = { ...LABELS, "falco-responder.io/suspicious": "yes", "falco-responder.io/restricted": UID };
    const stage = new TrafficStage("antrea-agent", { labels });
    const restrict = { podSelector: { matchLabels: { "falco-responder.io/restricted": UID } }, policyTypes: ["Egress"], egress: [{}] };
    stage.policy(`falco-responder-restrict-${UID}`, restrict);
    const step = stage.action(QUARANTINE);
    const { kept } = await step.done();
    expect(stage.pod.labels).toEqual({ "falco-responder.io/suspicious": "yes", [MARK]: UID });
    await step.undo(kept);
    expect(stage.pod.labels).toEqual(labels);
  });

  test.each<[Params, boolean]>([
    [{}, true],
    [{ on_vpc_cni: "warn", unproven: "allow", expires_after: "30m", on_expiry: "ask" }, true],
    [{ on_vpc_cni: "ignore" }, false],
    [{ unproven: true }, false],
    [{ expires_after: "never" }, false],
    [{ expires_after: "721h" }, false],
    [{ on_expiry: "release" }, false],
    [{ grace: 1 }, false],
  ])("parameters %j, planned: %j", (params, fine) => {
    expect(new TrafficStage().planning(QUARANTINE, params).kind).toBe(fine ? "planned" : "refused");
  });

  test("a mirror pod, one with its node's network, one that ended and one that is going are left; the twin is not", async () => {
    expect(because(new TrafficStage().planning(QUARANTINE, {}, { mirror: true }))).toMatch(/static pod.*next best/);
    expect(because(new TrafficStage().planning(QUARANTINE, {}, { hostNetwork: true }))).toMatch(
      /hostNetwork.*next best: kubernetes:terminate/,
    );
    expect(because(new TrafficStage().planning(QUARANTINE, {}, { uid: "not a label" }))).toMatch(/uid/);
    const later = async (pod: ConstructorParameters<typeof TrafficStage>[1]) => {
      const stage = new TrafficStage();
      const step = stage.action(QUARANTINE);
      stage.offender(pod);
      return await step.prepare();
    };
    expect(await later({ spec: { hostNetwork: true } })).toMatchObject({ kind: "refused" });
    expect(await later({ annotations: { "kubernetes.io/config.mirror": "x" } })).toMatchObject({ kind: "refused" });
    expect(await later({ status: { phase: "Succeeded" } })).toMatchObject({ kind: "refused", because: expect.stringContaining("ended") });
    expect(await later({})).toMatchObject({ kind: "ready" });
    const stage = new TrafficStage();
    const step = stage.action(QUARANTINE);
    stage.edit(({ metadata }) => ({ metadata: { ...metadata, deletionTimestamp: "2026-03-01T12:00:00Z" } }));
    expect((await step.prepare()).kind).toBe("nothing");
    stage.edit(({ metadata }) => ({ metadata: { ...metadata, uid: "a-successor" } }));
    expect((await step.prepare()).kind).toBe("nothing");
    expect(stage.writes).toEqual([]);
  });

  test("what is quarantined is left; what lacks the policy or has a label too many is not", async () => {
    const stage = new TrafficStage();
    const step = stage.action(QUARANTINE);
    await step.done();
    expect((await step.prepare()).kind).toBe("nothing");
    stage.label({ [MARK]: UID, app: "web" });
    expect((await step.prepare()).kind).toBe("ready");
    stage.label({ [MARK]: UID });
    stage.remove(NETWORK_POLICY, POLICY);
    expect((await step.prepare()).kind).toBe("ready");
  });

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

  describe("admission", () => {
    test("a webhook that rejects is found before anything is made", async () => {
      const stage = new TrafficStage();
      stage.kube.admit = (_verb, kind) => (kind === POD ? "labels stay" : null);
      expect(await stage.action(QUARANTINE).refusal()).toMatch(/would not let its labels be taken: labels stay; next best/);
      stage.kube.admit = (_verb, kind) => (kind === NETWORK_POLICY ? "no policies" : null);
      expect(await stage.action(QUARANTINE).refusal()).toMatch(/no policies; next best/);
    });

    test("a webhook that puts labels back is found before anything is made", async () => {
      const stage = new TrafficStage();
      stage.kube.onWrite = (kind, object) =>
        kind === POD ? { ...object, metadata: { ...object.metadata, labels: { ...object.metadata.labels, app: "web" } } } : object;
      expect(await stage.action(QUARANTINE).refusal()).toMatch(/admission webhook\) puts labels back/);
    });

    test("rejected only when it counts: the policy is taken away again, and it has failed", async () => {
      const stage = new TrafficStage();
      const step = stage.action(QUARANTINE);
      const { kept } = await step.ready();
      stage.kube.admit = (_verb, kind) => (kind === POD ? "not any more" : null);
      expect(await step.execute(kept)).toMatchObject({ kind: "failed", because: expect.stringContaining("taken away again") });
      expect(policyOf(stage)).toBeNull();
      expect(stage.pod.labels).toEqual(LABELS);
    });

    test("a policy of our name that is not as we make it is never overwritten", async () => {
      const stage = new TrafficStage();
      stage.policy(POLICY, { podSelector: {}, policyTypes: ["Ingress"] });
      expect(await stage.action(QUARANTINE).refusal()).toMatch(/is not as we make it/);
      const other = new TrafficStage();
      const step = other.action(QUARANTINE);
      const { kept } = await step.ready();
      other.policy(POLICY, { podSelector: {}, policyTypes: ["Ingress"] });
      expect(await step.execute(kept)).toMatchObject({ kind: "conflict" });
      expect(policyOf(other)?.spec).toEqual({ podSelector: {}, policyTypes: ["Ingress"] });
      expect(other.pod.labels).toEqual(LABELS);
    });
  });

  describe("crashes and others who write", () => {
    test("a crash between policy and patch: done again, it goes on", async () => {
      const stage = new TrafficStage();
      const step = stage.action(QUARANTINE);
      const { kept } = await step.ready();
      stage.meanwhile = (verb) => {
        if (verb === "patch") throw new Error("the process dies");
      };
      await expect(step.execute(kept)).rejects.toThrow("dies");
      expect(await step.verify(kept)).toMatchObject({ kind: "pending", begun: false, partly: true });
      stage.meanwhile = () => undefined;
      expect((await step.execute(kept)).kind).toBe("accepted");
      expect((await step.execute(kept)).kind).toBe("accepted");
      expect((await step.verify(kept)).kind).toBe("done");
      expect(stage.pod.annotations["falco-responder.io/original-labels"]).toBe(JSON.stringify(LABELS));
    });

    test("a write meanwhile is read again, as often as five times; then the message comes again", async () => {
      const stage = new TrafficStage();
      const step = stage.action(QUARANTINE);
      const { kept } = await step.ready();
      let left = 4;
      const busy = (verb: string) => {
        if (verb === "patch" && left-- > 0) stage.edit(({ status }) => ({ status: { ...status, touched: left } }));
      };
      stage.meanwhile = busy;
      expect((await step.execute(kept)).kind).toBe("accepted");
      const other = new TrafficStage();
      const again = other.action(QUARANTINE);
      const { kept: others } = await again.ready();
      other.meanwhile = (verb) => {
        if (verb === "patch") other.edit(({ status }) => ({ status }));
      };
      await expect(again.execute(others)).rejects.toMatchObject({ code: "kube_throttled", retryable: true });
    });

    test("labels that somebody changed meanwhile are not taken, and the policy goes again", async () => {
      const stage = new TrafficStage();
      const step = stage.action(QUARANTINE);
      const { kept } = await step.ready();
      stage.label({ ...LABELS, app: "api" });
      expect(await step.execute(kept)).toMatchObject({
        kind: "conflict",
        because: expect.stringContaining("somebody changed the pod's labels"),
      });
      expect(policyOf(stage)).toBeNull();
      expect(stage.pod.labels).toEqual({ ...LABELS, app: "api" });
    });

    test("a successor of that name is never touched", async () => {
      const stage = new TrafficStage();
      const step = stage.action(QUARANTINE);
      const { kept } = await step.ready();
      stage.edit(({ metadata }) => ({ metadata: { ...metadata, uid: "a-successor" } }));
      expect((await step.execute(kept)).kind).toBe("gone");
      expect(stage.writes).toEqual([]);
      expect((await step.verify(kept)).kind).toBe("done");
      const late = new TrafficStage();
      const other = late.action(QUARANTINE);
      const prepared = await other.ready();
      late.meanwhile = (verb) => {
        if (verb === "patch") late.edit(({ metadata }) => ({ metadata: { ...metadata, uid: "a-successor" } }));
      };
      expect((await other.execute(prepared.kept)).kind).toBe("gone");
      expect(late.pod.labels).toEqual(LABELS);
      expect(policyOf(late)).toBeNull();
    });

    test("what was never prepared is never executed", async () => {
      await expect(new TrafficStage().action(QUARANTINE).execute({})).rejects.toThrow("not prepared");
    });
  });

  describe("what the world shows", () => {
    const acted = async () => {
      const stage = new TrafficStage();
      const step = stage.action(QUARANTINE);
      const { kept } = await step.done();
      return { stage, step, kept };
    };

    test("not begun, then done, then gone", async () => {
      const stage = new TrafficStage();
      const step = stage.action(QUARANTINE);
      const { kept } = await step.ready();
      const before = await step.verify(kept);
      expect(before).toMatchObject({ kind: "pending", begun: false });
      expect(before).not.toHaveProperty("partly");
      await step.execute(kept);
      expect((await step.verify(kept)).kind).toBe("done");
      stage.remove(POD, "web-1");
      expect(await step.verify(kept)).toMatchObject({ kind: "done", because: expect.stringContaining("gone") });
    });

    test("labels that somebody gave back: failed, with the next best; beside ours: in part", async () => {
      const { stage, step, kept } = await acted();
      stage.label({ [MARK]: UID, app: "web" });
      expect(await step.verify(kept)).toMatchObject({
        kind: "pending",
        begun: true,
        partly: true,
        because: expect.stringContaining("put labels back (app)"),
      });
      stage.label(LABELS);
      expect(await step.verify(kept)).toMatchObject({
        kind: "failed",
        because: expect.stringMatching(/NOT cut off; next best: kubernetes:terminate/),
      });
    });

    test("a policy that is gone or was changed: nothing holds, and doing it again makes it", async () => {
      const { stage, step, kept } = await acted();
      stage.remove(NETWORK_POLICY, POLICY);
      expect(await step.verify(kept)).toMatchObject({
        kind: "pending",
        begun: false,
        partly: true,
        because: expect.stringContaining("nothing holds"),
      });
      expect((await step.execute(kept)).kind).toBe("accepted");
      expect((await step.verify(kept)).kind).toBe("done");
      stage.change(NETWORK_POLICY, POLICY, ({ spec }) => ({ spec: { ...spec, egress: [{}] } }));
      expect((await step.verify(kept)).kind).toBe("pending");
    });

    test("an EndpointSlice that still names it: not yet", async () => {
      const { stage, step, kept } = await acted();
      const slice = (uid: string) =>
        stage.kube.put(ENDPOINT_SLICE, {
          metadata: { name: "web-abc", namespace: NAMESPACE },
          endpoints: [{ addresses: ["10.1.0.7"], targetRef: { uid } }],
        });
      slice(UID);
      expect(await step.verify(kept)).toMatchObject({
        kind: "pending",
        begun: true,
        because: expect.stringContaining("1 EndpointSlice still names it"),
      });
      slice("another");
      expect((await step.verify(kept)).kind).toBe("done");
    });
  });

  describe("taking it back", () => {
    const acted = async (annotations: Readonly<Record<string, string>> = {}, kind = "ReplicaSet") => {
      const stage = new TrafficStage("antrea-agent", { annotations });
      stage.owned(kind);
      const step = stage.action(QUARANTINE);
      const { kept } = await step.done();
      letGo(stage);
      return { stage, step, kept };
    };

    test("labels in one patch, then the policy; re-adoption is told; twice changes nothing", async () => {
      const { stage, step, kept } = await acted({ team: "a", "karpenter.sh/do-not-disrupt": "false" });
      const before = stage.writes.length;
      expect(await step.undo(kept)).toMatchObject({
        kind: "undone",
        because: expect.stringMatching(/ReplicaSet web-owner takes it back.*perhaps a healthy one.*is taken away/),
      });
      expect(stage.writes.slice(before)).toEqual(["patch /pods", "delete networking.k8s.io/networkpolicies"]);
      expect(stage.pod.labels).toEqual(LABELS);
      expect(stage.pod.annotations).toEqual({ team: "a", "karpenter.sh/do-not-disrupt": "false" });
      expect((await step.undo(kept)).kind).toBe("nothing");
      expect(stage.writes).toHaveLength(before + 2);
    });

    test("what somebody changed since stands, key by key", async () => {
      const { stage, step, kept } = await acted();
      stage.edit(({ metadata }) => ({
        metadata: {
          ...metadata,
          labels: { [MARK]: UID, app: "api", note: "x" },
          annotations: { ...metadata.annotations, "karpenter.sh/do-not-disrupt": "false" },
        },
      }));
      expect(await step.undo(kept)).toMatchObject({
        kind: "changed",
        because: expect.stringMatching(/not overwritten: label app; the pod has its labels again/),
      });
      expect(stage.pod.labels).toEqual({ ...LABELS, app: "api", note: "x" });
      expect(stage.pod.annotations).toEqual({ "karpenter.sh/do-not-disrupt": "false" });
    });

    test("somebody who took our label off has released it: nothing is put on, and the policy goes", async () => {
      const { stage, step, kept } = await acted();
      stage.label({ app: "other" });
      expect(await step.undo(kept)).toMatchObject({ kind: "changed" });
      expect(stage.pod.labels).toEqual({ app: "other" });
      expect(policyOf(stage)).toBeNull();
    });

    test("a policy that somebody changed stands", async () => {
      const { stage, step, kept } = await acted();
      stage.change(NETWORK_POLICY, POLICY, ({ spec }) => ({ spec: { ...spec, egress: [{}] } }));
      expect(await step.undo(kept)).toMatchObject({ kind: "changed", because: expect.stringContaining("is not as we made it") });
      expect(policyOf(stage)).not.toBeNull();
      expect(stage.pod.labels).toEqual(LABELS);
    });

    test("when the server refuses the labels, the pod stays cut off", async () => {
      const { stage, step, kept } = await acted();
      stage.kube.admit = () => "frozen";
      expect(await step.undo(kept)).toMatchObject({ kind: "changed", because: expect.stringContaining("still quarantined") });
      expect(policyOf(stage)).not.toBeNull();
    });

    test("of a pod that is gone: nothing; a policy that was left behind is taken away", async () => {
      const { stage, step, kept } = await acted();
      stage.change(NETWORK_POLICY, POLICY, ({ metadata }) => ({ metadata: { ...metadata, ownerReferences: [] } }));
      stage.remove(POD, "web-1");
      expect((await step.undo(kept)).kind).toBe("nothing");
      expect(policyOf(stage)).toBeNull();
    });

    test("before it was executed, a policy of a run that died is taken away and the pod is as it is", async () => {
      const stage = new TrafficStage();
      const step = stage.action(QUARANTINE);
      const { kept } = await step.ready();
      stage.meanwhile = (verb) => {
        if (verb === "patch") throw new Error("the process dies");
      };
      await expect(step.execute(kept)).rejects.toThrow("dies");
      stage.meanwhile = () => undefined;
      expect((await step.undo(kept)).kind).toBe("undone");
      expect(policyOf(stage)).toBeNull();
      expect(stage.pod.labels).toEqual(LABELS);
    });
  });

  describe("its end", () => {
    test("is after 24 h unless said otherwise, and deletes or asks: it never gives the pod back", () => {
      const { expiry = expect.fail("it does not expire") } = quarantine;
      const plan = (params: Params) => new TrafficStage().action(QUARANTINE, params).plan;
      expect(expiry.afterMs(plan({}))).toBe(24 * 3_600_000);
      expect(expiry.afterMs(plan({ expires_after: "30m" }))).toBe(1_800_000);
      expect(typeof expiry.by === "function" && [expiry.by(plan({})), expiry.by(plan({ on_expiry: "ask" }))]).toEqual(["end", "ask"]);
    });

    test("deletes the pod with its uid while it stays cut off, and then the policy", async () => {
      const stage = new TrafficStage();
      const step = stage.action(QUARANTINE);
      const { kept } = await step.done();
      expect(await step.end(kept)).toMatchObject({ kind: "requested" });
      expect(policyOf(stage)).not.toBeNull();
      expect(await step.end(kept)).toMatchObject({ kind: "requested" });
      expect(stage.writes.filter((write) => write === "delete /pods")).toHaveLength(1);
      stage.change(NETWORK_POLICY, POLICY, ({ metadata }) => ({ metadata: { ...metadata, ownerReferences: [] } }));
      stage.remove(POD, "web-1");
      expect(await step.end(kept)).toMatchObject({ kind: "undone" });
      expect(await step.end(kept)).toMatchObject({ kind: "nothing" });
      expect(policyOf(stage)).toBeNull();
    });

    test("spares a pod that somebody released meanwhile, and a successor of its name", async () => {
      const stage = new TrafficStage();
      const step = stage.action(QUARANTINE);
      const { kept } = await step.done();
      stage.label(LABELS);
      expect(await step.end(kept)).toMatchObject({ kind: "changed", because: expect.stringContaining("released") });
      stage.edit(({ metadata }) => ({ metadata: { ...metadata, uid: "a-successor" } }));
      await step.end(kept);
      expect(stage.writes).not.toContain("delete /pods");
    });
  });

  test("it uses the rights that it declares, each of them, and no others", async () => {
    const used = new Set<string>();
    for (const plugin of ["antrea-agent", "cilium", "calico-node"]) {
      for (const kind of ["ReplicaSet", "DaemonSet", "Job"]) {
        const stage = new TrafficStage(plugin);
        stage.owned(kind);
        const step = stage.action(QUARANTINE);
        const { kept } = await step.done();
        letGo(stage);
        await step.verify(kept);
        await step.end(kept);
        stage.edit(({ metadata: { deletionTimestamp: _, ...metadata } }) => ({ metadata }));
        await step.undo(kept);
        for (const right of stage.rights) used.add(right);
      }
    }
    expect([...used].toSorted()).toEqual(declared(QUARANTINE));
  });

  test("the agents are looked for on the pod's own node", async () => {
    const stage = new TrafficStage(null);
    stage.agent("antrea-agent", { node: "node-2" });
    expect(await stage.action(QUARANTINE).refusal()).toContain(NODE_NAME);
  });
});
