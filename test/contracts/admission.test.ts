import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { admission } from "../../infra/rbac/admission.ts";
import { namesWith } from "../../infra/rbac/names.ts";
import { until } from "./cases.ts";
import { type Ask, asking, readKube } from "./kube-requests.ts";

/**
 * The bounds alone: they are installed a second time, for groups that RBAC lets do everything, so that nothing but a bound refuses. All
 * requests are dry runs: they pass admission and are not stored.
 */
const file = process.env["FALCO_RESPONDER_TEST_KUBE"];
const SUFFIX = `-rbactest-${process.pid}`;
const NAMES = namesWith(SUFFIX);
const SHOP = `admission-shop-${process.pid}`;
const GUARDED = `admission-guarded-${process.pid}`;
const FALCO = `falco-admission-${process.pid}`;
const WORKER = `admission-worker-${process.pid}`;
const CONTROL = `admission-control-${process.pid}`;
const MANAGED = { "app.kubernetes.io/managed-by": "falco-responder" };

const pod = (name: string, metadata: object = {}, spec: object = {}) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, ...metadata },
  spec: { containers: [{ name: "app", image: "registry.test/web:1" }], automountServiceAccountToken: false, ...spec },
});
const template = { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "app", image: "registry.test/web:1" }] } };
const deployment = (name: string, replicas: number) => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name },
  spec: { replicas, selector: { matchLabels: { app: "web" } }, template },
});
const job = { template: { ...template, spec: { ...template.spec, restartPolicy: "Never" } } };
const networkPolicy = (
  name: string,
  labels: object,
  podSelector: object = { matchLabels: { "falco-responder.io/quarantine": "1-2" } },
) => ({
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: { name, labels },
  spec: { podSelector, policyTypes: ["Ingress", "Egress"] },
});
const cilium = (name: string, matchLabels: object) => ({
  apiVersion: "cilium.io/v2",
  kind: "CiliumNetworkPolicy",
  metadata: { name, labels: MANAGED },
  spec: { endpointSelector: { matchLabels }, egressDeny: [{ toCIDR: ["192.0.2.1/32"] }] },
});
const calico = (name: string, selector: string) => ({
  apiVersion: "crd.projectcalico.org/v1",
  kind: "NetworkPolicy",
  metadata: { name, labels: MANAGED },
  spec: { selector, types: ["Egress"], egress: [{ action: "Deny", destination: { nets: ["192.0.2.1/32"] } }] },
});
const crd = (group: string, version: string, plural: string, kind: string) => ({
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

const core = (namespace: string, rest: string) => `/api/v1/namespaces/${namespace}/${rest}`;
const apis = (group: string, rest: string, namespace = SHOP) => `/apis/${group}/namespaces/${namespace}/${rest}`;
const MERGE = "application/merge-patch+json";

interface Request {
  readonly method: "PATCH" | "POST" | "DELETE" | "PUT" | "GET";
  readonly path: string;
  readonly body?: object;
}
const patch = (path: string, body: object): Request => ({ method: "PATCH", path, body });
const label = (path: string, labels: object): Request => patch(path, { metadata: { labels } });
const annotate = (path: string, annotations: object): Request => patch(path, { metadata: { annotations } });
const post = (path: string, body: object): Request => ({ method: "POST", path, body });
/** Preconditions name the uid of what is there when `uid` is "its". */
const remove = (path: string, options: { readonly uid?: "its"; readonly grace?: number } = { uid: "its" }): Request => ({
  method: "DELETE",
  path,
  body: options,
});
const evict = (namespace: string, name: string, deleteOptions: object): Request =>
  post(core(namespace, `pods/${name}/eviction`), {
    apiVersion: "policy/v1",
    kind: "Eviction",
    metadata: { name, namespace },
    deleteOptions,
  });

const web = core(SHOP, "pods/web");
const policies = apis("networking.k8s.io/v1", "networkpolicies");
const OURS = { "falco-responder.io/incident": "0123456789abcdef" };

/** What is refused, in which words, and what differs from it in one fact and is let through. */
const CASES: readonly (readonly [title: string, refused: Request, because: RegExp, twin: Request])[] = [
  [
    "a pod's image",
    patch(web, { spec: { containers: [{ name: "app", image: "registry.test/evil:1" }] } }),
    /only labels/,
    label(web, OURS),
  ],
  ["a pod's deadline", patch(web, { spec: { activeDeadlineSeconds: 1 } }), /only labels/, annotate(web, OURS)],
  ["a pod's finalizers", patch(web, { metadata: { finalizers: ["a.test/b"] } }), /only labels and annotations/, label(web, { app: null })],
  [
    "marks in kube-system",
    annotate(core("kube-system", "serviceaccounts/default"), OURS),
    /namespace is protected/,
    annotate(core(SHOP, "serviceaccounts/default"), OURS),
  ],
  ["labels in a namespace called falco-...", label(core(FALCO, "pods/web"), OURS), /namespace is protected/, label(web, OURS)],
  ["labels in a namespace whose label protects it", label(core(GUARDED, "pods/web"), OURS), /namespace is protected/, label(web, OURS)],
  ["a pod whose label protects it", label(core(SHOP, "pods/kept"), OURS), /protects it/, label(core(SHOP, "pods/unkept"), OURS)],
  [
    "taking the protecting label away",
    label(core(SHOP, "pods/kept"), { "falco-responder.io/protected": null }),
    /protects it/,
    label(core(SHOP, "pods/unkept"), { "falco-responder.io/protected": null }),
  ],
  ["a pod whose annotation protects it", annotate(core(SHOP, "pods/noted"), OURS), /protects it/, annotate(web, OURS)],
  [
    "protecting a pod",
    label(web, { "falco-responder/protected": "true" }),
    /protects it/,
    label(web, { "falco-responder/protected": "false" }),
  ],
  ["deleting a pod whose label protects it", remove(core(SHOP, "pods/kept")), /protects it/, remove(core(SHOP, "pods/unkept"))],
  ["a pod that mirrors a static one", remove(core(SHOP, "pods/mirror")), /mirrors a static pod/, remove(web)],
  ["a pod that the cluster needs", remove(core(SHOP, "pods/organ")), /priority class/, remove(web)],
  ["deleting without the uid", remove(web, {}), /must name the uid/, remove(web)],
  ["deleting by force", remove(web, { uid: "its", grace: 0 }), /by force/, remove(web, { uid: "its", grace: 1 })],
  ["deleting in a protected namespace", remove(core(FALCO, "pods/web")), /namespace is protected/, remove(web)],
  ["deleting all pods at once", { method: "DELETE", path: core(SHOP, "pods") }, /must name the uid/, remove(web)],
  ["evicting without the uid", evict(SHOP, "web", {}), /must name the uid/, evict(SHOP, "web", { preconditions: { uid: "its" } })],
  [
    "evicting by force",
    evict(SHOP, "web", { gracePeriodSeconds: 0, preconditions: { uid: "its" } }),
    /by force/,
    evict(SHOP, "web", { gracePeriodSeconds: 1, preconditions: { uid: "its" } }),
  ],
  [
    "evicting in a protected namespace",
    evict(FALCO, "web", { preconditions: { uid: "its" } }),
    /namespace is protected/,
    evict(SHOP, "web", { preconditions: { uid: "its" } }),
  ],
  ["making a pod", post(core(SHOP, "pods"), pod("new")), /never does this/, post(policies, networkPolicy("falco-responder-new", MANAGED))],
  ["a shell in a pod", { method: "POST", path: `${web}/exec?command=sh&container=app` }, /never does this/, label(web, OURS)],
  [
    "an ephemeral container",
    patch(`${web}/ephemeralcontainers`, { spec: { ephemeralContainers: [{ name: "x", image: "x" }] } }),
    /never does this/,
    label(web, OURS),
  ],
  ["a pod's status", patch(`${web}/status`, { status: { message: "x" } }), /never does this/, label(web, OURS)],

  [
    "a node's taints",
    patch(`/api/v1/nodes/${WORKER}`, { spec: { taints: [{ key: "a", effect: "NoExecute" }] } }),
    /only unschedulable/,
    patch(`/api/v1/nodes/${WORKER}`, { spec: { unschedulable: true } }),
  ],
  [
    "a node of the control plane",
    patch(`/api/v1/nodes/${CONTROL}`, { spec: { unschedulable: true } }),
    /control plane/,
    patch(`/api/v1/nodes/${WORKER}`, { spec: { unschedulable: true } }),
  ],
  [
    "making a node one of the control plane",
    label(`/api/v1/nodes/${WORKER}`, { "node-role.kubernetes.io/control-plane": "" }),
    /control plane/,
    label(`/api/v1/nodes/${WORKER}`, OURS),
  ],
  [
    "somebody else's label of a node",
    label(`/api/v1/nodes/${WORKER}`, { pool: "x" }),
    /only those under/,
    label(`/api/v1/nodes/${WORKER}`, OURS),
  ],
  [
    "somebody else's annotation of a node",
    annotate(`/api/v1/nodes/${WORKER}`, { "a.test/b": "x" }),
    /only those under/,
    annotate(`/api/v1/nodes/${WORKER}`, { ...OURS, "karpenter.sh/do-not-disrupt": "true" }),
  ],
  [
    "a node's finalizers",
    patch(`/api/v1/nodes/${WORKER}`, { metadata: { finalizers: ["a.test/b"] } }),
    /only labels and annotations/,
    annotate(`/api/v1/nodes/${WORKER}`, OURS),
  ],
  ["deleting a node", remove(`/api/v1/nodes/${WORKER}`), /never does this/, remove(web)],

  [
    "a network policy of another name",
    post(policies, networkPolicy("new", MANAGED)),
    /its own/,
    post(policies, networkPolicy("falco-responder-new", MANAGED)),
  ],
  [
    "a network policy without its label",
    post(policies, networkPolicy("falco-responder-new", {})),
    /its own/,
    post(policies, networkPolicy("falco-responder-new", MANAGED)),
  ],
  [
    "a network policy for every pod",
    post(policies, networkPolicy("falco-responder-new", MANAGED, {})),
    /select by labels/,
    post(policies, networkPolicy("falco-responder-new", MANAGED)),
  ],
  [
    "a network policy for whole applications",
    post(policies, networkPolicy("falco-responder-new", MANAGED, { matchLabels: { app: "web" } })),
    /select by labels/,
    post(policies, networkPolicy("falco-responder-new", MANAGED)),
  ],
  ["somebody else's network policy", label(`${policies}/allow-dns`, OURS), /its own/, label(`${policies}/falco-responder-there`, OURS)],
  [
    "adopting somebody else's network policy",
    label(`${policies}/falco-responder-foreign`, MANAGED),
    /its own/,
    label(`${policies}/falco-responder-there`, OURS),
  ],
  [
    "giving its network policy away",
    label(`${policies}/falco-responder-there`, { "app.kubernetes.io/managed-by": "x" }),
    /its own/,
    label(`${policies}/falco-responder-there`, OURS),
  ],
  ["deleting somebody else's network policy", remove(`${policies}/allow-dns`), /its own/, remove(`${policies}/falco-responder-there`)],
  [
    "a network policy in a protected namespace",
    post(apis("networking.k8s.io/v1", "networkpolicies", GUARDED), networkPolicy("falco-responder-new", MANAGED)),
    /namespace is protected/,
    post(policies, networkPolicy("falco-responder-new", MANAGED)),
  ],
  [
    "a Cilium policy for whole applications",
    post(apis("cilium.io/v2", "ciliumnetworkpolicies"), cilium("falco-responder-new", { app: "web" })),
    /select by labels/,
    post(apis("cilium.io/v2", "ciliumnetworkpolicies"), cilium("falco-responder-new", { "falco-responder.io/cilium-denied": "1-2" })),
  ],
  [
    "a Cilium policy of another name",
    post(apis("cilium.io/v2", "ciliumnetworkpolicies"), cilium("new", { "falco-responder.io/cilium-denied": "1-2" })),
    /its own/,
    post(apis("cilium.io/v2", "ciliumnetworkpolicies"), cilium("falco-responder-new", { "falco-responder.io/cilium-denied": "1-2" })),
  ],
  [
    "a Calico policy for more than its pod",
    post(
      apis("crd.projectcalico.org/v1", "networkpolicies"),
      calico("falco-responder-new", "falco-responder.io/calico-denied == '1-2' || all()"),
    ),
    /select by labels/,
    post(apis("crd.projectcalico.org/v1", "networkpolicies"), calico("falco-responder-new", "falco-responder.io/calico-denied == '1-2'")),
  ],
  [
    "a Calico policy of another name",
    post(apis("crd.projectcalico.org/v1", "networkpolicies"), calico("new", "falco-responder.io/calico-denied == '1-2'")),
    /its own/,
    post(apis("crd.projectcalico.org/v1", "networkpolicies"), calico("falco-responder-new", "falco-responder.io/calico-denied == '1-2'")),
  ],

  [
    "scaling down, but not to zero",
    patch(apis("apps/v1", "deployments/many/scale"), { spec: { replicas: 1 } }),
    /to zero/,
    patch(apis("apps/v1", "deployments/many/scale"), { spec: { replicas: 0 } }),
  ],
  [
    "scaling up what was not at zero",
    patch(apis("apps/v1", "deployments/many/scale"), { spec: { replicas: 5 } }),
    /from zero back/,
    patch(apis("apps/v1", "deployments/none/scale"), { spec: { replicas: 5 } }),
  ],
  [
    "scaling in a protected namespace",
    patch(apis("apps/v1", "deployments/many/scale", GUARDED), { spec: { replicas: 0 } }),
    /namespace is protected/,
    patch(apis("apps/v1", "deployments/many/scale"), { spec: { replicas: 0 } }),
  ],
  [
    "a Deployment's template",
    patch(apis("apps/v1", "deployments/many"), { spec: { template: { spec: { serviceAccountName: "x" } } } }),
    /of a workload's spec/,
    annotate(apis("apps/v1", "deployments/many"), OURS),
  ],
  [
    "replicas past the scale subresource",
    patch(apis("apps/v1", "deployments/many"), { spec: { replicas: 0 } }),
    /of a workload's spec/,
    patch(apis("apps/v1", "deployments/many/scale"), { spec: { replicas: 0 } }),
  ],
  [
    "a DaemonSet's node selector",
    patch(apis("apps/v1", "daemonsets/agent"), { spec: { template: { spec: { nodeSelector: { no: "where" } } } } }),
    /of a workload's spec/,
    annotate(apis("apps/v1", "daemonsets/agent"), OURS),
  ],
  [
    "somebody else's annotation of a Deployment",
    annotate(apis("apps/v1", "deployments/many"), { "a.test/b": "x" }),
    /only those under/,
    annotate(apis("apps/v1", "deployments/many"), OURS),
  ],
  [
    "a CronJob's schedule",
    patch(apis("batch/v1", "cronjobs/nightly"), { spec: { schedule: "* * * * *" } }),
    /suspend/,
    patch(apis("batch/v1", "cronjobs/nightly"), { spec: { suspend: true } }),
  ],
  [
    "a Job's parallelism",
    patch(apis("batch/v1", "jobs/once"), { spec: { parallelism: 9 } }),
    /suspend/,
    patch(apis("batch/v1", "jobs/once"), { spec: { suspend: true } }),
  ],
  [
    "a ServiceAccount's secrets",
    patch(core(SHOP, "serviceaccounts/app"), { secrets: [{ name: "x" }] }),
    /nothing but metadata/,
    annotate(core(SHOP, "serviceaccounts/app"), OURS),
  ],

  [
    "deleting a ServiceAccount in a protected namespace",
    remove(core(GUARDED, "serviceaccounts/default")),
    /namespace is protected/,
    remove(core(SHOP, "serviceaccounts/app")),
  ],
  [
    "deleting a Secret that its annotation protects",
    remove(core(SHOP, "secrets/kept")),
    /protects it/,
    remove(core(SHOP, "secrets/token")),
  ],
  ["changing a Secret", annotate(core(SHOP, "secrets/token"), OURS), /never does this/, remove(core(SHOP, "secrets/token"))],
  [
    "making a token",
    post(core(SHOP, "serviceaccounts/app/token"), { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} }),
    /never does this/,
    remove(core(SHOP, "serviceaccounts/app")),
  ],
  ["deleting a namespace", remove(`/api/v1/namespaces/${SHOP}`), /never does this/, remove(core(SHOP, "serviceaccounts/app"))],
  [
    "labelling a namespace",
    label(`/api/v1/namespaces/${GUARDED}`, { "falco-responder.io/protected": null }),
    /never does this|protects it/,
    label(web, OURS),
  ],
  [
    "making a ClusterRoleBinding",
    post("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: `admission-${process.pid}` },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "view" },
      subjects: [],
    }),
    /never does this/,
    post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SelfSubjectAccessReview",
      spec: { resourceAttributes: { verb: "get", resource: "pods" } },
    }),
  ],
];

describe.skipIf(file === undefined)("the bounds, with FALCO_RESPONDER_TEST_KUBE naming a control plane", () => {
  const kube = file === undefined ? { server: "", caData: "", adminToken: "" } : readKube(file);
  const admin = asking(kube);
  const user = "arn:aws:sts::111122223333:assumed-role/x/y";
  const responder = asking(kube, { name: user, group: NAMES.group });
  const observer = asking(kube, { name: user, group: NAMES.observers });
  const account = asking(kube, { name: `system:serviceaccount:${NAMES.prefix}:${NAMES.serviceAccount}`, group: null });
  const stranger = asking(kube, { name: user, group: `stranger${SUFFIX}` });
  const made: string[] = [];

  const must = async (path: string, body: object): Promise<void> => {
    const { status, body: said } = await admin.ask("POST", path, body);
    if (status >= 300) throw new Error(`${path}: ${status} ${said.message}`);
    const { name } = (body as { metadata: { name: string } }).metadata;
    made.push(`${path}/${name}`);
  };

  /** As it goes out: a dry run, with the uid of the object that is there. */
  async function send(ask: Ask, { method, path, body }: Request) {
    const dry = path.includes("/exec?") ? path : `${path}?dryRun=All`;
    if (method === "DELETE") {
      const { uid, grace } = (body ?? {}) as { uid?: "its"; grace?: number };
      const options = {
        apiVersion: "v1",
        kind: "DeleteOptions",
        // Beside a body, the server ignores the query.
        dryRun: ["All"],
        ...(grace === undefined ? {} : { gracePeriodSeconds: grace }),
        ...(uid === undefined ? {} : { preconditions: { uid: await uidOf(path) } }),
      };
      return await ask(method, dry, options);
    }
    const text = JSON.stringify(body ?? {});
    const whole = text.includes('"uid":"its"')
      ? (JSON.parse(text.replace('"its"', `"${await uidOf(path.replace("/eviction", ""))}"`)) as object)
      : body;
    return await ask(method, dry, whole, method === "PATCH" ? MERGE : "application/json");
  }
  const uidOf = async (path: string): Promise<string> => {
    const { body } = await admin.ask("GET", path);
    return String((body["metadata"] as { uid?: string } | undefined)?.uid ?? "");
  };

  beforeAll(async () => {
    for (const group of [NAMES.group, NAMES.observers, `stranger${SUFFIX}`])
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
        async () => (await admin.ask("GET", core(namespace, "serviceaccounts/default"))).status === 200,
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
    for (const [name, labels] of [
      [WORKER, {}],
      [CONTROL, { "node-role.kubernetes.io/control-plane": "" }],
    ] as const)
      await must("/api/v1/nodes", { apiVersion: "v1", kind: "Node", metadata: { name, labels } });
    for (const [group, version, plural, kind] of [
      ["cilium.io", "v2", "ciliumnetworkpolicies", "CiliumNetworkPolicy"],
      ["crd.projectcalico.org", "v1", "networkpolicies", "NetworkPolicy"],
    ] as const) {
      // Another suite may have brought its own.
      const served = async () => (await admin.ask("GET", apis(`${group}/${version}`, plural))).status === 200;
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
        async () => /denied request/.test((await send(responder.ask, request)).body.message ?? ""),
        () => sleep(200),
      );
  });

  afterAll(async () => {
    for (const path of made.toReversed())
      await admin.ask("DELETE", path, { apiVersion: "v1", kind: "DeleteOptions", gracePeriodSeconds: 0 });
    for (const { close } of [admin, responder, observer, account, stranger]) await close();
  });

  test.each(CASES)("refuses %s, and lets its twin through", async (_title, refused, because, twin) => {
    const answer = await send(responder.ask, refused);
    expect(answer.body.message).toMatch(because);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    const through = await send(responder.ask, twin);
    expect(through.body.message ?? "").toBe("");
    expect(through.status).toBeLessThan(300);
  });

  test("the ServiceAccount is bound as the group is, and others are not bound at all", async () => {
    const image = patch(web, { spec: { containers: [{ name: "app", image: "registry.test/other:1" }] } });
    expect((await send(account.ask, image)).body.message).toMatch(/only labels/);
    expect((await send(account.ask, label(web, OURS))).status).toBe(200);
    expect((await send(stranger.ask, image)).status).toBe(200);
  });

  test("who only observes changes nothing, whatever RBAC says, and reads on", async () => {
    expect((await send(observer.ask, label(web, OURS))).body.message).toMatch(/only observes/);
    expect((await observer.ask("GET", web)).status).toBe(200);
    expect((await send(responder.ask, label(web, OURS))).status).toBe(200);
  });

  test("the API server has nothing to say against the expressions", async () => {
    const statuses = await Promise.all(
      admission(NAMES)
        .filter(({ kind }) => kind === "ValidatingAdmissionPolicy")
        .map(async ({ metadata }) => {
          const path = `/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/${metadata.name}`;
          let status: { typeChecking?: { expressionWarnings?: unknown[] } } | undefined;
          await until(
            async () => {
              status = (await admin.ask("GET", path)).body["status"] as typeof status;
              return status?.typeChecking !== undefined;
            },
            () => sleep(200),
          );
          return status?.typeChecking?.expressionWarnings ?? [];
        }),
    );
    expect(statuses.flat()).toEqual([]);
  });
});
