import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { PodWorkload } from "#shared/domain/workload.ts";
import { calicoNetworkPolicy } from "#shared/playbooks/kubernetes/calico-network-policy.ts";
import { ciliumNetworkPolicy } from "#shared/playbooks/kubernetes/cilium-network-policy.ts";
import { podFacts } from "#shared/playbooks/kubernetes/facts.ts";
import { podNow } from "#shared/playbooks/kubernetes/guarded.ts";
import { CALICO_NETWORK_POLICY, CILIUM_NETWORK_POLICY, CRON_JOB, NETWORK_POLICY } from "#shared/playbooks/kubernetes/kinds.ts";
import { networkPolicy } from "#shared/playbooks/kubernetes/network-policy.ts";
import { quarantine } from "#shared/playbooks/kubernetes/quarantine.ts";
import type { Kept, Params, Playbook } from "#shared/playbooks/playbook.ts";
import { NODES, signal, TrafficWorld } from "./traffic-world.ts";

/** On a real API server with its real controllers. What only a network plugin shows, that traffic is cut, stands in docs/not-shown.md. */
const file = process.env["FALCO_RESPONDER_TEST_KUBE"];
const PLAYBOOKS = [quarantine, networkPolicy, calicoNetworkPolicy, ciliumNetworkPolicy];

describe.skipIf(file === undefined)("with FALCO_RESPONDER_TEST_KUBE naming a control plane", () => {
  const world = new TrafficWorld(file ?? "");
  beforeAll(() => world.open());
  afterAll(() => world.close());

  const labelsOf = async (pod: PodWorkload) => (await world.pods()).find(({ uid }) => uid === pod.uid)?.labels;
  const siblings = async (pod: PodWorkload) =>
    (await world.pods()).filter((one) => one.labels["app"] === pod.labels["app"] && one.uid !== pod.uid);

  async function acted(playbook: Playbook, pod: PodWorkload, params: Params = {}) {
    const step = await world.action(playbook, pod, params);
    const prepared = await step.prepare();
    if (prepared.kind !== "ready") throw new Error(prepared.because);
    const before = await labelsOf(pod);
    expect(await labelsOf(pod)).toEqual(before);
    const executed = await step.execute(prepared.kept);
    expect(executed).toMatchObject({ kind: "accepted" });
    const kept: Kept = executed.kept ?? prepared.kept;
    await world.until("it is verified", async () => (await step.verify(kept)).kind === "done");
    return { step, kept, remarks: prepared.remarks };
  }

  async function objection(playbook: Playbook, pod: PodWorkload, params: Params = {}): Promise<string> {
    const prepared = await (await world.action(playbook, pod, params)).prepare();
    if (prepared.kind !== "refused") throw new Error(`not refused: ${prepared.kind}`);
    expect(await labelsOf(pod)).toEqual(pod.labels);
    return prepared.because;
  }

  describe("kubernetes:quarantine", () => {
    test.each(["Deployment", "ReplicaSet", "DaemonSet", "Job"])(
      "of a %s's pod: let go, replaced, given back and taken back",
      async (kind) => {
        const pod = await world.owned(kind, `q-${kind.toLowerCase()}`, NODES.antrea, {}, kind === "DaemonSet" ? {} : { replicas: 1 });
        const { step, kept, remarks } = await acted(quarantine, pod);
        expect(remarks.join(" ")).toMatch(/lets the pod go/);
        const [replacement] = await world.until("the replacement", async () => {
          const all = await siblings(pod);
          return all.length > 0 && all.every(({ ready }) => ready) ? all : null;
        });
        expect(replacement?.name).not.toBe(pod.name);
        expect(await labelsOf(pod)).toEqual({ "falco-responder.io/quarantine": pod.uid });
        expect((await step.prepare()).kind).toBe("nothing");
        expect(await step.undo(kept)).toMatchObject({ kind: "undone" });
        expect(await step.undo(kept)).toMatchObject({ kind: expect.stringMatching(/nothing|undone/) });
        expect(await world.admin.get(NETWORK_POLICY, world.namespace, `falco-responder-quarantine-${pod.uid}`, signal)).toBeNull();
        await world.until("one of the two is ended or owned", async () => {
          const all = (await world.pods()).filter((one) => one.labels["app"] === pod.labels["app"] && one.deletionTimestamp === null);
          return all.length === 1 && all[0]?.controller !== null;
        });
      },
    );

    test("of a CronJob's pod: its Job runs again", async () => {
      const template = {
        spec: { template: { spec: { restartPolicy: "Never", containers: [{ name: "app", image: "registry.test/web:1" }] } } },
      };
      const metadata = { name: "q-nightly", namespace: world.namespace };
      const spec = { schedule: "0 0 1 1 *", suspend: true, jobTemplate: template };
      await world.apply({ apiVersion: "batch/v1", kind: "CronJob", metadata, ...{ spec } });
      const cron = await world.admin.get(CRON_JOB, world.namespace, "q-nightly", signal);
      const owner = { apiVersion: "batch/v1", kind: "CronJob", name: "q-nightly", uid: cron?.metadata.uid, controller: true };
      const pod = await world.owned("Job", "q-nightly-1", NODES.antrea, {}, {}, { ownerReferences: [owner] });
      expect(pod.owner?.kind).toBe("CronJob");
      const { remarks } = await acted(quarantine, pod);
      expect(remarks.join(" ")).toMatch(/Job q-nightly-1 .* runs its work again/);
    });

    test("of a DaemonSet's pod that holds a host port: refused; the twin without one is let go", async () => {
      const container = { name: "app", image: "registry.test/web:1" };
      const ports = [{ containerPort: 80, hostPort: 8080 }];
      const pod = await world.owned("DaemonSet", "q-port", NODES.antrea, { containers: [{ ...container, ports }] });
      expect(await objection(quarantine, pod)).toMatch(/same node, where this pod holds the host port.*next best/);
      const twin = await world.owned("DaemonSet", "q-portless", NODES.antrea, { containers: [container] });
      await acted(quarantine, twin);
    });

    test("an admission policy that keeps labels: refused before anything is made; the twin after it is gone acts", async () => {
      const pod = await world.standalone("q-kept", NODES.antrea);
      const name = `keep-app-${world.namespace}`;
      const rules = [{ apiGroups: [""], apiVersions: ["v1"], operations: ["UPDATE"], resources: ["pods"] }];
      const matchConstraints = {
        resourceRules: rules,
        namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": world.namespace } },
      };
      const validations = [{ expression: "object.metadata.name != 'q-kept' || 'app' in object.metadata.labels", message: "app stays" }];
      const group = { apiVersion: "admissionregistration.k8s.io/v1", metadata: { name } };
      await world.apply(
        { ...group, kind: "ValidatingAdmissionPolicy", ...{ spec: { failurePolicy: "Fail", matchConstraints, validations } } },
        { ...group, kind: "ValidatingAdmissionPolicyBinding", ...{ spec: { policyName: name, validationActions: ["Deny"] } } },
      );
      const step = await world.action(quarantine, pod);
      const refusal = await world.until("it is in force", async () => {
        const prepared = await step.prepare();
        return prepared.kind === "refused" ? prepared.because : null;
      });
      expect(refusal).toMatch(/would not let its labels be taken: .*app stays.*next best/);
      expect(await world.admin.get(NETWORK_POLICY, world.namespace, `falco-responder-quarantine-${pod.uid}`, signal)).toBeNull();
      for (const resource of ["validatingadmissionpolicybindings", "validatingadmissionpolicies"]) {
        const kind = { group: "admissionregistration.k8s.io", version: "v1", resource, kind: resource, namespaced: false };
        const found = await world.admin.get(kind, null, name, signal);
        await world.admin.delete(kind, { namespace: null, name, uid: found?.metadata.uid ?? "" }, {}, signal);
      }
      await world.until("it is gone", async () => (await step.prepare()).kind === "ready");
      await acted(quarantine, pod);
    });

    test("of a StatefulSet's pod: refused, for its successor could not come", async () => {
      const pod = await world.owned("StatefulSet", "q-sts", NODES.antrea, {}, { replicas: 1, serviceName: "q-sts" });
      expect(await objection(quarantine, pod)).toMatch(/same name.*next best: kubernetes:terminate/);
    });

    test("of a pod that nobody made, and at its end it is deleted, and its policy", async () => {
      const pod = await world.standalone("q-alone", NODES.antrea);
      const { step, kept } = await acted(quarantine, pod);
      await world.until("it ended", async () => (await step.end(kept)).kind !== "requested");
      expect(await podNow(pod, world.admin, signal)).toBeNull();
      expect(await world.admin.get(NETWORK_POLICY, world.namespace, `falco-responder-quarantine-${pod.uid}`, signal)).toBeNull();
    });

    test("its policy goes with a pod that somebody deletes", async () => {
      const pod = await world.standalone("q-deleted", NODES.antrea);
      const { step, kept } = await acted(quarantine, pod);
      await world.admin.delete({ ...NETWORK_POLICY, group: "", resource: "pods", kind: "Pod" }, pod, { graceSeconds: 1 }, signal);
      await world.until(
        "the garbage collector",
        async () => (await world.admin.get(NETWORK_POLICY, world.namespace, `falco-responder-quarantine-${pod.uid}`, signal)) === null,
      );
      expect(await step.undo(kept)).toMatchObject({ kind: "nothing" });
      expect(await step.verify(kept)).toMatchObject({ kind: "done" });
    });

    test("leaves the EndpointSlices of its Service", async () => {
      const spec = { selector: { app: "q-served" }, ports: [{ port: 80 }] };
      await world.apply({ apiVersion: "v1", kind: "Service", metadata: { name: "q-served", namespace: world.namespace }, ...{ spec } });
      const pod = await world.owned("Deployment", "q-served", NODES.antrea, {}, { replicas: 1 });
      const slices = { group: "discovery.k8s.io", version: "v1", resource: "endpointslices", kind: "EndpointSlice", namespaced: true };
      const named = async () => JSON.stringify(await world.admin.list(slices, { namespace: world.namespace }, signal)).includes(pod.uid);
      await world.until("it is served", named);
      await acted(quarantine, pod);
      expect(await named()).toBe(false);
    });

    test("with Cilium by a deny of Cilium, with Calico by one of Calico", async () => {
      const a = await world.standalone("q-cilium", NODES.cilium);
      const b = await world.standalone("q-calico", NODES.calico);
      const byCilium = await acted(quarantine, a);
      const byCalico = await acted(quarantine, b);
      expect(await world.admin.get(CILIUM_NETWORK_POLICY, world.namespace, `falco-responder-quarantine-${a.uid}`, signal)).not.toBeNull();
      expect(
        await world.admin.get(CALICO_NETWORK_POLICY, world.namespace, `default.falco-responder-quarantine-${b.uid}`, signal),
      ).not.toBeNull();
      for (const { step, kept } of [byCilium, byCalico]) expect(await step.undo(kept)).toMatchObject({ kind: "undone" });
      expect(await labelsOf(a)).toEqual(a.labels);
      expect(await labelsOf(b)).toEqual(b.labels);
    });

    test("on a node where nothing shows that policies are enforced: refused, and done where the policy says so", async () => {
      const pod = await world.standalone("q-none", NODES.none);
      expect(await objection(quarantine, pod)).toMatch(/no agent that enforces network policies is seen on node net-none/);
      const { remarks } = await acted(quarantine, pod, { unproven: "allow" });
      expect(remarks.join(" ")).toContain("UNPROVEN");
    });

    test("on the AWS VPC CNI: refused, and done with a warning where the policy says so", async () => {
      const pod = await world.standalone("q-vpc", NODES.vpc);
      expect(await objection(quarantine, pod)).toMatch(/would cut healthy siblings.*next best: kubernetes:terminate/);
      const { remarks } = await acted(quarantine, pod, { on_vpc_cni: "warn" });
      expect(remarks.join(" ")).toMatch(/siblings of this pod there may be cut/);
    });

    test("a policy that selects every pod and allows something: refused by name; the twin that allows nothing is no obstacle", async () => {
      const pod = await world.standalone("q-leak", NODES.antrea);
      const open = (egress: readonly object[]) => ({ podSelector: {}, policyTypes: ["Egress"], egress });
      const named = (spec: object) => ({
        apiVersion: "networking.k8s.io/v1",
        kind: "NetworkPolicy",
        metadata: { name: "everybody", namespace: world.namespace },
        ...{ spec },
      });
      await world.apply(named(open([{ ports: [{ protocol: "UDP", port: 53 }] }])));
      expect(await objection(quarantine, pod)).toMatch(/NetworkPolicy everybody still selects/);
      await world.apply(named(open([])));
      await acted(quarantine, pod);
      const found = await world.admin.get(NETWORK_POLICY, world.namespace, "everybody", signal);
      await world.admin.delete(
        NETWORK_POLICY,
        { namespace: world.namespace, name: "everybody", uid: found?.metadata.uid ?? "" },
        {},
        signal,
      );
    });
  });

  test("kubernetes:networkpolicy holds one pod to a list and leaves its labels, its owner and its Service", async () => {
    const pod = await world.owned("StatefulSet", "n-sts", NODES.antrea, {}, { replicas: 1, serviceName: "n-sts" });
    const { step, kept } = await acted(networkPolicy, pod, {
      allow_cidr: ["10.0.0.0/8", "fd00::/8"],
      allow_namespaces: ["shop"],
      allow_dns: true,
    });
    expect(await labelsOf(pod)).toEqual({ ...pod.labels, "falco-responder.io/restricted": pod.uid });
    expect((await step.prepare()).kind).toBe("nothing");
    expect(await step.undo(kept)).toMatchObject({ kind: "undone" });
    expect(await step.undo(kept)).toMatchObject({ kind: "nothing" });
    expect(await labelsOf(pod)).toEqual(pod.labels);
    expect(podFacts((await podNow(pod, world.admin, signal)) ?? expect.fail("gone")).controller?.kind).toBe("StatefulSet");
  });

  test.each([
    ["calico", calicoNetworkPolicy, NODES.calico],
    ["cilium", ciliumNetworkPolicy, NODES.cilium],
  ] as const)("%s:networkpolicy lists the addresses of one pod, each once, and goes with the last", async (by, playbook, on) => {
    const pod = await world.owned("Deployment", `r-${by}`, on, {}, { replicas: 1 });
    const first = await acted(playbook, pod, { remote: "203.0.113.9" });
    const second = await acted(playbook, pod, { remote: "2001:db8::9" });
    expect((await first.step.execute(first.kept)).kind).toBe("accepted");
    expect((await second.step.prepare()).kind).toBe("nothing");
    const [policy] =
      (await world.admin.list(by === "calico" ? CALICO_NETWORK_POLICY : CILIUM_NETWORK_POLICY, { namespace: world.namespace }, signal)) ??
      [];
    expect(JSON.stringify(policy?.spec).match(/203\.0\.113\.9\/32/g)).toHaveLength(2);
    expect(JSON.stringify(policy?.spec).match(/2001:db8::9\/128/g)).toHaveLength(2);
    expect(await first.step.undo(first.kept)).toMatchObject({ kind: "undone" });
    expect(await labelsOf(pod)).not.toEqual(pod.labels);
    expect(await second.step.undo(second.kept)).toMatchObject({ kind: "undone" });
    expect(await second.step.undo(second.kept)).toMatchObject({ kind: "nothing" });
    expect(await labelsOf(pod)).toEqual(pod.labels);
  });

  test.each([
    ["calico", calicoNetworkPolicy, NODES.calico],
    ["cilium", ciliumNetworkPolicy, NODES.cilium],
  ] as const)("%s:networkpolicy denies neither the API server nor a node", async (by, playbook, on) => {
    const pod = await world.standalone(`r-own-${by}`, on);
    const services = { group: "", version: "v1", resource: "services", kind: "Service", namespaced: true };
    const kubernetes = await world.admin.get(services, "default", "kubernetes", signal);
    expect(await objection(playbook, pod, { remote: String(kubernetes?.spec?.["clusterIP"]) })).toMatch(/API server/);
    const node = { ...services, resource: "nodes", kind: "Node", namespaced: false };
    const addresses = [{ type: "InternalIP", address: "203.0.113.77" }];
    const at = { namespace: null, name: on };
    await world.admin.patch(node, at, [{ op: "add", path: "/status/addresses", value: addresses }], { subresource: "status" }, signal);
    expect(await objection(playbook, pod, { remote: "203.0.113.77" })).toMatch(/is node /);
  });

  test("kubernetes:networkpolicy looks at the policies of Cilium and Calico too: one that allows more is refused", async () => {
    const onCilium = await world.standalone("n-cilium", NODES.cilium);
    const onCalico = await world.standalone("n-calico", NODES.calico);
    const metadata = { name: "open", namespace: world.namespace };
    const cilium = { endpointSelector: { matchLabels: { app: "n-cilium" } }, egress: [{ toEntities: ["world"] }] };
    const calico = { selector: "app == 'n-calico'", types: ["Egress"], egress: [{ action: "Allow" }] };
    await world.apply(
      { apiVersion: "cilium.io/v2", kind: "CiliumNetworkPolicy", metadata, ...{ spec: cilium } },
      { apiVersion: "crd.projectcalico.org/v1", kind: "NetworkPolicy", metadata, ...{ spec: calico } },
    );
    expect(await objection(networkPolicy, onCilium)).toMatch(/CiliumNetworkPolicy open selects the pod and allows/);
    expect(await objection(networkPolicy, onCalico)).toMatch(/Calico NetworkPolicy open selects the pod and allows/);
    for (const name of ["n-cilium-2", "n-calico-2"]) {
      const twin = await world.standalone(name, name === "n-cilium-2" ? NODES.cilium : NODES.calico);
      await acted(networkPolicy, twin);
    }
  });

  test.each([
    ["calico", calicoNetworkPolicy, NODES.cilium, "Cilium"],
    ["cilium", ciliumNetworkPolicy, NODES.calico, "Calico"],
  ] as const)("%s:networkpolicy is refused where another enforces", async (by, playbook, on, other) => {
    const pod = await world.standalone(`r-other-${by}`, on);
    expect(await objection(playbook, pod, { remote: "203.0.113.9" })).toContain(`${other} enforces network policies there`);
  });

  test("every declared right was used, and no other was needed", () => {
    for (const { name, needs } of PLAYBOOKS) {
      const declared = needs.rbac.flatMap(({ apiGroups, resources, verbs }) =>
        apiGroups.flatMap((group) => resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}/${resource}`))),
      );
      expect([...(world.used.get(name) ?? [])].toSorted(), name).toEqual([...new Set(declared)].toSorted());
    }
  });
});
