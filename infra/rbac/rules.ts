/** One RBAC rule. https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources */
export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

/** One verb on one resource (`pods`, `pods/eviction`) of one group ("" for core). */
export interface Grant {
  readonly group: string;
  readonly resource: string;
  readonly verb: string;
}

export const grantsOf = (rules: readonly Rule[]): readonly Grant[] =>
  rules.flatMap(({ apiGroups, resources, verbs }) =>
    apiGroups.flatMap((group) => resources.flatMap((resource) => verbs.map((verb) => ({ group, resource, verb })))),
  );

/** "get apps/deployments", "delete pods" */
export const said = ({ group, resource, verb }: Grant): string => `${verb} ${group === "" ? "" : `${group}/`}${resource}`;

/** Without repetitions, in an order that does not depend on who declared them. */
export const distinct = (grants: readonly Grant[]): readonly Grant[] =>
  [...new Map(grants.map((grant) => [said(grant), grant])).entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, grant]) => grant);

const READS = ["get", "list", "watch"];
export const isRead = ({ verb }: Grant): boolean => READS.includes(verb);

const VERBS = [...READS, "create", "update", "patch", "delete"];
const byVerb = (a: string, b: string): number => VERBS.indexOf(a) - VERBS.indexOf(b);

/** As few rules as grant exactly this: the resources of a group that have the same verbs stand together. Same grants, same text. */
export function rulesOf(grants: readonly Grant[]): readonly Rule[] {
  const verbs = new Map<string, Set<string>>();
  for (const { group, resource, verb } of distinct(grants)) {
    const key = `${group} ${resource}`;
    verbs.set(key, (verbs.get(key) ?? new Set()).add(verb));
  }
  const rules = new Map<string, { group: string; resources: string[]; verbs: string[] }>();
  for (const [key, of] of [...verbs].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const [group = "", resource = ""] = key.split(" ");
    const sorted = [...of].toSorted(byVerb);
    const same = `${group} ${sorted.join(",")}`;
    const rule = rules.get(same) ?? { group, resources: [], verbs: sorted };
    rule.resources.push(resource);
    rules.set(same, rule);
  }
  return [...rules.values()].map(({ group, resources, verbs: granted }) => ({ apiGroups: [group], resources, verbs: granted }));
}

/**
 * Why a right is never granted here, whatever a playbook declares; null: it may be. Each of these is a way to somebody else's rights, to a
 * shell, or to what a Secret holds. https://kubernetes.io/docs/concepts/security/rbac-good-practices/#privilege-escalation-risks
 */
export function forbidden({ group, resource, verb }: Grant): string | null {
  const [kind = "", subresource = ""] = resource.split("/");
  if ([group, resource, verb].some((part) => part.includes("*"))) return "a wildcard grants what nobody has thought of";
  if (!VERBS.includes(verb)) return `the responder needs no ${verb}`;
  if (kind === "secrets" && verb !== "delete") return "whoever reads or writes Secrets has the rights of everybody whose token lies there";
  if (kind === "serviceaccounts" && subresource === "token") return "whoever makes tokens has the rights of every ServiceAccount";
  if (SHELLS.includes(subresource)) return `${subresource} is a way into containers or past the API server`;
  if (GATES.includes(group)) return `${group} decides who may do what, this responder included`;
  if (verb === "update") return "a whole object is never written: a patch says what it changes and what it expects";
  if (verb === "create" && !MAKES.includes(`${group}/${resource}`)) return "whoever makes objects runs, or grants, what it likes";
  if (verb === "patch" && (RULERS.includes(group) || kind === "namespaces")) return `whoever changes ${resource} gives itself any right`;
  return null;
}

const SHELLS = ["exec", "attach", "portforward", "proxy", "ephemeralcontainers", "resize", "binding"];
/** Not even read, and nothing deleted: what keeps the responder within its bounds is there. */
const GATES = ["authentication.k8s.io", "authorization.k8s.io", "certificates.k8s.io", "admissionregistration.k8s.io"];
const RULERS = ["rbac.authorization.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io"];
/** All that it ever makes. */
const MAKES = [
  "/pods/eviction",
  // A ServiceAccount alone gives nobody anything: it takes a token or a pod to use it, and neither is ever made.
  "/serviceaccounts",
  "networking.k8s.io/networkpolicies",
  "cilium.io/ciliumnetworkpolicies",
  "crd.projectcalico.org/networkpolicies",
];
