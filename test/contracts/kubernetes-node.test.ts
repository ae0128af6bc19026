import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { PodWorkload } from "#shared/domain/workload.ts";
import { annotation } from "#shared/playbooks/kubernetes/annotation.ts";
import { cordon } from "#shared/playbooks/kubernetes/cordon.ts";
import { drain } from "#shared/playbooks/kubernetes/drain.ts";
import { podEvidence, podEvidenceNeeds } from "#shared/playbooks/kubernetes/evidence.ts";
import { podFacts } from "#shared/playbooks/kubernetes/facts.ts";
import { NODE, POD } from "#shared/playbooks/kubernetes/kinds.ts";
import { label } from "#shared/playbooks/kubernetes/label.ts";
import { keepLog } from "#shared/playbooks/kubernetes/log.ts";
import { nodeFacts } from "#shared/playbooks/kubernetes/node.ts";
import type { Kept, Params, Playbook } from "#shared/playbooks/playbook.ts";
import { signal, TrafficWorld } from "./traffic-world.ts";

/** On a real API server with its real controllers. Logs need a kubelet: what they show stands in docs/not-shown.md. */
const file = process.env["FALCO_RESPONDER_TEST_KUBE"];
const PLAYBOOKS = [cordon, drain, label, annotation, keepLog];
const NODE_NAME = "node-playbooks";

describe.skipIf(file === undefined)("with FALCO_RESPONDER_TEST_KUBE naming a control plane", () => {
  const world = new TrafficWorld(file ?? "", "node", [NODE_NAME]);
  beforeAll(() => world.open());
  afterAll(() => world.close());

  const nodeNow = async () => {
    const found = await world.admin.get(NODE, null, NODE_NAME, signal);
    if (found === null) throw new Error("the node is gone");
    return nodeFacts(found);
  };
  const podNow = async ({ name }: PodWorkload) => {
    const found = await world.admin.get(POD, world.namespace, name, signal);
    if (found === null) throw new Error("the pod is gone");
    return podFacts(found);
  };
  const web = (name: string, replicas = 2) => world.owned("Deployment", name, NODE_NAME, {}, { replicas });
  const budget = (name: string, maxUnavailable: number) =>
    world.apply({
      apiVersion: "policy/v1",
      kind: "PodDisruptionBudget",
      metadata: { name, namespace: world.namespace },
      spec: { maxUnavailable, selector: { matchLabels: { app: name } } },
    } as never);
  const end = async (name: string) => {
    for (const pod of await world.pods())
      if (pod.labels["app"] === name) await world.admin.delete(POD, { ...pod, namespace: world.namespace }, { graceSeconds: 1 }, signal);
  };

  async function acted(playbook: Playbook, pod: PodWorkload, params: Params = {}) {
    const step = await world.action(playbook, pod, params);
    const prepared = await step.prepare();
    if (prepared.kind !== "ready") throw new Error(prepared.because);
    const executed = await step.execute(prepared.kept);
    expect(executed).toMatchObject({ kind: "accepted" });
    const kept: Kept = executed.kept ?? prepared.kept;
    await world.until("it is verified", async () => (await step.verify(kept)).kind === "done");
    return { step, kept, remarks: prepared.remarks };
  }

  test("kubernetes:cordon keeps the scheduler from the node, and gives the node back exactly as it was", async () => {
    const pod = await web("cordoned", 1);
    const before = await nodeNow();
    const { step, kept } = await acted(cordon, pod);
    expect(await nodeNow()).toMatchObject({
      unschedulable: true,
      annotations: { "falco-responder.io/cordoned": "1f0c2d3e4a5b6c7d", "karpenter.sh/do-not-disrupt": "true" },
    });
    // The test's pods tolerate the taint of their node, so the scheduler's own look at unschedulable is what keeps them off.
    await world.apply({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "late", namespace: world.namespace },
      spec: {
        nodeSelector: { "falco-responder-test": NODE_NAME },
        tolerations: [{ key: "falco-responder-test", operator: "Exists" }],
        containers: [{ name: "app", image: "registry.test/web:1" }],
      },
    } as never);
    await world.until("the scheduler has judged it", async () => {
      const late = await world.admin.get(POD, world.namespace, "late", signal);
      return JSON.stringify(late?.status ?? {}).includes("Unschedulable");
    });
    expect(await step.undo(kept)).toMatchObject({ kind: "undone" });
    const after = await nodeNow();
    expect({ ...after, taints: after.taints.filter(({ key }) => key !== "node.kubernetes.io/unschedulable") }).toEqual(before);
    expect((await step.undo(kept)).kind).toBe("nothing");
    await world.until(
      "it is placed now",
      async () => podFacts((await world.admin.get(POD, world.namespace, "late", signal)) as never).node,
    );
    await end("cordoned");
  });

  test.each<[Playbook, "labels" | "annotations"]>([
    [label, "labels"],
    [annotation, "annotations"],
  ])("$name marks pod and node, and takes back what it made", async (playbook, map) => {
    const pod = await web(`marked-${map}`, 1);
    for (const level of ["pod", "node"]) {
      const now = async () => (level === "pod" ? (await podNow(pod))[map] : (await nodeNow())[map]);
      const before = await now();
      const { step, kept } = await acted(playbook, pod, { level, [map]: { "shop.example/suspect": "yes" } });
      expect(await now()).toEqual({ ...before, "shop.example/suspect": "yes" });
      expect(await step.undo(kept)).toMatchObject({ kind: "undone" });
      expect(await now()).toEqual(before);
    }
    const { step, kept } = await acted(playbook, pod);
    expect((await podNow(pod))[map]["falco-responder.io/incident"]).toBe("1f0c2d3e4a5b6c7d");
    expect((await podNow(pod)).controller?.kind).toBe("ReplicaSet");
    await step.undo(kept);
  });

  test.each([
    ["Deployment", "app"],
    ["StatefulSet", "app"],
    ["DaemonSet", "app"],
  ])("a label that a pod's %s selects by is refused, and the pod keeps its controller", async (kind, key) => {
    const pod = await world.owned(kind, `selected-${kind.toLowerCase()}`, NODE_NAME);
    const prepared = await (await world.action(label, pod, { labels: { [key]: "x" } })).prepare();
    expect(prepared).toMatchObject({ kind: "refused", because: expect.stringContaining("would be released") });
    const twin = await (await world.action(label, pod, { labels: { suspect: "x" } })).prepare();
    expect(twin.kind).toBe("ready");
  });

  test("a Job's pod is marked by what its controller does not select by", async () => {
    const pod = await world.owned("Job", "selected-job", NODE_NAME);
    await acted(label, pod, { labels: { suspect: "yes" } });
    expect((await podNow(pod)).controller?.kind).toBe("Job");
  });

  test("what the server refuses is refused before anything is done", async () => {
    const pod = await web("refused", 1);
    const step = await world.action(annotation, pod, {
      annotations: Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`k${n}`, "x".repeat(8_192)])),
    });
    await acted(annotation, pod, { annotations: Object.fromEntries(Array.from({ length: 12 }, (_, n) => [`a${n}`, "x".repeat(8_192)])) });
    expect(await step.prepare()).toMatchObject({ kind: "refused", because: expect.stringContaining("262144") });
  });

  test("kubernetes:drain waits for a budget, never forces, and is done when only exempt pods are left", async () => {
    for (const pod of await world.pods()) if (pod.controller === null) await end(pod.labels["app"] ?? "");
    const pod = await web("drained", 2);
    await world.until(
      "both run",
      async () => (await world.pods()).filter((one) => one.labels["app"] === "drained" && one.ready).length === 2,
    );
    await world.owned("DaemonSet", "stays-daemon", NODE_NAME, { tolerations: [{ operator: "Exists" }] });
    const alone = await world.standalone("stays-alone", NODE_NAME);
    await budget("drained", 0);
    await world.until("the budget is counted", async () => {
      const prepared = await (await world.action(drain, pod)).prepare();
      return prepared.kind === "ready" && prepared.remarks.some((remark) => remark.includes(`budget ${world.namespace}/drained`));
    });
    const step = await world.action(drain, pod, { ignore_errors: true });
    const prepared = await step.prepare();
    if (prepared.kind !== "ready") throw new Error(prepared.because);
    await expect(step.execute(prepared.kept)).rejects.toMatchObject({
      code: "not_yet",
      message: expect.stringContaining("disruption budgets"),
    });
    expect(await step.verify(prepared.kept)).toMatchObject({
      kind: "pending",
      begun: false,
      partly: true,
      because: expect.stringContaining("/drained"),
    });
    expect((await podNow(pod)).deletionTimestamp).toBeNull();

    await budget("drained", 2);
    const executed = await world.until("the budget lets them go", async () => {
      try {
        return await step.execute(prepared.kept);
      } catch {
        return null;
      }
    });
    expect(executed.kind).toBe("accepted");
    await world.until("only those that stay are left", async () => (await step.verify(executed.kept ?? prepared.kept)).kind === "done");
    const there = (await world.pods()).filter(({ node, phase }) => node === NODE_NAME && phase === "Running").map(({ name }) => name);
    expect(there).toContain(alone.name);
    expect(there.some((name) => name.startsWith("stays-daemon"))).toBe(true);
    expect(there.filter((name) => name.startsWith("drained"))).toEqual([]);
    expect(await step.undo(prepared.kept)).toMatchObject({ kind: "undone" });
    expect((await nodeNow()).unschedulable).toBe(false);
  });

  test("the evidence of a pod has its owners, its node, its events and no secret; the missing kubelet is said", async () => {
    const pod = await world.owned("Deployment", "evident", NODE_NAME, {
      containers: [
        { name: "app", image: "registry.test/web:1", args: ["--token", "Hunter2Hunter2x"], env: [{ name: "A", value: "Hunter2Hunter2x" }] },
      ],
    });
    const reach = await world.reach({ ...keepLog, name: "kubernetes:quarantine", needs: podEvidenceNeeds });
    const kept = await podEvidence(pod, reach, signal, AbortSignal.timeout(10_000));
    expect(kept).toMatchObject({
      pod: { metadata: { uid: pod.uid } },
      node: { metadata: { name: NODE_NAME } },
      owners: [{ kind: "ReplicaSet" }, { kind: "Deployment", metadata: { name: "evident" } }],
      serviceAccount: "default",
      networkPolicies: [],
    });
    expect(kept.events.map(({ reason }) => reason)).toContain("Scheduled");
    expect(JSON.stringify(kept)).not.toContain("Hunter2");
    expect(kept.missing).toEqual([expect.stringMatching(/^log of app: /)]);
    await expect((await world.action(keepLog, pod)).execute({})).rejects.toMatchObject({ name: "PipelineError" });
  });

  test("what was used on the real server is what is declared", () => {
    const declared = (playbook: Playbook) =>
      playbook.needs.rbac.flatMap(({ apiGroups, resources, verbs }) =>
        apiGroups.flatMap((group) => resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}/${resource}`))),
      );
    for (const playbook of PLAYBOOKS)
      expect(
        [...(world.used.get(playbook.name) ?? [])].filter((right) => !declared(playbook).includes(right)),
        playbook.name,
      ).toEqual([]);
  });
});
