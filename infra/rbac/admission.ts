import { INCIDENT, MANAGED_BY, PREFIX } from "#shared/playbooks/kubernetes/marks.ts";
import { all, any, list, map, not, oneOf, sameBut, text } from "./cel.ts";
import type { Names } from "./names.ts";
import { type Manifest, metadata } from "./roles.ts";

/**
 * Nothing of the responder's happens there, whatever its policy and its code say: change it here, and run infra/rbac/write.ts. Any other
 * namespace is spared by its label `falco-responder.io/protected: "true"`, which its owner sets.
 */
export const SPARED_NAMESPACES = ["kube-system", "kube-public", "kube-node-lease", "falco"] as const;
const SPARED_BEGINNING = "falco-";
/** On pods, nodes, namespaces and whatever else, as label or annotation: the keys that policy.yml protects by, too. */
export const PROTECTED_KEYS = [`${PREFIX}protected`, "falco-responder/protected"] as const;

/** All that it may make, besides deletes, which have rules of their own. `<operation> <group>/<resource>[/<subresource>]` */
export const WRITES = {
  create: [
    "/pods/eviction",
    "/serviceaccounts",
    "networking.k8s.io/networkpolicies",
    "cilium.io/ciliumnetworkpolicies",
    "crd.projectcalico.org/networkpolicies",
    // Asking what one may do changes nothing.
    "authorization.k8s.io/selfsubjectaccessreviews",
    "authorization.k8s.io/selfsubjectrulesreviews",
  ],
  patch: [
    "/pods",
    "/nodes",
    "/serviceaccounts",
    "apps/deployments",
    "apps/deployments/scale",
    "apps/statefulsets",
    "apps/statefulsets/scale",
    "apps/replicasets",
    "apps/replicasets/scale",
    "apps/daemonsets",
    "batch/jobs",
    "batch/cronjobs",
    "networking.k8s.io/networkpolicies",
    "cilium.io/ciliumnetworkpolicies",
    "crd.projectcalico.org/networkpolicies",
  ],
} as const;
/** Deleting one of these deletes others, or takes the bounds away. */
const NEVER_DELETED = ["namespaces", "nodes", "persistentvolumes", "persistentvolumeclaims"];
const NEVER_DELETED_OF = ["admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io", "certificates.k8s.io"];

/** Who writes keys of these domains, and of those below them, on a node steers schedulers, autoscalers and kubelets. */
const STEERING = ["kubernetes.io", "k8s.io", "karpenter.sh", "eks.amazonaws.com"];
/** Annotations by which autoscalers leave a cordoned node alone. */
const AUTOSCALERS = ["cluster-autoscaler.kubernetes.io/scale-down-disabled", "karpenter.sh/do-not-disrupt"];
const CONTROL_PLANE = ["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"];
const MIRROR = "kubernetes.io/config.mirror";

interface Check {
  readonly holds: string;
  /** What stands in the refusal, and so on the receipt. */
  readonly message: string;
}

interface Bound {
  readonly name: string;
  readonly on: readonly { readonly groups: readonly string[]; readonly resources: readonly string[] }[];
  readonly operations: readonly ("CREATE" | "UPDATE" | "DELETE" | "CONNECT")[];
  readonly checks: readonly Check[];
}

const on = (...what: readonly string[]): Bound["on"] =>
  what.map((one) => ({ groups: [one.slice(0, one.indexOf("/"))], resources: [one.slice(one.indexOf("/") + 1)] }));

const updating = (holds: string): string => any("request.operation != 'UPDATE'", holds);
const deleting = (holds: string): string => any("request.operation != 'DELETE'", holds);
/** For each of the object as it was and as it will be; a delete has no new one, a create no old one. */
const each = (holds: string): string => `[dyn(object), dyn(oldObject)].all(o, o == null || (${holds}))`;
const eachMark = (holds: string): string =>
  each(`[o.metadata.?labels.orValue({}), o.metadata.?annotations.orValue({})].all(m, m.all(k, ${holds}))`);

type Path = readonly [string, ...string[]];
const COMPARED = {
  spec: ["spec"],
  metadata: ["metadata"],
  labels: ["metadata", "labels"],
  annotations: ["metadata", "annotations"],
} as const satisfies Readonly<Record<string, Path>>;
/** A part of the object is as it was, but for keys for which `free` holds. */
const same = (part: keyof typeof COMPARED, free: string | null): string => sameBut(free, `variables.${part}`, `variables.former_${part}`);

/** What expressions may name as `variables.<name>`; each policy declares those that it names. */
const VARIABLES: readonly { readonly name: string; readonly expression: string }[] = [
  ...Object.entries<Path>(COMPARED).flatMap(([part, path]) => [
    { name: part, expression: map("object", ...path) },
    { name: `former_${part}`, expression: map("oldObject", ...path) },
  ]),
  {
    name: "what",
    expression:
      "request.resource.group + '/' + request.resource.resource + (request.?subResource.orValue('') == '' ? '' : '/' + request.subResource)",
  },
];
const variablesIn = (expressions: readonly string[]) =>
  VARIABLES.filter(({ name }) => expressions.some((expression) => new RegExp(`variables\\.${name}\\b`).test(expression)));

const METADATA_UNTOUCHED: Check = {
  holds: updating(same("metadata", oneOf(["labels", "annotations", "managedFields", "resourceVersion", "generation"]))),
  message: "of its metadata only labels and annotations may be changed",
};
const ours = `k.startsWith(${text(PREFIX)})`;

const anything = ({ group, prefix, serviceAccount }: Names): Bound => ({
  name: "anything",
  on: [{ groups: ["*"], resources: ["*/*"] }],
  operations: ["CREATE", "UPDATE", "DELETE", "CONNECT"],
  checks: [
    {
      holds: any(`${text(group)} in request.userInfo.?groups.orValue([])`, isServiceAccount(prefix, serviceAccount)),
      message: "who only observes changes nothing",
    },
    {
      holds: any(
        all(
          "request.operation == 'DELETE'",
          not(`request.resource.resource in ${list(NEVER_DELETED)}`),
          not(`request.resource.group in ${list(NEVER_DELETED_OF)}`),
        ),
        all("request.operation == 'CREATE'", `variables.what in ${list(WRITES.create)}`),
        all("request.operation == 'UPDATE'", `variables.what in ${list(WRITES.patch)}`),
      ),
      message: "the responder never does this to objects of this kind",
    },
    {
      holds: not(
        any(
          `request.?namespace.orValue('') in ${list(SPARED_NAMESPACES)}`,
          `request.?namespace.orValue('').startsWith(${text(SPARED_BEGINNING)})`,
          `dyn(namespaceObject) != null && ${map("namespaceObject", "metadata", "labels")}[?${text(PROTECTED_KEYS[0])}].orValue('').lowerAscii() == 'true'`,
        ),
      ),
      message: "the namespace is protected",
    },
    {
      holds: eachMark(not(all(`k.lowerAscii() in ${list(PROTECTED_KEYS)}`, "m[k].trim().lowerAscii() == 'true'"))),
      message: `a label or annotation ${PROTECTED_KEYS[0]} protects it`,
    },
    {
      holds: deleting("dyn(oldObject) != null && dyn(request.options).?preconditions.?uid.orValue('') == oldObject.metadata.uid"),
      message: "a delete must name the uid of what it deletes",
    },
  ],
});

const isServiceAccount = (namespace: string, name: string): string =>
  `request.userInfo.?username.orValue('') == ${text(`system:serviceaccount:${namespace}:${name}`)}`;

/** Calico's store puts a tier before the name. */
const NAMED_AS_OURS =
  "o.metadata.?name.orValue('').matches(request.resource.group == 'crd.projectcalico.org' ? '^([a-z0-9-]+\\\\.)?falco-responder-' : '^falco-responder-')";
/** By the kind's own way to say whom it is about; Calico has an expression instead of a map. */
const SELECTS_BY_OURS = `(request.resource.group == 'crd.projectcalico.org'
  ? dyn(object).?spec.?selector.orValue('').matches(${text(`^${PREFIX.replace(".", "\\.")}[a-z-]+ *== *["'][-A-Za-z0-9_.]+["']$`)})
  : (request.resource.group == 'cilium.io' ? ${map("object", "spec", "endpointSelector", "matchLabels")} : ${map("object", "spec", "podSelector", "matchLabels")})
      .exists(k, k.startsWith(${text(PREFIX)}) || k.startsWith(${text(`k8s:${PREFIX}`)})))`.replaceAll(/\n */g, " ");

/** `k` is of one of these domains. */
const STEERS = `k.contains('/') && ${list(STEERING)}.exists(d, k.split('/')[0] == d || k.split('/')[0].endsWith('.' + d))`;

const BOUNDS: readonly Bound[] = [
  {
    name: "pods",
    on: on("/pods"),
    operations: ["UPDATE", "DELETE"],
    checks: [
      { holds: updating(same("spec", null)), message: "of a pod only labels and annotations may be changed" },
      METADATA_UNTOUCHED,
      { holds: each(`!(${text(MIRROR)} in o.metadata.?annotations.orValue({}))`), message: "the pod mirrors a static pod" },
      {
        holds: each("!o.spec.?priorityClassName.orValue('').startsWith('system-')"),
        message: "the pod's priority class says that the cluster needs it",
      },
      {
        // Of a pod that has ended or is on no node the server itself makes it 0, whatever was asked for: no process is left to confirm.
        holds: deleting(
          any(
            "dyn(request.options).?gracePeriodSeconds.orValue(1) > 0",
            "dyn(oldObject).?spec.?nodeName.orValue('') == ''",
            "dyn(oldObject).?status.?phase.orValue('') in ['Succeeded', 'Failed']",
          ),
        ),
        message: "a pod is never deleted by force: grace must be at least 1 s",
      },
    ],
  },
  {
    name: "evictions",
    on: on("/pods/eviction"),
    operations: ["CREATE"],
    checks: [
      { holds: "dyn(object).?deleteOptions.?preconditions.?uid.orValue('') != ''", message: "an eviction must name the uid of its pod" },
      {
        holds: "dyn(object).?deleteOptions.?gracePeriodSeconds.orValue(1) > 0",
        message: "a pod is never evicted by force: grace must be at least 1 s",
      },
    ],
  },
  {
    name: "nodes",
    on: on("/nodes"),
    operations: ["UPDATE"],
    checks: [
      {
        holds: each(
          all(
            `o.metadata.?labels.orValue({}).all(k, !(k in ${list(CONTROL_PLANE)}))`,
            `o.?spec.?taints.orValue([]).all(t, !(t.key in ${list(CONTROL_PLANE)}))`,
          ),
        ),
        message: "the node is of the control plane",
      },
      { holds: same("spec", oneOf(["unschedulable"])), message: "of a node's spec only unschedulable may be changed" },
      METADATA_UNTOUCHED,
      { holds: same("labels", not(STEERS)), message: `labels of ${STEERING.join(", ")} steer the cluster and are never changed` },
      {
        holds: same("annotations", any(not(STEERS), oneOf(AUTOSCALERS))),
        message: `annotations of ${STEERING.join(", ")} steer the cluster and are never changed, but for the autoscalers' two`,
      },
    ],
  },
  {
    name: "networkpolicies",
    on: on("networking.k8s.io/networkpolicies", "cilium.io/ciliumnetworkpolicies", "crd.projectcalico.org/networkpolicies"),
    operations: ["CREATE", "UPDATE", "DELETE"],
    checks: [
      {
        holds: each(
          all(NAMED_AS_OURS, `o.metadata.?labels.orValue({})[?${text(MANAGED_BY.key)}].orValue('') == ${text(MANAGED_BY.value)}`),
        ),
        message: `only network policies that are called falco-responder-... and labelled ${MANAGED_BY.key}: ${MANAGED_BY.value} are its own`,
      },
      {
        holds: any("request.operation == 'DELETE'", SELECTS_BY_OURS),
        message: `its network policies select by labels under ${PREFIX} only, and so no pod that it has not marked`,
      },
    ],
  },
  {
    name: "scale",
    on: on("apps/deployments/scale", "apps/statefulsets/scale", "apps/replicasets/scale"),
    operations: ["UPDATE"],
    checks: [
      {
        holds: any("dyn(object).?spec.?replicas.orValue(0) == 0", "dyn(oldObject).?spec.?replicas.orValue(0) == 0"),
        message: "replicas may be set to zero, or from zero back",
      },
    ],
  },
  {
    name: "accounts",
    on: on("/serviceaccounts"),
    operations: ["CREATE"],
    checks: [
      {
        holds: `${text(INCIDENT)} in object.metadata.?annotations.orValue({})`,
        message: `a ServiceAccount is only made anew, with the incident for which it is (${INCIDENT})`,
      },
    ],
  },
  {
    name: "owners",
    on: on(
      ...["deployments", "statefulsets", "replicasets", "daemonsets"].map((one) => `apps/${one}`),
      ...["jobs", "cronjobs"].map((one) => `batch/${one}`),
      "/serviceaccounts",
    ),
    operations: ["UPDATE"],
    checks: [
      {
        holds: same("spec", all("request.resource.group == 'batch'", oneOf(["suspend"]))),
        message: "of a workload's spec nothing may be changed but suspend of jobs and cron jobs",
      },
      {
        holds: sameBut(oneOf(["metadata", "spec", "status"]), "dyn(object)", "dyn(oldObject)"),
        message: "nothing but metadata may be changed",
      },
      METADATA_UNTOUCHED,
      ...(["labels", "annotations"] as const).map((marks) => ({
        holds: same(marks, ours),
        message: `of ${marks} only those under ${PREFIX} may be changed`,
      })),
    ],
  },
];

/**
 * What the responder may do whatever its code does, beside RBAC, which knows verbs and kinds only. Kubernetes >= 1.30. Nobody else is
 * concerned: the conditions let every other user's request pass before anything is judged.
 * https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
 */
export function admission(names: Names): readonly Manifest[] {
  const { prefix, serviceAccount, group, observers } = names;
  const isOurs = any(
    `request.userInfo.?groups.orValue([]).exists(g, g in ${list([group, observers])})`,
    isServiceAccount(prefix, serviceAccount),
  );
  return [anything(names), ...BOUNDS].flatMap(({ name, on: what, operations, checks }) => {
    const called = `${prefix}-${name}`;
    return [
      {
        apiVersion: "admissionregistration.k8s.io/v1",
        kind: "ValidatingAdmissionPolicy",
        metadata: metadata(called, names),
        spec: {
          failurePolicy: "Fail",
          matchConstraints: {
            resourceRules: what.map(({ groups, resources }) => ({ apiGroups: groups, apiVersions: ["*"], operations, resources })),
          },
          matchConditions: [{ name: "the-responder", expression: isOurs }],
          variables: variablesIn(checks.map(({ holds }) => holds)),
          validations: checks.map(({ holds, message }) => ({ expression: holds, message: `falco-responder: ${message}` })),
        },
      },
      {
        apiVersion: "admissionregistration.k8s.io/v1",
        kind: "ValidatingAdmissionPolicyBinding",
        metadata: metadata(called, names),
        spec: { policyName: called, validationActions: ["Deny"] },
      },
    ];
  });
}
