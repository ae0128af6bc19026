import type { Granted } from "./declared.ts";
import { FEATURES, type Feature } from "./features.ts";
import type { Names } from "./names.ts";
import { type Grant, isRead, type Rule, rulesOf } from "./rules.ts";

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels: Readonly<Record<string, string>> };
  readonly [key: string]: unknown;
}

interface ClusterRole extends Manifest {
  readonly rules: readonly Rule[];
}

const RBAC = "rbac.authorization.k8s.io";

export const metadata = (name: string, { prefix }: Names, namespace?: string): Manifest["metadata"] => ({
  name,
  ...(namespace === undefined ? {} : { namespace }),
  labels: { "app.kubernetes.io/name": prefix },
});

export const namespace = (names: Names): Manifest => ({ apiVersion: "v1", kind: "Namespace", metadata: metadata(names.prefix, names) });

export const serviceAccount = (names: Names): Manifest => ({
  apiVersion: "v1",
  kind: "ServiceAccount",
  metadata: metadata(names.serviceAccount, names, names.prefix),
  automountServiceAccountToken: false,
});

/** Who holds a role: the responder, by its ServiceAccount or its group; sweep only where the role looks and changes nothing. */
const subjects = ({ prefix, serviceAccount, group, observers }: Names, looks: boolean): readonly Readonly<Record<string, string>>[] => [
  { kind: "ServiceAccount", name: serviceAccount, namespace: prefix },
  ...[group, ...(looks ? [observers] : [])].map((name) => ({ apiGroup: RBAC, kind: "Group", name })),
];

/** One role: its name without the prefix, and whether it looks and changes nothing. */
interface Part {
  readonly name: string;
  readonly looks: boolean;
  readonly grants: readonly Grant[];
}

/** The roles of a set. What it alone reads is a role of its own, which sweep has too. */
export function partsOf(feature: Feature, granted: Granted): readonly Part[] {
  const grants = granted[feature];
  if (feature === "observe") return [{ name: feature, looks: true, grants }];
  return [
    { name: feature, looks: false, grants: grants.filter((grant) => !isRead(grant)) },
    { name: `${feature}-observe`, looks: true, grants: grants.filter(isRead) },
  ].filter(({ looks, grants: its }) => !looks || its.length > 0);
}

const role = (part: Part, names: Names): ClusterRole => ({
  apiVersion: `${RBAC}/v1`,
  kind: "ClusterRole",
  metadata: metadata(`${names.prefix}-${part.name}`, names),
  rules: rulesOf(part.grants),
});

const binding = (part: Part, names: Names, where?: string): Manifest => ({
  apiVersion: `${RBAC}/v1`,
  kind: where === undefined ? "ClusterRoleBinding" : "RoleBinding",
  metadata: metadata(`${names.prefix}-${part.name}`, names, where),
  roleRef: { apiGroup: RBAC, kind: "ClusterRole", name: `${names.prefix}-${part.name}` },
  subjects: subjects(names, part.looks),
});

/** Roles and their bindings in the whole cluster. */
export const rolesOf = (feature: Feature, granted: Granted, names: Names): readonly Manifest[] =>
  partsOf(feature, granted).flatMap((part) => [role(part, names), binding(part, names)]);

/** Whom the rights are for, and what every set needs to find its target: complete by itself. */
export function complete(feature: Feature, granted: Granted, names: Names): readonly Manifest[] {
  const sets: readonly Feature[] = feature === "observe" ? [feature] : ["observe", feature];
  return [namespace(names), serviceAccount(names), ...sets.flatMap((set) => rolesOf(set, granted, names))];
}

/** What is in no namespace, of all that a playbook may declare. A test on a real API server compares it with what the server says. */
const CLUSTER_SCOPED: readonly string[] = [
  "/namespaces",
  "/nodes",
  "/persistentvolumes",
  "apiextensions.k8s.io/customresourcedefinitions",
  "crd.projectcalico.org/globalnetworkpolicies",
  "crd.projectcalico.org/tiers",
  "cilium.io/ciliumclusterwidenetworkpolicies",
  "policy.networking.k8s.io/adminnetworkpolicies",
  "policy.networking.k8s.io/baselineadminnetworkpolicies",
  "rbac.authorization.k8s.io/clusterroles",
  "rbac.authorization.k8s.io/clusterrolebindings",
  "scheduling.k8s.io/priorityclasses",
  "storage.k8s.io/storageclasses",
];
export const clusterScoped = ({ group, resource }: Pick<Grant, "group" | "resource">): boolean =>
  CLUSTER_SCOPED.includes(`${group}/${resource.split("/")[0]}`);

/**
 * A set in these namespaces only: RBAC cannot deny, so elsewhere it is not bound. What is in no namespace (nodes) is granted by a role of its
 * own, bound in the whole cluster. It does not remove the binding of the whole set: that must be deleted, or never applied.
 */
export function namespaced(feature: Feature, namespaces: readonly string[], granted: Granted, names: Names): readonly Manifest[] {
  return partsOf(feature, granted).flatMap((part) => {
    const inside = part.grants.filter((grant) => !clusterScoped(grant));
    const outside: Part = { ...part, name: `${part.name}-cluster`, grants: part.grants.filter(clusterScoped) };
    return [
      ...(inside.length === 0 ? [] : [role(part, names), ...namespaces.map((where) => binding(part, names, where))]),
      ...(outside.grants.length === 0 ? [] : [role(outside, names), binding(outside, names)]),
    ];
  });
}

export const isFeature = (text: string): text is Feature => (FEATURES as readonly string[]).includes(text);
