import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ObjectWorkload } from "#shared/domain/workload.ts";
import { deleteObject } from "#shared/playbooks/kubernetes/delete.ts";
import { evict } from "#shared/playbooks/kubernetes/evict.ts";
import {
  CLUSTER_ROLE_BINDING,
  CONFIG_MAP,
  CRON_JOB,
  DEPLOYMENT,
  JOB,
  POD,
  POD_DISRUPTION_BUDGET,
  REPLICA_SET,
  SECRET,
  SERVICE_ACCOUNT,
  STATEFUL_SET,
} from "#shared/playbooks/kubernetes/kinds.ts";
import { apiVersionOf } from "#shared/playbooks/kubernetes/resolve-object.ts";
import { revokeTokens } from "#shared/playbooks/kubernetes/revoke-tokens.ts";
import { scaleToZero } from "#shared/playbooks/kubernetes/scale-to-zero.ts";
import { suspend } from "#shared/playbooks/kubernetes/suspend.ts";
import { terminate } from "#shared/playbooks/kubernetes/terminate.ts";
import type { Kind } from "#shared/ports/kubernetes.ts";
import { StopWorld, signal } from "./stop-world.ts";

/** On a real API server with its real controllers, each playbook with the rights that it declares and no others. */
const file = process.env["FALCO_RESPONDER_TEST_KUBE"];

describe.skipIf(file === undefined)("with FALCO_RESPONDER_TEST_KUBE naming a control plane", () => {
  const world = new StopWorld(file ?? "");
  beforeAll(() => world.open());
  afterAll(() => world.close());

  const see = (kind: Kind, name: string) => world.admin.get(kind, world.namespace, name, signal);
  const specOf = async (kind: Kind, name: string) => (await see(kind, name))?.spec ?? {};

  async function objectOf(kind: Kind, name: string): Promise<ObjectWorkload> {
    const namespace = kind.namespaced ? world.namespace : null;
    const found = await world.until(`${kind.kind} ${name}`, () => world.admin.get(kind, namespace, name, signal));
    const { uid } = found.metadata;
    const what = { apiVersion: apiVersionOf(kind), resource: kind.resource, namespace, name, uid };
    return { kind: "object", cluster: "test", owner: null, container: null, labels: {}, annotations: {}, deleting: false, ...what };
  }

  describe("the end of a pod", () => {
    test("healthy replicas are those that the controllers show, of a Deployment through its ReplicaSet", async () => {
      const pod = await world.pod("Deployment", "healthy");
      const asked = async (floor: string) => await (await world.action(terminate, pod, { min_healthy_replicas: floor })).prepare();
      expect(await asked("2")).toMatchObject({ kind: "refused", because: expect.stringContaining("1 healthy pod of Deployment healthy") });
      expect(await asked("51%")).toMatchObject({ kind: "refused", because: expect.stringContaining("51% of 2 wanted, which is 2") });
      expect((await asked("50%")).kind).toBe("ready");
      const { remarks } = await (await world.action(terminate, pod, { min_healthy_replicas: "1" })).done();
      expect(remarks).toMatch(/ReplicaSet healthy-\w+ starts another/);
    });

    test.each(["DaemonSet", "Job", "StatefulSet"] as const)("%s: what it wants is known", async (owner) => {
      const name = `floor-${owner.toLowerCase()}`;
      const pod = await world.pod(owner, name);
      const [wanted, others] = owner === "StatefulSet" ? [2, 1] : [1, 0];
      const step = await world.action(terminate, pod, { min_healthy_replicas: "100%" });
      await world.until("its status tells", async () => /of \d/.test(JSON.stringify(await step.prepare())));
      expect(await step.prepare()).toMatchObject({
        because: expect.stringMatching(new RegExp(`100% of ${wanted} wanted, which is ${wanted}, and ${others} healthy pod`)),
      });
    });

    test("a budget that allows none stops an eviction by its name, two of them too; a delete is not asked", async () => {
      const pod = await world.pod("Deployment", "budgeted");
      const budget = (name: string, minAvailable: number) => ({
        apiVersion: "policy/v1",
        kind: "PodDisruptionBudget",
        metadata: { name, namespace: world.namespace },
        spec: { minAvailable, selector: { matchLabels: { app: "budgeted" } } },
      });
      await world.apply(budget("strict", 2));
      await world.until("the budget is counted", async () => (await see(POD_DISRUPTION_BUDGET, "strict"))?.status?.["expectedPods"] === 2);
      const step = await world.action(evict, pod);
      expect(await step.prepare()).toMatchObject({
        kind: "refused",
        because: expect.stringMatching(/disruption budget strict.*kubernetes:terminate/),
      });
      expect(await step.execute({})).toMatchObject({ kind: "conflict" });
      expect((await (await world.action(terminate, pod)).prepare()).kind).toBe("ready");
      await world.apply(budget("second", 1));
      await world.until("several are seen", async () => /more than one/.test(JSON.stringify(await step.prepare())));
      for (const name of ["strict", "second"]) {
        const { metadata } = (await see(POD_DISRUPTION_BUDGET, name)) ?? {};
        if (metadata) await world.admin.delete(POD_DISRUPTION_BUDGET, { namespace: world.namespace, name, uid: metadata.uid }, {}, signal);
      }
      await world.until("no budget", async () => (await step.prepare()).kind === "ready");
      await step.done();
    });

    test("a finalizer holds the object, and the receipt says so", async () => {
      const pod = await world.pod("standalone", "held");
      const at = { namespace: world.namespace, name: pod.name };
      await world.admin.patch(POD, at, [{ op: "add", path: "/metadata/finalizers", value: ["example.com/hold"] }], {}, signal);
      const step = await world.action(terminate, pod);
      const { kept, remarks } = await step.ready();
      expect(remarks.join(" ")).toContain("finalizers (example.com/hold)");
      await step.execute(kept);
      expect(await step.verify(kept)).toMatchObject({ kind: "pending", begun: true });
      await world.admin.patch(POD, at, [{ op: "remove", path: "/metadata/finalizers" }], {}, signal);
      await world.until("it is gone", async () => (await step.verify(kept)).kind === "done");
    });
  });

  test.each([
    ["Deployment", DEPLOYMENT],
    ["StatefulSet", STATEFUL_SET],
    ["ReplicaSet", REPLICA_SET],
  ] as const)("%s goes to zero and comes back to exactly what it was", async (owner, kind) => {
    const name = `zero-${owner.toLowerCase()}`;
    const pod = await world.pod(owner, name);
    const step = await world.action(scaleToZero, pod);
    const { kept, remarks } = await step.done();
    expect(remarks).toContain("(it wanted 2)");
    expect(await world.podsOf(name)).toEqual([]);
    expect((await specOf(kind, name))["replicas"]).toBe(0);
    expect(await step.undo(kept)).toMatchObject({ kind: "undone" });
    expect((await specOf(kind, name))["replicas"]).toBe(2);
    expect(await step.undo(kept)).toMatchObject({ kind: "nothing" });
    await world.until("they are back", async () => (await world.podsOf(name)).filter(({ ready }) => ready).length === 2);
    await world.admin.patch(kind, { namespace: world.namespace, name }, [{ op: "replace", path: "/spec/replicas", value: 3 }], {}, signal);
    expect(await step.undo(kept)).toMatchObject({ kind: "changed" });
  });

  test("a Job is suspended with its pod, and resumed", async () => {
    const pod = await world.pod("Job", "once");
    const step = await world.action(suspend, pod);
    const { kept } = await step.done();
    expect(await world.podsOf("once")).toEqual([]);
    expect(await step.undo(kept)).toMatchObject({ kind: "undone" });
    expect(await step.undo(kept)).toMatchObject({ kind: "nothing" });
    await world.until("it runs again", async () => (await world.podsOf("once")).some(({ ready }) => ready));
    expect((await see(JOB, "once"))?.metadata.annotations ?? {}).toEqual({});
  });

  test("a CronJob is suspended with the Job that the offender works for; each is resumed on its own", async () => {
    const pod = await world.pod("CronJob", "nightly");
    const step = await world.action(suspend, pod);
    const { kept, remarks } = await step.done();
    expect(remarks).toContain("Job nightly-1, for which the offender works, is suspended too");
    expect([(await specOf(CRON_JOB, "nightly"))["suspend"], (await specOf(JOB, "nightly-1"))["suspend"]]).toEqual([true, true]);
    const at = { namespace: world.namespace, name: "nightly" };
    await world.admin.patch(CRON_JOB, at, [{ op: "replace", path: "/spec/suspend", value: false }], {}, signal);
    expect(await step.undo(kept)).toMatchObject({ kind: "undone", because: expect.stringContaining("CronJob nightly is not suspended") });
    expect((await specOf(JOB, "nightly-1"))["suspend"]).toBe(false);
  });

  describe("an object is deleted", () => {
    test("a Deployment with its pods, a config map, a binding; another object of the name is not touched", async () => {
      await world.pod("Deployment", "doomed");
      const { remarks } = await (await world.action(deleteObject, await objectOf(DEPLOYMENT, "doomed"))).done();
      expect(remarks).toContain("2 pods of it go with it");
      await world.until("its pods are gone", async () => (await world.podsOf("doomed")).length === 0);
      const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "map", namespace: world.namespace } };
      await world.apply(map);
      const former = await objectOf(CONFIG_MAP, "map");
      await (await world.action(deleteObject, former)).done();
      await world.apply(map);
      const step = await world.action(deleteObject, former);
      expect((await step.prepare()).kind).toBe("nothing");
      expect((await step.execute({})).kind).toBe("conflict");
      expect(await see(CONFIG_MAP, "map")).not.toBeNull();
      const name = `${world.namespace}-grant`;
      const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "view" };
      await world.apply({
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "ClusterRoleBinding",
        metadata: { name },
        roleRef,
        subjects: [],
      });
      await (await world.action(deleteObject, await objectOf(CLUSTER_ROLE_BINDING, name))).done();
    });
  });

  describe("tokens are revoked", () => {
    test("bound and legacy ones work before, and get 401 after; new ones work, and the account is as it was", async () => {
      const pod = await world.pod("Deployment", "stolen");
      const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "stolen", namespace: world.namespace } };
      await world.apply({
        ...account,
        metadata: { ...account.metadata, labels: { team: "shop" } },
        imagePullSecrets: [{ name: "registry" }],
      });
      const annotations = { "kubernetes.io/service-account.name": "stolen" };
      const metadata = { name: "stolen-token", namespace: world.namespace, annotations };
      await world.apply({ apiVersion: "v1", kind: "Secret", type: "kubernetes.io/service-account-token", metadata });
      const legacy = await world.until("the legacy token", async () => {
        const { token } = ((await see(SECRET, "stolen-token"))?.["data"] ?? {}) as { readonly token?: string };
        return token === undefined ? null : Buffer.from(token, "base64").toString();
      });
      const bound = await world.tokenOf("stolen");
      expect([await world.whoAmI(bound), await world.whoAmI(legacy)]).toEqual([201, 201]);
      const former = await see(SERVICE_ACCOUNT, "stolen");
      const { kept, remarks } = await (await world.action(revokeTokens, pod)).done();
      expect(remarks).toMatch(/1 other pod runs as it \(ReplicaSet stolen-\w+\)/);
      await world.until(
        "both are refused",
        async () => (await world.whoAmI(bound)) === 401 && (await world.whoAmI(legacy)) === 401,
        30_000,
      );
      expect(await world.whoAmI(await world.tokenOf("stolen"))).toBe(201);
      const now = await see(SERVICE_ACCOUNT, "stolen");
      expect(now?.metadata.uid).not.toBe(former?.metadata.uid);
      expect(now).toMatchObject({ metadata: { labels: { team: "shop" } }, imagePullSecrets: [{ name: "registry" }] });
      await world.until("the legacy Secret is gone", async () => (await see(SECRET, "stolen-token")) === null);
      // After a crash between the two writes.
      const { uid } = now?.metadata ?? {};
      await world.admin.delete(SERVICE_ACCOUNT, { namespace: world.namespace, name: "stolen", uid: uid ?? "" }, {}, signal);
      const step = await world.action(revokeTokens, pod);
      expect(await step.verify(kept)).toMatchObject({ kind: "pending", partly: true });
      expect((await step.execute(kept)).kind).toBe("accepted");
      expect(await see(SERVICE_ACCOUNT, "stolen")).toMatchObject({ imagePullSecrets: [{ name: "registry" }] });
    });

    test("of the namespace's default account, which the control plane makes anew itself", async () => {
      const pod = { ...(await world.pod("standalone", "plain")), serviceAccount: "default" };
      const stolen = await world.tokenOf("default");
      expect(await world.whoAmI(stolen)).toBe(201);
      await (await world.action(revokeTokens, pod, { include_default: true })).done();
      await world.until("it is refused", async () => (await world.whoAmI(stolen)) === 401, 30_000);
    });
  });
});
