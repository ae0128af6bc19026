import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { declared, type Granted, granted } from "../../infra/rbac/declared.ts";
import { FEATURES, type Feature } from "../../infra/rbac/features.ts";
import { type Names, namesWith } from "../../infra/rbac/names.ts";
import { clusterScoped, complete, type Manifest, namespaced, rolesOf } from "../../infra/rbac/roles.ts";
import { type Grant, isRead, said } from "../../infra/rbac/rules.ts";
import { until } from "./cases.ts";
import { asking, readKube } from "./kube-requests.ts";

/** The sets of rights as RBAC of a real API server understands them. Each is installed for a group of its own, beside what is in use. */
const file = process.env["FALCO_RESPONDER_TEST_KUBE"];
const SUFFIX = `-rbactest-${process.pid}`;
const namesOf = (set: string): Names => namesWith(`${SUFFIX}-${set}`);
const ALLOWED = `rbac-allowed-${process.pid}`;

/** Nobody who answers alerts needs these; whoever has one of them has more than was meant. */
const NEVER: readonly Grant[] = [
  ...["get", "list", "watch", "create", "update", "patch"].map((verb) => ({ group: "", resource: "secrets", verb })),
  ...["exec", "attach", "portforward", "proxy"].flatMap((sub) =>
    ["get", "create"].map((verb) => ({ group: "", resource: `pods/${sub}`, verb })),
  ),
  { group: "", resource: "pods/ephemeralcontainers", verb: "patch" },
  { group: "", resource: "pods", verb: "create" },
  { group: "", resource: "pods", verb: "update" },
  { group: "", resource: "pods", verb: "deletecollection" },
  { group: "", resource: "nodes/proxy", verb: "get" },
  { group: "", resource: "nodes", verb: "delete" },
  { group: "", resource: "namespaces", verb: "delete" },
  { group: "", resource: "namespaces", verb: "patch" },
  { group: "", resource: "serviceaccounts/token", verb: "create" },
  { group: "", resource: "configmaps", verb: "patch" },
  { group: "", resource: "users", verb: "impersonate" },
  { group: "", resource: "groups", verb: "impersonate" },
  { group: "", resource: "serviceaccounts", verb: "impersonate" },
  { group: "apps", resource: "deployments", verb: "create" },
  { group: "batch", resource: "jobs", verb: "create" },
  ...["create", "patch", "bind", "escalate"].map((verb) => ({ group: "rbac.authorization.k8s.io", resource: "clusterroles", verb })),
  { group: "rbac.authorization.k8s.io", resource: "clusterrolebindings", verb: "create" },
  { group: "rbac.authorization.k8s.io", resource: "rolebindings", verb: "create" },
  { group: "admissionregistration.k8s.io", resource: "validatingadmissionpolicies", verb: "delete" },
  { group: "admissionregistration.k8s.io", resource: "validatingadmissionpolicybindings", verb: "delete" },
  { group: "certificates.k8s.io", resource: "certificatesigningrequests/approval", verb: "update" },
];

describe.skipIf(file === undefined)("the sets of rights, with FALCO_RESPONDER_TEST_KUBE naming a control plane", () => {
  const admin = asking(file === undefined ? { server: "", caData: "", adminToken: "" } : readKube(file));
  const made: string[] = [];
  let sets: Granted;

  const must = async (object: Manifest): Promise<void> => {
    const path = collectionOf(object);
    const { status, body } = await admin.ask("POST", path, object);
    if (status >= 300) throw new Error(`${path}: ${status} ${body.message}`);
    made.push(`${path}/${object.metadata.name}`);
  };

  /** What the server's authorizer says of a user of this group, in one namespace or (of what is in none, and of lists) everywhere. */
  async function allows(group: string, { group: apiGroup, resource, verb }: Grant, namespace = ""): Promise<boolean> {
    const [kind, subresource] = resource.split("/");
    const { status, body } = await admin.ask("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SubjectAccessReview",
      spec: {
        user: "arn:aws:sts::111122223333:assumed-role/x/y",
        groups: [group, "system:authenticated"],
        resourceAttributes: { namespace, verb, group: apiGroup, resource: kind, ...(subresource ? { subresource } : {}) },
      },
    });
    if (status >= 300) throw new Error(`SubjectAccessReview: ${status} ${body.message}`);
    return (body["status"] as { allowed: boolean }).allowed;
  }
  const refusedOf = (group: string, grants: readonly Grant[], namespace = "") =>
    filtered(grants, async (one) => !(await allows(group, one, namespace)));
  const allowedOf = (group: string, grants: readonly Grant[], namespace = "") => filtered(grants, (one) => allows(group, one, namespace));

  beforeAll(async () => {
    sets = granted(await declared());
    for (const feature of FEATURES) for (const object of complete(feature, sets, namesOf(feature))) await must(object);
    for (const feature of FEATURES) for (const object of rolesOf(feature, sets, namesOf("all"))) await must(object);
    const bare = { apiVersion: "v1", kind: "Namespace", metadata: { name: ALLOWED, labels: {} } };
    await must(bare);
    for (const feature of FEATURES) for (const object of namespaced(feature, [ALLOWED], sets, namesOf(`in-${feature}`))) await must(object);
    // The authorizer learns of new bindings a moment later; the last that was made is taken for all.
    const last = FEATURES.map((feature) => [`in-${feature}`, sets[feature].find((grant) => !clusterScoped(grant))] as const).filter(
      ([, grant]) => grant,
    );
    for (const [set, grant] of last)
      await until(
        async () => grant === undefined || (await allows(namesOf(set).group, grant, ALLOWED)),
        () => new Promise((resolve) => setTimeout(resolve, 100)),
      );
  });

  afterAll(async () => {
    for (const path of made.toReversed()) await admin.ask("DELETE", path, { apiVersion: "v1", kind: "DeleteOptions" });
    await admin.close();
  });

  test.each(FEATURES)("%s, applied by itself, allows every right of its own and of observe, and none of the list", async (feature) => {
    const { group } = namesOf(feature);
    const wanted = [...sets.observe, ...sets[feature]];
    expect(wanted.length).toBeGreaterThan(0);
    expect(await refusedOf(group, wanted)).toEqual([]);
    expect(await allowedOf(group, NEVER)).toEqual([]);
  });

  test.each(FEATURES)("%s, applied by itself, does not allow what belongs to another set only", async (feature) => {
    const own = new Set([...sets.observe, ...sets[feature]].map(said));
    const others = FEATURES.flatMap((other) => sets[other]).filter((grant) => !own.has(said(grant)));
    expect(await allowedOf(namesOf(feature).group, others)).toEqual([]);
  });

  test("deleting a pod: terminate allows it, observe does not", async () => {
    const right: Grant = { group: "", resource: "pods", verb: "delete" };
    expect(await allows(namesOf("observe").group, right)).toBe(false);
    expect(await allows(namesOf("terminate").group, right)).toBe(true);
  });

  test("all sets together still allow none of the list", async () => {
    const { group } = namesOf("all");
    expect(
      await refusedOf(
        group,
        FEATURES.flatMap((feature) => sets[feature]),
      ),
    ).toEqual([]);
    expect(await allowedOf(group, NEVER)).toEqual([]);
  });

  test("sweep's group reads all that any set reads, and changes nothing", async () => {
    const { observers } = namesOf("all");
    const rights = FEATURES.flatMap((feature) => sets[feature]);
    expect(await refusedOf(observers, rights.filter(isRead))).toEqual([]);
    expect(await allowedOf(observers, [...rights.filter((grant) => !isRead(grant)), ...NEVER])).toEqual([]);
  });

  test("the ServiceAccount has what the group has", async () => {
    const { prefix, serviceAccount } = namesOf("terminate");
    const { body } = await admin.ask("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SubjectAccessReview",
      spec: { user: `system:serviceaccount:${prefix}:${serviceAccount}`, resourceAttributes: { verb: "delete", resource: "pods" } },
    });
    expect(body["status"]).toMatchObject({ allowed: true });
  });

  test.each(FEATURES)("%s in one namespace: there all of it, elsewhere only what is in no namespace", async (feature: Feature) => {
    const { group } = namesOf(`in-${feature}`);
    const [everywhere, inside] = [sets[feature].filter(clusterScoped), sets[feature].filter((grant) => !clusterScoped(grant))];
    expect(await refusedOf(group, inside, ALLOWED)).toEqual([]);
    expect(await allowedOf(group, inside, "default")).toEqual([]);
    expect(await allowedOf(group, inside)).toEqual([]);
    expect(await refusedOf(group, everywhere)).toEqual([]);
  });

  test("what is in no namespace is what the server says", async () => {
    const served = new Map<string, boolean>();
    const { body } = await admin.ask("GET", "/apis");
    const versions = (body["groups"] as { preferredVersion: { groupVersion: string } }[]).map(
      ({ preferredVersion }) => preferredVersion.groupVersion,
    );
    for (const path of ["/api/v1", ...versions.map((version) => `/apis/${version}`)]) {
      const { body: list } = await admin.ask("GET", path);
      const group = path === "/api/v1" ? "" : (path.split("/")[2] ?? "");
      for (const { name, namespaced: inside } of (list["resources"] ?? []) as { name: string; namespaced: boolean }[])
        served.set(`${group}/${name}`, inside);
    }
    const grants = FEATURES.flatMap((feature) => sets[feature]).filter(({ group, resource }) => served.has(`${group}/${resource}`));
    expect(grants.length).toBeGreaterThan(0);
    expect(grants.filter((grant) => clusterScoped(grant) === served.get(`${grant.group}/${grant.resource}`)).map(said)).toEqual([]);
  });
});

async function filtered(grants: readonly Grant[], holds: (grant: Grant) => Promise<boolean>): Promise<readonly string[]> {
  const answers = await Promise.all(grants.map(async (grant) => ({ grant, yes: await holds(grant) })));
  return answers.filter(({ yes }) => yes).map(({ grant }) => said(grant));
}

const PLURALS: Readonly<Record<string, string>> = {
  Namespace: "namespaces",
  ServiceAccount: "serviceaccounts",
  ClusterRole: "clusterroles",
  ClusterRoleBinding: "clusterrolebindings",
  RoleBinding: "rolebindings",
};

function collectionOf({ apiVersion, kind, metadata }: Manifest): string {
  const inside = metadata.namespace === undefined ? "" : `/namespaces/${metadata.namespace}`;
  return `${apiVersion === "v1" ? "/api" : "/apis"}/${apiVersion}${inside}/${PLURALS[kind]}`;
}
