import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { rbacFiles } from "#shared/adapters/kubernetes/features.ts";
import { ACTION_FACTS, ACTIONS } from "#shared/domain/action.ts";
import { WRITES } from "../../infra/rbac/admission.ts";
import { type Declared, declared, granted } from "../../infra/rbac/declared.ts";
import { FEATURES, isKubernetes } from "../../infra/rbac/features.ts";
import { COMMAND, files } from "../../infra/rbac/files.ts";
import { SHIPPED } from "../../infra/rbac/names.ts";
import { namespaced } from "../../infra/rbac/roles.ts";
import { distinct, forbidden, type Grant, grantsOf, isRead, type Rule, rulesOf, said } from "../../infra/rbac/rules.ts";

const FOLDER = join(import.meta.dirname, "../../infra/rbac");

interface Object {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules?: readonly Rule[];
  readonly roleRef?: { readonly name: string };
  readonly subjects?: readonly { readonly kind: string; readonly name: string }[];
}

const objectsIn = (path: string): readonly Object[] =>
  parseAllDocuments(readFileSync(join(FOLDER, path), "utf8")).map((document) => document.toJS() as Object);
const singles = (objects: readonly Object[]): readonly string[] =>
  distinct(grantsOf(objects.flatMap(({ rules }) => rules ?? []))).map(said);

test("the committed manifests are those that the declared rights make", async () => {
  const made = await files();
  const differing = [...made].filter(([path, text]) => contentOf(path) !== text).map(([path]) => `infra/rbac/${path}`);
  const there = readdirSync(FOLDER, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".yaml"));
  const strange = there.filter((path) => !made.has(path)).map((path) => `infra/rbac/${path}`);
  expect({ differing, strange }, `run: ${COMMAND} (and remove what it does not write)`).toEqual({ differing: [], strange: [] });
});

const contentOf = (path: string): string | null =>
  statSync(join(FOLDER, path), { throwIfNoEntry: false }) === undefined ? null : readFileSync(join(FOLDER, path), "utf8");

test("all sets together grant what stands beside the playbooks, and no more", async () => {
  const wanted = distinct((await declared()).flatMap(({ rules }) => grantsOf(rules))).map(said);
  expect(wanted.length).toBeGreaterThan(0);
  expect(singles(FEATURES.flatMap((feature) => objectsIn(`${feature}.yaml`)))).toEqual(wanted);
});

test("what looks is in observe, what changes something is not, and sweep's group holds only roles that look", () => {
  const objects = FEATURES.flatMap((feature) => objectsIn(`${feature}.yaml`));
  const looking = objects.filter(({ kind, metadata }) => kind === "ClusterRole" && metadata.name.endsWith("-observe"));
  expect(looking.length).toBeGreaterThan(0);
  expect(grantsOf(looking.flatMap(({ rules }) => rules ?? [])).filter((grant) => !isRead(grant))).toEqual([]);
  const changing = objects.filter(({ kind, metadata }) => kind === "ClusterRole" && !metadata.name.endsWith("-observe"));
  expect(grantsOf(changing.flatMap(({ rules }) => rules ?? [])).filter(isRead)).toEqual([]);
  const held = objects
    .filter(({ subjects }) => subjects?.some(({ name }) => name === SHIPPED.observers))
    .map(({ roleRef }) => roleRef?.name);
  expect([...new Set(held)].toSorted()).toEqual([...new Set(looking.map(({ metadata }) => metadata.name))].toSorted());
});

test("each file is complete by itself: namespace, ServiceAccount, what every action reads, and its own", () => {
  for (const feature of FEATURES) {
    const roles = objectsIn(`${feature}.yaml`).filter(({ kind }) => kind === "ClusterRole");
    const kinds = objectsIn(`${feature}.yaml`).map(({ kind }) => kind);
    expect(kinds.slice(0, 2)).toEqual(["Namespace", "ServiceAccount"]);
    expect(roles.map(({ metadata }) => metadata.name)).toEqual(
      expect.arrayContaining([`falco-responder-observe`, `falco-responder-${feature}`]),
    );
  }
});

/** As kubectl does: resources and components of a kustomization, which are files and folders. */
function built(folder: string): readonly Object[] {
  const { resources = [], components = [] } = parse(readFileSync(join(FOLDER, folder, "kustomization.yaml"), "utf8")) as {
    resources?: readonly string[];
    components?: readonly string[];
  };
  return [...resources, ...components].flatMap((path) =>
    path.endsWith(".yaml") ? objectsIn(join(folder, path)) : built(join(folder, path)),
  );
}
const byName = (objects: readonly Object[]): readonly string[] => objects.map((object) => JSON.stringify(object)).toSorted();

test.each(["terminate", "isolate", "node", "delete"])("the overlay %s is its file and the bounds", (feature) => {
  expect(byName(built(`overlays/${feature}`))).toEqual(byName([...objectsIn(`${feature}.yaml`), ...objectsIn("admission.yaml")]));
});

test("the folder itself observes, and the overlay all is every set, each object once", () => {
  expect(byName(built("."))).toEqual(byName([...objectsIn("observe.yaml"), ...objectsIn("admission.yaml")]));
  const all = FEATURES.flatMap((feature) => objectsIn(`${feature}.yaml`));
  expect(byName(built("overlays/all"))).toEqual(
    byName([...new Set([...all, ...objectsIn("admission.yaml")].map((o) => JSON.stringify(o)))].map((o) => JSON.parse(o) as Object)),
  );
});

test("every action on pods and on objects of a cluster has a set", () => {
  const theirs = ACTIONS.filter((action) => ["pod", "object"].includes(ACTION_FACTS[action].target));
  expect(theirs.filter((action) => !isKubernetes(action))).toEqual([]);
  expect(ACTIONS.filter((action) => isKubernetes(action) && !theirs.includes(action))).toEqual([]);
});

test("what is declared to be written, the bounds know: none is left to RBAC alone", async () => {
  const writes = Object.values(granted(await declared()))
    .flat()
    .filter((grant) => !isRead(grant) && grant.verb !== "delete");
  const bounded: Readonly<Record<string, readonly string[]>> = WRITES;
  const free = writes.filter(({ group, resource, verb }) => !bounded[verb]?.includes(`${group}/${resource}`)).map(said);
  expect(free, "give it a bound in infra/rbac/admission.ts").toEqual([]);
});

test("a missing right is told with a file that grants it", async () => {
  const sets = granted(await declared());
  const grants = distinct(FEATURES.flatMap((feature) => sets[feature]));
  const mistold = grants.filter((grant) => {
    const [kind = "", ...sub] = grant.resource.split("/");
    const called = [grant.group === "" ? kind : `${kind}.${grant.group}`, ...sub].join("/");
    const told = isAsked(grant.verb) ? rbacFiles(grant.verb, called) : "";
    return !FEATURES.some((feature) => told.includes(`infra/rbac/${feature}.yaml`) && sets[feature].map(said).includes(said(grant)));
  });
  expect(mistold.map(said), "correct shared/adapters/kubernetes/features.ts").toEqual([]);
});

const isAsked = (verb: string): verb is Parameters<typeof rbacFiles>[0] => ["get", "list", "create", "patch", "delete"].includes(verb);

const pods = (verb: string): Grant => ({ group: "", resource: "pods", verb });

/** Never, and what differs from it in one fact. */
const NEVER: readonly (readonly [Grant, Grant])[] = [
  [
    { group: "", resource: "secrets", verb: "get" },
    { group: "", resource: "secrets", verb: "delete" },
  ],
  [
    { group: "", resource: "secrets", verb: "list" },
    { group: "", resource: "configmaps", verb: "list" },
  ],
  [
    { group: "", resource: "secrets", verb: "patch" },
    { group: "", resource: "serviceaccounts", verb: "patch" },
  ],
  [
    { group: "", resource: "pods/exec", verb: "create" },
    { group: "", resource: "pods/eviction", verb: "create" },
  ],
  [
    { group: "", resource: "pods/exec", verb: "get" },
    { group: "", resource: "pods/log", verb: "get" },
  ],
  [
    { group: "", resource: "pods/attach", verb: "create" },
    { group: "", resource: "pods/eviction", verb: "create" },
  ],
  [
    { group: "", resource: "pods/portforward", verb: "create" },
    { group: "", resource: "pods/eviction", verb: "create" },
  ],
  [{ group: "", resource: "pods/ephemeralcontainers", verb: "patch" }, pods("patch")],
  [
    { group: "", resource: "nodes/proxy", verb: "get" },
    { group: "", resource: "nodes", verb: "get" },
  ],
  [
    { group: "", resource: "services/proxy", verb: "get" },
    { group: "", resource: "services", verb: "get" },
  ],
  [
    { group: "", resource: "serviceaccounts/token", verb: "create" },
    { group: "", resource: "serviceaccounts", verb: "delete" },
  ],
  [
    { group: "", resource: "users", verb: "impersonate" },
    { group: "", resource: "serviceaccounts", verb: "get" },
  ],
  [
    { group: "rbac.authorization.k8s.io", resource: "clusterroles", verb: "escalate" },
    { group: "rbac.authorization.k8s.io", resource: "rolebindings", verb: "delete" },
  ],
  [
    { group: "rbac.authorization.k8s.io", resource: "clusterroles", verb: "bind" },
    { group: "rbac.authorization.k8s.io", resource: "rolebindings", verb: "get" },
  ],
  [
    { group: "rbac.authorization.k8s.io", resource: "rolebindings", verb: "create" },
    { group: "networking.k8s.io", resource: "networkpolicies", verb: "create" },
  ],
  [
    { group: "rbac.authorization.k8s.io", resource: "rolebindings", verb: "patch" },
    { group: "networking.k8s.io", resource: "networkpolicies", verb: "patch" },
  ],
  [
    { group: "admissionregistration.k8s.io", resource: "validatingadmissionpolicies", verb: "delete" },
    { group: "networking.k8s.io", resource: "networkpolicies", verb: "delete" },
  ],
  [
    { group: "certificates.k8s.io", resource: "certificatesigningrequests", verb: "get" },
    { group: "batch", resource: "jobs", verb: "get" },
  ],
  [
    { group: "", resource: "namespaces", verb: "patch" },
    { group: "", resource: "namespaces", verb: "get" },
  ],
  [pods("create"), pods("delete")],
  [pods("update"), pods("patch")],
  [pods("deletecollection"), pods("delete")],
  [pods("*"), pods("get")],
  [{ group: "", resource: "*", verb: "get" }, pods("get")],
  [{ group: "*", resource: "pods", verb: "get" }, pods("get")],
];

test.each(NEVER.map(([never, twin]) => [said(never), said(twin), never, twin] as const))(
  "%s is never granted, and %s may be",
  (_never, _twin, never, twin) => {
    const rule = ({ group, resource, verb }: Grant): Declared => ({
      action: "kubernetes:delete",
      rules: [{ apiGroups: [group], resources: [resource], verbs: [verb] }],
    });
    expect(forbidden(never)).not.toBeNull();
    expect(() => granted([rule(never)])).toThrow("is never granted");
    expect(forbidden(twin)).toBeNull();
    expect(granted([rule(twin)]).delete).toEqual([twin]);
  },
);

test("whose right it is: a node's change is node's, a read observe's, what only delete reads delete's", () => {
  const all: readonly Declared[] = [
    { action: null, rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }] },
    { action: "kubernetes:label", rules: [{ apiGroups: [""], resources: ["pods", "nodes"], verbs: ["get", "patch"] }] },
    { action: "kubernetes:delete", rules: [{ apiGroups: [""], resources: ["pods", "configmaps"], verbs: ["get", "delete"] }] },
  ];
  const sets = granted(all);
  expect(Object.fromEntries(FEATURES.map((feature) => [feature, sets[feature].map(said)]))).toEqual({
    observe: ["get nodes", "get pods"],
    terminate: [],
    isolate: ["patch pods"],
    node: ["patch nodes"],
    delete: ["delete configmaps", "delete pods", "get configmaps"],
  });
  expect(() => granted([{ action: null, rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["delete"] }] }])).toThrow(
    "belongs to no action",
  );
});

const asWritten = (manifests: readonly object[]): readonly Object[] => JSON.parse(JSON.stringify(manifests)) as readonly Object[];

test("in namespaces of its own a set is bound there only, and what is in no namespace stands apart", () => {
  const sets = granted([
    {
      action: "kubernetes:drain",
      rules: [
        { apiGroups: [""], resources: ["nodes"], verbs: ["patch"] },
        { apiGroups: [""], resources: ["pods/eviction"], verbs: ["create"] },
      ],
    },
    { action: "kubernetes:evict", rules: [{ apiGroups: [""], resources: ["pods/eviction"], verbs: ["create"] }] },
  ]);
  const shown = (feature: "node" | "terminate") =>
    asWritten(namespaced(feature, ["shop", "web"], sets, SHIPPED)).map(({ kind, metadata, roleRef, rules }) =>
      [kind, metadata.namespace ?? "", metadata.name, roleRef?.name ?? singles([{ kind, metadata, rules: rules ?? [] }]).join()].join(" "),
    );
  expect(shown("terminate")).toEqual([
    "ClusterRole  falco-responder-terminate create pods/eviction",
    "RoleBinding shop falco-responder-terminate falco-responder-terminate",
    "RoleBinding web falco-responder-terminate falco-responder-terminate",
  ]);
  expect(shown("node")).toEqual([
    "ClusterRole  falco-responder-node create pods/eviction,patch nodes",
    "RoleBinding shop falco-responder-node falco-responder-node",
    "RoleBinding web falco-responder-node falco-responder-node",
    "ClusterRole  falco-responder-node-cluster patch nodes",
    "ClusterRoleBinding  falco-responder-node-cluster falco-responder-node-cluster",
  ]);
});

test("the same rights are the same rules, in whatever order and however often they are declared", () => {
  const grant = fc.record({
    group: fc.constantFrom("", "apps", "batch"),
    resource: fc.constantFrom("pods", "nodes", "pods/log"),
    verb: fc.constantFrom("get", "list", "patch", "delete"),
  });
  fc.assert(
    fc.property(fc.array(grant), fc.infiniteStream(fc.nat()), (grants, order) => {
      const mixed = [...grants, ...grants.slice(0, 3)].map((one) => [order.next().value, one] as const).toSorted(([a], [b]) => a - b);
      const rules = rulesOf(grants);
      expect(rulesOf(mixed.map(([, one]) => one))).toEqual(rules);
      expect(distinct(grantsOf(rules))).toEqual(distinct(grants));
    }),
  );
});
