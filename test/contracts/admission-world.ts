import { setTimeout as sleep } from "node:timers/promises";
import { admission } from "../../infra/rbac/admission.ts";
import { namesWith } from "../../infra/rbac/names.ts";
import { until } from "./cases.ts";
import type { Ask } from "./kube-requests.ts";

export const SUFFIX = `-rbactest-${process.pid}`;
export const NAMES = namesWith(SUFFIX);
export const SHOP = `admission-shop-${process.pid}`;
export const GUARDED = `admission-guarded-${process.pid}`;
export const FALCO = `falco-admission-${process.pid}`;
export const WORKER = `admission-worker-${process.pid}`;
export const CONTROL = `admission-control-${process.pid}`;
export const TAINTED = `admission-tainted-${process.pid}`;
export const STRANGERS = `stranger${SUFFIX}`;
export const MANAGED = { "app.kubernetes.io/managed-by": "falco-responder" };

export const pod = (name: string, metadata: object = {}, spec: object = {}) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, ...metadata },
  spec: { containers: [{ name: "app", image: "registry.test/web:1" }], automountServiceAccountToken: false, ...spec },
});
export const template = { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "app", image: "registry.test/web:1" }] } };
export const deployment = (name: string, replicas: number) => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name },
  spec: { replicas, selector: { matchLabels: { app: "web" } }, template },
});
export const job = { template: { ...template, spec: { ...template.spec, restartPolicy: "Never" } } };
export const networkPolicy = (
  name: string,
  labels: object,
  podSelector: object = { matchLabels: { "falco-responder.io/quarantine": "1-2" } },
) => ({
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: { name, labels },
  spec: { podSelector, policyTypes: ["Ingress", "Egress"] },
});
export const cilium = (name: string, matchLabels: object) => ({
  apiVersion: "cilium.io/v2",
  kind: "CiliumNetworkPolicy",
  metadata: { name, labels: MANAGED },
  spec: { endpointSelector: { matchLabels }, egressDeny: [{ toCIDR: ["192.0.2.1/32"] }] },
});
export const calico = (name: string, selector: string) => ({
  apiVersion: "crd.projectcalico.org/v1",
  kind: "NetworkPolicy",
  metadata: { name, labels: MANAGED },
  spec: { selector, types: ["Egress"], egress: [{ action: "Deny", destination: { nets: ["192.0.2.1/32"] } }] },
});
export const crd = (group: string, version: string, plural: string, kind: string) => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `${plural}.${group}` },
  spec: {
    group,
    scope: "Namespaced",
    names: { plural, singular: kind.toLowerCase(), kind },
    versions: [
      {
        name: version,
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
      },
    ],
  },
});

export const core = (namespace: string, rest: string) => `/api/v1/namespaces/${namespace}/${rest}`;
export const apis = (group: string, rest: string, namespace = SHOP) => `/apis/${group}/namespaces/${namespace}/${rest}`;

export interface Request {
  readonly method: "PATCH" | "POST" | "DELETE" | "PUT" | "GET";
  readonly path: string;
  readonly body?: object;
}
export const patch = (path: string, body: object): Request => ({ method: "PATCH", path, body });
export const label = (path: string, labels: object): Request => patch(path, { metadata: { labels } });
export const annotate = (path: string, annotations: object): Request => patch(path, { metadata: { annotations } });
export const post = (path: string, body: object): Request => ({ method: "POST", path, body });
/** Preconditions name the uid of what is there when `uid` is "its". */
export const remove = (path: string, options: { readonly uid?: "its"; readonly grace?: number } = { uid: "its" }): Request => ({
  method: "DELETE",
  path,
  body: options,
});
export const evict = (namespace: string, name: string, deleteOptions: object): Request =>
  post(core(namespace, `pods/${name}/eviction`), {
    apiVersion: "policy/v1",
    kind: "Eviction",
    metadata: { name, namespace },
    deleteOptions,
  });

export const worker = `/api/v1/nodes/${WORKER}`;
export const web = core(SHOP, "pods/web");
export const policies = apis("networking.k8s.io/v1", "networkpolicies");
export const OURS = { "falco-responder.io/incident": "0123456789abcdef" };

/** As it goes out: a dry run, with the uid of the object that is there. */
export async function send(admin: Ask, ask: Ask, { method, path, body }: Request) {
  const dry = path.includes("/exec?") ? path : `${path}?dryRun=All`;
  if (method === "DELETE") {
    const { uid, grace } = (body ?? {}) as { uid?: "its"; grace?: number };
    const options = {
      apiVersion: "v1",
      kind: "DeleteOptions",
      // Beside a body, the server ignores the query.
      dryRun: ["All"],
      ...(grace === undefined ? {} : { gracePeriodSeconds: grace }),
      ...(uid === undefined ? {} : { preconditions: { uid: await uidOf(admin, path) } }),
    };
    return await ask(method, dry, options);
  }
  const text = JSON.stringify(body ?? {});
  const whole = text.includes('"uid":"its"')
    ? (JSON.parse(text.replace('"its"', `"${await uidOf(admin, path.replace("/eviction", ""))}"`)) as object)
    : body;
  return await ask(method, dry, whole, method === "PATCH" ? "application/merge-patch+json" : "application/json");
}
const uidOf = async (admin: Ask, path: string): Promise<string> => {
  const { body } = await admin("GET", path);
  return String((body["metadata"] as { uid?: string } | undefined)?.uid ?? "");
};

/** Makes what the cases are about, and the bounds under names of their own, for groups that RBAC lets do everything. `made`: paths of all of it. */
export async function setUp(admin: Ask, responder: Ask, made: string[]): Promise<void> {
  const must = async (path: string, body: object): Promise<void> => {
    const { status, body: said } = await admin("POST", path, body);
    if (status >= 300) throw new Error(`${path}: ${status} ${said.message}`);
    made.push(`${path}/${(body as { metadata: { name: string } }).metadata.name}`);
  };
  for (const group of [NAMES.group, NAMES.observers, STRANGERS])
    await must("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: `everything-${group}` },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
      subjects: [
        { apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: group },
        { kind: "ServiceAccount", namespace: NAMES.prefix, name: NAMES.serviceAccount },
      ],
    });
  for (const namespace of [SHOP, GUARDED, FALCO]) {
    const labels = namespace === GUARDED ? { "falco-responder.io/protected": "true" } : {};
    await must("/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace, labels } });
    await until(
      async () => (await admin("GET", core(namespace, "serviceaccounts/default"))).status === 200,
      () => sleep(200),
    );
    await must(core(namespace, "pods"), pod("web", { labels: { app: "alone" } }));
    await must(apis("apps/v1", "deployments", namespace), deployment("many", 3));
  }
  await must(core(SHOP, "pods"), pod("kept", { labels: { "falco-responder.io/protected": "True" } }));
  await must(core(SHOP, "pods"), pod("unkept", { labels: { "falco-responder.io/protected": "no" } }));
  await must(core(SHOP, "pods"), pod("noted", { annotations: { "falco-responder/protected": " true" } }));
  await must(core(SHOP, "pods"), pod("organ", {}, { priorityClassName: "system-node-critical" }));
  await must(core(SHOP, "pods"), pod("mirror", { annotations: { "kubernetes.io/config.mirror": "x" } }, { nodeName: WORKER }));
  await must(core(SHOP, "pods"), pod("unplaced", {}, { nodeSelector: { nowhere: "yes" } }));
  await must(core(SHOP, "pods"), pod("ended", {}, { nodeName: WORKER }));
  await admin("PATCH", core(SHOP, "pods/ended/status"), { status: { phase: "Failed" } }, "application/merge-patch+json");
  await must(apis("apps/v1", "deployments"), deployment("none", 0));
  await must(apis("apps/v1", "daemonsets"), {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { name: "agent" },
    spec: { selector: { matchLabels: { app: "web" } }, template },
  });
  await must(apis("batch/v1", "cronjobs"), {
    apiVersion: "batch/v1",
    kind: "CronJob",
    metadata: { name: "nightly" },
    spec: { schedule: "0 3 1 1 *", jobTemplate: { spec: job } },
  });
  await must(apis("batch/v1", "jobs"), { apiVersion: "batch/v1", kind: "Job", metadata: { name: "once" }, spec: job });
  await must(core(SHOP, "serviceaccounts"), { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "app" } });
  await must(core(SHOP, "secrets"), { apiVersion: "v1", kind: "Secret", metadata: { name: "token" } });
  await must(core(SHOP, "secrets"), {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "kept", annotations: { "falco-responder.io/protected": "true" } },
  });
  await must(policies, networkPolicy("falco-responder-there", MANAGED));
  await must(policies, networkPolicy("falco-responder-foreign", {}));
  await must(policies, networkPolicy("allow-dns", MANAGED));
  const master = "node-role.kubernetes.io/master";
  for (const [name, labels, taints] of [
    [WORKER, {}, []],
    [CONTROL, { "node-role.kubernetes.io/control-plane": "" }, []],
    [TAINTED, {}, [{ key: master, effect: "NoSchedule" }]],
  ] as const)
    await must("/api/v1/nodes", { apiVersion: "v1", kind: "Node", metadata: { name, labels }, spec: { taints } });
  for (const [group, version, plural, kind] of [
    ["cilium.io", "v2", "ciliumnetworkpolicies", "CiliumNetworkPolicy"],
    ["crd.projectcalico.org", "v1", "networkpolicies", "NetworkPolicy"],
  ] as const) {
    // Another suite may have brought its own.
    const served = async () => (await admin("GET", apis(`${group}/${version}`, plural))).status === 200;
    if (!(await served())) await must("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd(group, version, plural, kind));
    await until(served, () => sleep(200));
  }
  for (const object of admission(NAMES)) {
    const plural = object.kind === "ValidatingAdmissionPolicy" ? "validatingadmissionpolicies" : "validatingadmissionpolicybindings";
    await must(`/apis/admissionregistration.k8s.io/v1/${plural}`, object);
  }
  // The server takes new policies up within a second or two, in no order.
  const last = [annotate(apis("apps/v1", "deployments/many"), { "a.test/b": "x" }), label(web, { "falco-responder/protected": "true" })];
  for (const request of last)
    await until(
      async () => /denied request/.test((await send(admin, responder, request)).body.message ?? ""),
      () => sleep(200),
    );
}
