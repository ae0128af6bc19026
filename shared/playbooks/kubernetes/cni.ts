import { list, object, podFacts, text } from "#shared/playbooks/kubernetes/facts.ts";
import { CALICO_NETWORK_POLICY, CILIUM_NETWORK_POLICY, POD } from "#shared/playbooks/kubernetes/kinds.ts";
import type { Needs, Params } from "#shared/playbooks/playbook.ts";
import type { Kind, KubeObject, KubernetesApi } from "#shared/ports/kubernetes.ts";

/** Who enforces network policies on a node, seen by its agent there: a served CRD alone may be left over from one that was removed. */
export interface Enforcer {
  readonly name: string;
  /** What becomes of connections that stand when a policy comes. */
  readonly established: "cut" | "live" | "unknown";
  /** Its rules are kept per owner and node, not per pod: a policy for one pod hits its siblings, or theirs spare it. */
  readonly shared: boolean;
  /** Its own kind of policy, whose deny beats every allow; null: it has none, or it is not served here. */
  readonly deny: "cilium" | "calico" | null;
}

/** `seen`: in words, what that is known from. */
export interface Cni {
  readonly enforcer: Enforcer | null;
  readonly seen: string;
}

interface Agent extends Omit<Enforcer, "deny"> {
  readonly namespaces: readonly string[];
  readonly daemonSets: readonly string[];
  readonly deny?: "cilium" | "calico";
  /** Is the enforcing part of it on? Absent: it always is. */
  readonly on?: (pod: KubeObject) => boolean;
}

const agent = (name: string, established: Agent["established"], daemonSets: readonly string[], more: Partial<Agent> = {}): Agent => ({
  name,
  established,
  daemonSets,
  shared: false,
  namespaces: ["kube-system"],
  ...more,
});

/**
 * Agents by the DaemonSet that their own manifests and charts install. Established connections: Cilium looks a policy up per packet, but for
 * replies (cilium#2700); Calico (calico#6399) and Antrea (antrea#5381) let them go on; the VPC CNI judges a flow anew only when the pod's state
 * changes (amazon-vpc-cni-k8s README); kube-network-policies has a strict mode (#268). EKS Auto Mode, Fargate and k3s run no agent that shows.
 */
const AGENTS: readonly Agent[] = [
  agent("Cilium", "cut", ["cilium"], { namespaces: ["kube-system", "cilium"], deny: "cilium" }),
  agent("GKE Dataplane V2 (Cilium)", "cut", ["anetd"]),
  agent("Calico", "live", ["calico-node", "canal", "rke2-canal"], { namespaces: ["kube-system", "calico-system"], deny: "calico" }),
  agent("Antrea", "live", ["antrea-agent"]),
  agent("the AWS VPC CNI", "live", ["aws-node"], {
    shared: true,
    on: (pod) => argsOf(pod, "aws-eks-nodeagent").includes("--enable-network-policy=true"),
  }),
  agent("kube-router", "unknown", ["kube-router"], { on: (pod) => !argsOf(pod, "kube-router").includes("--run-firewall=false") }),
  agent("kube-network-policies", "unknown", ["kube-network-policies"]),
  agent("OVN-Kubernetes", "unknown", ["ovnkube-node"], { namespaces: ["openshift-ovn-kubernetes"] }),
];

export const cniNeeds: Needs["rbac"] = [
  { apiGroups: [""], resources: ["pods"], verbs: ["list"] },
  { apiGroups: ["cilium.io"], resources: ["ciliumnetworkpolicies"], verbs: ["list"] },
  { apiGroups: ["crd.projectcalico.org"], resources: ["networkpolicies"], verbs: ["list"] },
];

export const DENY_KINDS: Readonly<Record<"cilium" | "calico", Kind>> = { cilium: CILIUM_NETWORK_POLICY, calico: CALICO_NETWORK_POLICY };

/** What enforces network policies for the pods of this node. `namespace`: where the kinds with a deny are asked for. */
export async function cniOf(node: string | null, namespace: string, api: KubernetesApi, signal: AbortSignal): Promise<Cni> {
  if (node === null) return { enforcer: null, seen: "the pod is on no node" };
  const pods = (await api.list(POD, { fields: `spec.nodeName=${node}` }, signal)) ?? [];
  const seen = AGENTS.flatMap((one) => pods.filter((pod) => isOf(pod, one)).map((pod) => ({ agent: one, pod })));
  const working = [...new Set(seen.filter(({ pod }) => podFacts(pod).ready).map((one) => one.agent))];
  const asked = await Promise.all(working.map(async (one) => withDeny(one, await served(one.deny, namespace, api, signal))));
  // One with a deny of its own is not hurt by what another does with plain policies.
  const found = asked.some(({ deny }) => deny !== null) ? asked.filter(({ deny }) => deny !== null) : asked;
  const [enforcer, second] = found;
  if (enforcer === undefined)
    return {
      enforcer: null,
      seen:
        seen[0] === undefined
          ? `no agent that enforces network policies is seen on node ${node}`
          : `the agent of ${seen[0].agent.name} on node ${node} is not ready`,
    };
  if (second !== undefined) return { enforcer: null, seen: `agents of both ${enforcer.name} and ${second.name} are on node ${node}` };
  return { enforcer, seen: `the agent of ${enforcer.name} is ready on node ${node}` };
}

const withDeny = ({ name, established, shared }: Agent, deny: Enforcer["deny"]): Enforcer => ({ name, established, shared, deny });

async function served(deny: Agent["deny"], namespace: string, api: KubernetesApi, signal: AbortSignal): Promise<Enforcer["deny"]> {
  return deny !== undefined && (await api.list(DENY_KINDS[deny], { namespace }, signal)) !== null ? deny : null;
}

function isOf(pod: KubeObject, { namespaces, daemonSets, on }: Agent): boolean {
  const { namespace, controller } = podFacts(pod);
  if (controller?.kind !== "DaemonSet" || !namespaces.includes(namespace) || !daemonSets.includes(controller.name)) return false;
  return on?.(pod) ?? true;
}

const argsOf = ({ spec = {} }: KubeObject, container: string): readonly unknown[] => {
  const found = list(spec["containers"]).find((one) => text(one["name"]) === container);
  return [object(found)["command"], object(found)["args"]].flatMap((words) => (Array.isArray(words) ? words : []));
};

/** Parameters by which a policy's author says that they know better. */
export const CNI_PARAMS = ["on_vpc_cni", "unproven"] as const;

/** Those parameters with their presets, or why not. */
export function cniParams(params: Params): { readonly on_vpc_cni: string; readonly unproven: string } | string {
  const { on_vpc_cni = "refuse", unproven = "refuse" } = params;
  if (on_vpc_cni !== "refuse" && on_vpc_cni !== "warn") return "on_vpc_cni must be refuse or warn";
  if (unproven !== "refuse" && unproven !== "allow") return "unproven must be refuse or allow";
  return { on_vpc_cni, unproven };
}

/** Why a policy for one pod is not worth making here; null: it is. */
export function objectionTo({ enforcer, seen }: Cni, params: Params): string | null {
  if (enforcer === null)
    return params["unproven"] === "allow"
      ? null
      : `nothing shows that network policies are enforced there (${seen}), and where none are, a policy does nothing; next best: kubernetes:terminate`;
  if (!enforcer.shared || params["on_vpc_cni"] === "warn") return null;
  return `${enforcer.name} keeps its rules per owner and node, not per pod: this would cut healthy siblings, or their policies would spare the offender; next best: kubernetes:terminate, with evidence`;
}

/** What people must know of the enforcer. */
export function cniRemarks({ enforcer, seen }: Cni): readonly string[] {
  if (enforcer === null) return [`UNPROVEN: ${seen}. The API server takes the policy, and nobody can tell whether anything enforces it.`];
  const { name, established, shared } = enforcer;
  const stands = {
    cut: `${name} judges every packet but replies: connections that stand drop.`,
    live: `${name} lets connections that stand go on: an open reverse shell lives. Only new ones are blocked.`,
    unknown: `Whether ${name} cuts connections that stand is not known: take it that an open reverse shell lives.`,
  };
  return [
    stands[established],
    ...(shared
      ? [`${name} keeps its rules per owner and node: siblings of this pod there may be cut with it, or their policies may spare it.`]
      : []),
  ];
}
