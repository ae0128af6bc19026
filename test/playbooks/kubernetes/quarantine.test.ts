import { describe, expect, test } from "vitest";
import { ENDPOINT_SLICE, NETWORK_POLICY, POD } from "#shared/playbooks/kubernetes/kinds.ts";
import type { Params } from "#shared/playbooks/playbook.ts";
import type { Kind } from "#shared/ports/kubernetes.ts";
import { because, declared, LABELS, NAMESPACE, OCCASION, TrafficStage, UID } from "./traffic-stage.ts";

const QUARANTINE = "kubernetes:quarantine";
const MARK = "falco-responder.io/quarantine";
const POLICY = `falco-responder-quarantine-${UID}`;

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
      stage.policy(POLICY, { podSelector: { matchLabels: { [MARK]: UID } }, policyTypes: ["Ingress", "Egress"] });
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
});
