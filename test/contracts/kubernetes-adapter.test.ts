import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { CoreV1Api } from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kubernetesApi, openApi } from "#shared/adapters/kubernetes/api.ts";
import { kubeconfig } from "#shared/adapters/kubernetes/kubeconfig.ts";
import { secretReader } from "#shared/adapters/secrets.ts";
import { DAEMON_SET, DEPLOYMENT, NAMESPACE, NODE, POD, POD_DISRUPTION_BUDGET, SECRET } from "#shared/playbooks/kubernetes/kinds.ts";
import type { Json, Kind, KubeObject, KubernetesApi, NewObject } from "#shared/ports/kubernetes.ts";
import { kubeConfig } from "../../lab/lab.ts";
import { until } from "./cases.ts";

/** What a real API server truly answers where the documentation leaves it open. The same control plane as for the port's contract. */
const file = process.env["FALCO_RESPONDER_TEST_KUBE"];
const kind = (group: string, version: string, resource: string, name: string, namespaced = true): Kind => ({
  group,
  version,
  resource,
  kind: name,
  namespaced,
});
const CONFIG_MAP = kind("", "v1", "configmaps", "ConfigMap");
/** No matter what else is installed there. */
const UNSERVED = kind("unserved.example.com", "v1", "things", "Thing");
const QUOTA = kind("", "v1", "resourcequotas", "ResourceQuota");
const POLICY = kind("admissionregistration.k8s.io", "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy", false);
const BINDING = kind("admissionregistration.k8s.io", "v1", "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", false);
const WEBHOOK = kind("admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations", "ValidatingWebhookConfiguration", false);

const namespace = `kubernetes-adapter-${process.pid}`;
const { signal } = new AbortController();
const wait = () => sleep(200);
const clientOf = ({ server, caData }: { readonly server: string; readonly caData: string }, token: string) =>
  kubeConfig(server, caData, token).makeApiClient(CoreV1Api);

describe.skipIf(file === undefined)("with FALCO_RESPONDER_TEST_KUBE naming a control plane", () => {
  const { server, caData, adminToken } = JSON.parse(file === undefined ? "{}" : readFileSync(file, "utf8")) as Readonly<
    Record<string, string>
  >;
  const as = (bearer = "") =>
    kubernetesApi({ cluster: "test", server: server ?? "", caData: caData ?? "", token: () => Promise.resolve(bearer) });
  let api: KubernetesApi;
  let node: string;

  const object = (of: Kind, name: string, rest: Json = {}, metadata: Json = {}): NewObject => ({
    apiVersion: of.group === "" ? of.version : `${of.group}/${of.version}`,
    kind: of.kind,
    metadata: { ...metadata, name, ...(of.namespaced ? { namespace } : {}) },
    ...rest,
  });
  const make = async (of: Kind, name: string, rest?: Json, metadata?: Json): Promise<KubeObject> => {
    const made = await api.create(of, object(of, name, rest, metadata), {}, signal);
    if (made.kind !== "created") throw new Error(`${of.kind} ${name}: ${JSON.stringify(made)}`);
    return made.object;
  };
  const place = (name: string, uid = "") => ({ namespace, name, uid });
  const pod = async (name: string, labels: Json = {}, spec: Json = { nodeName: node }): Promise<KubeObject> => {
    const rest = { spec: { ...spec, terminationGracePeriodSeconds: 1, containers: [{ name: "app", image: "registry.test/web:1" }] } };
    // The namespace's own ServiceAccount comes a moment after it; until then a pod is refused.
    let made: KubeObject | null = null;
    await until(async () => {
      made = await make(POD, name, rest, { labels }).catch(() => null);
      return made !== null;
    }, wait);
    return made ?? Promise.reject(new Error("no pod"));
  };
  const gone = (of: Kind, name: string) =>
    until(async () => (await api.get(of, of.namespaced ? namespace : null, name, signal)) === null, wait);

  beforeAll(async () => {
    api = as(adminToken);
    node = (await api.list(NODE, {}, signal))?.[0]?.metadata.name ?? "";
    await make(NAMESPACE, namespace);
  });
  afterAll(async () => {
    for (const [of, name] of [
      [BINDING, namespace],
      [POLICY, namespace],
      [WEBHOOK, namespace],
      [NAMESPACE, namespace],
    ] as const) {
      const left = await api.get(of, null, name, signal);
      if (left !== null) await api.delete(of, { namespace: null, name, uid: left.metadata.uid }, {}, signal);
    }
  });

  test("kinds that are not served, and objects that are not there, are no errors", async () => {
    expect(await api.get(UNSERVED, namespace, "x", signal)).toBeNull();
    expect(await api.list(UNSERVED, {}, signal)).toBeNull();
    expect(await api.list({ ...DEPLOYMENT, resource: "rollouts" }, {}, signal)).toBeNull();
    expect(await api.create(UNSERVED, object(UNSERVED, "x"), {}, signal)).toEqual({ kind: "gone" });
    expect(await api.get(POD, namespace, "x", signal)).toBeNull();
    expect(await api.list(POD, { namespace: "nowhere" }, signal)).toEqual([]);
    const nowhere = { ...object(CONFIG_MAP, "x"), metadata: { name: "x", namespace: "nowhere" } };
    expect(await api.create(CONFIG_MAP, nowhere, {}, signal)).toEqual({ kind: "gone" });
    expect(await api.patch(CONFIG_MAP, place("x"), [], {}, signal)).toEqual({ kind: "gone" });
    expect(await api.delete(CONFIG_MAP, place("x", "u-0"), {}, signal)).toEqual({ kind: "gone" });
    expect(await api.evict(place("x", "u-0"), {}, signal)).toEqual({ kind: "gone" });
    expect(await api.patch(DAEMON_SET, place("x"), [], { subresource: "scale" }, signal)).toEqual({ kind: "gone" });
  });

  test("a patch that no longer fits is a conflict, and one that makes nonsense is rejected", async () => {
    const made = await make(CONFIG_MAP, "patched", { data: { a: "1" } });
    const { uid, resourceVersion } = made.metadata;
    const patch = (...operations: Parameters<KubernetesApi["patch"]>[2]) => api.patch(CONFIG_MAP, place("patched"), operations, {}, signal);
    const label = { op: "add", path: "/metadata/labels", value: { x: "1" } } as const;
    expect(await patch({ op: "test", path: "/metadata/uid", value: "u-0" }, label)).toEqual({ kind: "conflict" });
    expect(await patch({ op: "test", path: "/metadata/resourceVersion", value: "1" }, label)).toEqual({ kind: "conflict" });
    expect(await patch({ op: "replace", path: "/metadata/resourceVersion", value: "1" }, label)).toEqual({ kind: "conflict" });
    expect(await patch({ op: "test", path: "/metadata/labels/x", value: "1" })).toEqual({ kind: "conflict" });
    expect(await patch({ op: "remove", path: "/data/not-there" })).toEqual({ kind: "conflict" });
    expect(await patch({ op: "add", path: "/metadata/labels/x", value: "1" })).toEqual({ kind: "conflict" });
    expect(await patch({ ...label, value: { "a b": "1" } })).toMatchObject({
      kind: "rejected",
      because: expect.stringContaining("metadata.labels"),
    });
    expect(await patch({ op: "add", path: "/data/b", value: { no: "text" } })).toMatchObject({ kind: "rejected" });
    const dry = await api.patch(CONFIG_MAP, place("patched"), [label], { dryRun: true }, signal);
    expect(dry).toMatchObject({ kind: "patched", object: { metadata: { labels: { x: "1" }, resourceVersion } } });
    expect((await api.get(CONFIG_MAP, namespace, "patched", signal))?.metadata.resourceVersion).toBe(resourceVersion);
    // Two that differ from what a JSON Patch promises: the server's library takes them.
    expect(await patch({ op: "replace", path: "/data/new", value: "1" })).toMatchObject({
      kind: "patched",
      object: { data: { new: "1" } },
    });
    expect(await patch({ op: "test", path: "/metadata/labels", value: null })).toMatchObject({ kind: "patched" });
    expect(await patch({ op: "test", path: "/metadata/uid", value: uid }, label)).toMatchObject({
      kind: "patched",
      object: { metadata: { labels: { x: "1" } } },
    });
  });

  test("a delete of another object of that name, or of another version, is a conflict", async () => {
    const { uid, resourceVersion } = (await make(CONFIG_MAP, "deleted")).metadata;
    expect(await api.delete(CONFIG_MAP, place("deleted", "u-0"), {}, signal)).toEqual({ kind: "conflict" });
    expect(await api.delete(CONFIG_MAP, place("deleted", uid), { resourceVersion: "1" }, signal)).toEqual({ kind: "conflict" });
    expect(await api.delete(CONFIG_MAP, place("deleted", uid), { dryRun: true }, signal)).toEqual({ kind: "accepted" });
    expect((await api.get(CONFIG_MAP, namespace, "deleted", signal))?.metadata.uid).toBe(uid);
    const options = { resourceVersion, propagation: "Background", graceSeconds: 0 } as const;
    expect(await api.delete(CONFIG_MAP, place("deleted", uid), options, signal)).toEqual({ kind: "accepted" });
    expect(await api.get(CONFIG_MAP, namespace, "deleted", signal)).toBeNull();
  });

  test("what is created is there once; a dry run is not; a key that nobody knows is rejected", async () => {
    const dry = await api.create(CONFIG_MAP, object(CONFIG_MAP, "once"), { dryRun: true }, signal);
    expect(dry).toMatchObject({ kind: "created", object: { metadata: { name: "once" } } });
    expect(await api.get(CONFIG_MAP, namespace, "once", signal)).toBeNull();
    await make(CONFIG_MAP, "once");
    expect(await api.create(CONFIG_MAP, object(CONFIG_MAP, "once"), {}, signal)).toEqual({ kind: "exists" });
    const strange = await api.create(CONFIG_MAP, object(CONFIG_MAP, "strange", { dta: {} }), {}, signal);
    expect(strange).toMatchObject({ kind: "rejected", because: expect.stringContaining('unknown field "dta"') });
    expect(await api.create(CONFIG_MAP, object(CONFIG_MAP, "No_Name"), {}, signal)).toMatchObject({ kind: "rejected" });
  });

  test("a quota that is full rejects, and names itself", async () => {
    await make(QUOTA, "full", { spec: { hard: { "count/secrets": "0" } } });
    await until(async () => {
      const made = await api.create(SECRET, object(SECRET, "s"), { dryRun: true }, signal);
      return made.kind === "rejected" && made.because.includes("exceeded quota: full");
    }, wait);
  });

  test("pages of a list make the whole", async () => {
    const names = Array.from({ length: 260 }, (_, n) => `page-${n}`);
    await Promise.all(names.map((name) => make(CONFIG_MAP, name, {}, { labels: { paged: "yes" } })));
    const found = await api.list(CONFIG_MAP, { namespace, labels: "paged in (yes)" }, signal);
    expect(found?.map(({ metadata }) => metadata.name).sort()).toEqual(names.sort());
    expect(await api.list(CONFIG_MAP, { namespace, fields: "metadata.name=page-7" }, signal)).toHaveLength(1);
    await expect(api.list(POD, { fields: "spec.zzz=1" }, signal)).rejects.toMatchObject({ code: "kube_rejected" });
  });

  test("evictions obey budgets, and tell budgets of others from those of the pod that is meant", async () => {
    const web = await pod("web", { app: "web" });
    const at = place("web", web.metadata.uid);
    const budget = (name: string) =>
      make(POD_DISRUPTION_BUDGET, name, { spec: { minAvailable: 5, selector: { matchLabels: { app: "web" } } } });
    await budget("one");
    await until(async () => (await api.evict(at, { dryRun: true }, signal)).kind === "budget", wait);
    expect(await api.evict(at, {}, signal)).toMatchObject({ kind: "budget", because: expect.stringContaining("one") });
    expect(await api.evict({ ...at, uid: "u-0" }, {}, signal)).toEqual({ kind: "conflict" });
    await budget("two");
    await until(async () => (await api.evict(at, {}, signal)).kind === "budgets", wait);
    for (const name of ["one", "two"]) {
      const { uid } = (await api.get(POD_DISRUPTION_BUDGET, namespace, name, signal))?.metadata ?? { uid: "" };
      expect(await api.delete(POD_DISRUPTION_BUDGET, place(name, uid), {}, signal)).toEqual({ kind: "accepted" });
    }
    await until(async () => (await api.evict(at, { dryRun: true }, signal)).kind === "accepted", wait);
    expect(await api.evict({ ...at, uid: "u-0" }, {}, signal)).toEqual({ kind: "conflict" });
    expect((await api.get(POD, namespace, "web", signal))?.metadata.deletionTimestamp).toBeUndefined();
    expect(await api.evict(at, { graceSeconds: 1 }, signal)).toEqual({ kind: "accepted" });
    await gone(POD, "web");
  });

  test("an owner is scaled by its subresource, and only as long as it is as it was", async () => {
    const template = { metadata: { labels: { app: "d" } }, spec: { containers: [{ name: "c", image: "registry.test/web:1" }] } };
    const { uid } = (await make(DEPLOYMENT, "d", { spec: { replicas: 1, selector: { matchLabels: { app: "d" } }, template } })).metadata;
    const scale = (from: number | null, to: number) =>
      api.patch(
        DEPLOYMENT,
        place("d"),
        [
          { op: "test", path: "/metadata/uid", value: uid },
          { op: "test", path: "/spec/replicas", value: from },
          { op: "replace", path: "/spec/replicas", value: to },
        ],
        { subresource: "scale" },
        signal,
      );
    expect(await scale(1, 0)).toMatchObject({ kind: "patched", object: { kind: "Scale", metadata: { uid } } });
    expect(await scale(1, 0)).toEqual({ kind: "conflict" });
    // A Scale with no replicas does not write the zero: nothing is there that could be tested for it. The Deployment itself has it.
    expect(await scale(0, 1)).toEqual({ kind: "conflict" });
    expect(await scale(null, 1)).toMatchObject({ kind: "patched" });
  });

  test("logs of a pod on no node, and of a container that is not there, are none; without a kubelet they are an error", async () => {
    const logs = (name: string, container: string) => api.logs(place(name), { container, tailLines: 5, limitBytes: 1_000 }, signal);
    await pod("waits", {}, { nodeSelector: { "no.such": "label" } });
    await pod("runs");
    expect(await logs("waits", "app")).toBeNull();
    expect(await logs("runs", "other")).toBeNull();
    expect(await logs("nobody", "app")).toBeNull();
    await expect(logs("runs", "app")).rejects.toMatchObject({ code: "kube_unreachable" });
  });

  test("admission policies reject; webhooks that nobody answers are an error to repeat", async () => {
    const here = { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } } };
    const rules = [{ apiGroups: [""], apiVersions: ["v1"], operations: ["*"], resources: ["configmaps", "pods", "pods/eviction"] }];
    const target = await pod("guarded");
    const map = await make(CONFIG_MAP, "guarded");
    const at = place("guarded", target.metadata.uid);
    const validations = [{ expression: "false", message: "not here" }];
    await make(POLICY, namespace, { spec: { failurePolicy: "Fail", matchConstraints: { ...here, resourceRules: rules }, validations } });
    const binding = await make(BINDING, namespace, { spec: { policyName: namespace, validationActions: ["Deny"] } });
    const label = [{ op: "add", path: "/metadata/labels", value: { a: "1" } }] as const;
    await until(async () => (await api.patch(POD, at, label, { dryRun: true }, signal)).kind === "rejected", wait);
    const rejected = { kind: "rejected", because: expect.stringContaining("denied request: not here") };
    expect(await api.create(CONFIG_MAP, object(CONFIG_MAP, "denied"), {}, signal)).toEqual(rejected);
    expect(await api.patch(CONFIG_MAP, at, label, {}, signal)).toEqual(rejected);
    expect(await api.delete(POD, at, {}, signal)).toEqual(rejected);
    expect(await api.evict(at, {}, signal)).toEqual(rejected);
    await api.delete(BINDING, { namespace: null, name: namespace, uid: binding.metadata.uid }, {}, signal);
    await until(async () => (await api.patch(POD, at, label, { dryRun: true }, signal)).kind === "patched", wait);

    const webhook = {
      name: "w.example.com",
      admissionReviewVersions: ["v1"],
      sideEffects: "None",
      failurePolicy: "Fail",
      timeoutSeconds: 1,
    };
    const configured = { ...webhook, ...here, rules, clientConfig: { url: "https://127.0.0.1:1/" } };
    const { uid } = (await make(WEBHOOK, namespace, { webhooks: [configured] })).metadata;
    await until(
      () =>
        api.delete(CONFIG_MAP, place("guarded", map.metadata.uid), { dryRun: true }, signal).then(
          () => false,
          () => true,
        ),
      wait,
    );
    await expect(api.delete(CONFIG_MAP, place("guarded", map.metadata.uid), {}, signal)).rejects.toMatchObject({
      code: "kube_unreachable",
      retryable: true,
    });
    await api.delete(WEBHOOK, { namespace: null, name: namespace, uid }, {}, signal);
    expect((await api.get(CONFIG_MAP, namespace, "guarded", signal))?.metadata.uid).toBe(map.metadata.uid);
  });

  test("a namespace that is going takes nothing new, and says so", async () => {
    const name = `${namespace}-going`;
    const { uid } = (
      await api.create(NAMESPACE, { ...object(NAMESPACE, name) }, {}, signal).then((made) => (made.kind === "created" ? made.object : null))
    )?.metadata ?? { uid: "" };
    const held = { ...object(CONFIG_MAP, "held"), metadata: { name: "held", namespace: name, finalizers: ["falco-responder.io/test"] } };
    expect(await api.create(CONFIG_MAP, held, {}, signal)).toMatchObject({ kind: "created" });
    expect(await api.delete(NAMESPACE, { namespace: null, name, uid }, {}, signal)).toEqual({ kind: "accepted" });
    await until(async () => {
      const made = await api.create(
        CONFIG_MAP,
        { ...object(CONFIG_MAP, "late"), metadata: { name: "late", namespace: name } },
        { dryRun: true },
        signal,
      );
      return made.kind === "rejected" && made.because.includes("being terminated");
    }, wait);
    await api.patch(CONFIG_MAP, { namespace: name, name: "held" }, [{ op: "remove", path: "/metadata/finalizers" }], {}, signal);
  });

  test("RBAC that says no is told from admission that does, and names the file to apply", async () => {
    // Of nobody: no role is bound to it.
    const core = clientOf({ server: server ?? "", caData: caData ?? "" }, adminToken ?? "");
    const request = { spec: { audiences: [], expirationSeconds: 600 } };
    const { status } = await core.createNamespacedServiceAccountToken({ name: "default", namespace, body: request });
    const low = as(status?.token);
    const forbidden = (file: string) => ({ code: "kube_forbidden", message: expect.stringContaining(`apply infra/rbac/${file}.yaml`) });
    await expect(low.list(SECRET, {}, signal)).rejects.toMatchObject(forbidden("observe"));
    await expect(low.patch(NODE, { namespace: null, name: node }, [], {}, signal)).rejects.toMatchObject(forbidden("node"));
    await expect(low.create(CONFIG_MAP, object(CONFIG_MAP, "x"), {}, signal)).rejects.toMatchObject(forbidden("isolate"));
    await expect(low.delete(CONFIG_MAP, place("x", "u-0"), {}, signal)).rejects.toMatchObject(forbidden("delete"));
  });

  test("a kubeconfig is read and used, and one that was replaced meanwhile is read again", async () => {
    const config = (bearer: string | undefined) =>
      JSON.stringify({
        clusters: [{ name: "c", cluster: { server, "certificate-authority-data": caData } }],
        users: [{ name: "u", user: { token: bearer } }],
        contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
        "current-context": "x",
      });
    let reads = 0;
    const secret = () => Promise.resolve(config(reads++ === 0 ? "yesterday" : adminToken));
    const access = kubeconfig({ by: "kubeconfig", kubeconfigSecret: "k" }, "test", secretReader({ parameter: secret, secret }));
    expect((await openApi("test", access).get(NAMESPACE, null, "default", signal))?.metadata.name).toBe("default");
    expect(reads).toBe(2);
  });
});
