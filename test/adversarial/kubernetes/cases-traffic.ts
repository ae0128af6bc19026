import {
  CILIUM_NETWORK_POLICY,
  DAEMON_SET,
  ENDPOINT_SLICE,
  NETWORK_POLICY,
  RESOURCE_QUOTA,
  SERVICE,
} from "#shared/playbooks/kubernetes/kinds.ts";
import type { Json } from "#shared/ports/kubernetes.ts";
import { key } from "../../fakes/kubernetes.ts";
import type { Case } from "./run.ts";
import { aimAt, daemon, editMetadata, editSpec, editStatus, HERE, LABELS, SHOP, type Stage } from "./stage.ts";
import { CILIUM, denied, given, ISOLATE, policyOf, quarantined, RESTRICT, restricted } from "./wanted.ts";

const policy = ({ kube }: Stage, name: string, spec: Json, metadata: object = {}): void =>
  void kube.put(NETWORK_POLICY, { metadata: { name, ...metadata }, spec });
const ANY = { podSelector: {}, policyTypes: ["Ingress", "Egress"] };
const OPEN = { ...ANY, ingress: [{}] };

/** The network plugin of the offender's node is another one. */
const plugin = ({ kube }: Stage, name: string, spec: Json = {}): void => {
  kube.objects.delete(key(DAEMON_SET, "kube-system", "antrea-agent"));
  kube.remove({ namespace: "kube-system", name: `antrea-agent-${HERE}` });
  daemon(kube, "kube-system", name, HERE, spec);
};
const VPC_CNI = { containers: [{ name: "aws-eks-nodeagent", args: ["--enable-network-policy=true"] }] };
const VPC_CNI_OFF = { containers: [{ name: "aws-eks-nodeagent", args: ["--enable-network-policy=false"] }] };

const quarantine = (name: string, fact: string, more: Pick<Case, "refuse" | "because"> & Partial<Case>): Case => ({
  name: `quarantine: ${name}`,
  fact,
  given: given(ISOLATE),
  done: quarantined,
  ...more,
});

/** A pod of StatefulSet db is accused, or one of Deployment db: of that name either way. */
const ofKind =
  (kind: "StatefulSet" | "ReplicaSet") =>
  ({ kube, shot }: Stage): void => {
    const controller = kind === "StatefulSet" ? kube.controller(kind, "db") : kube.deployment("db");
    aimAt(shot, kube.run({ name: "db-0", uid: "db0", node: HERE, labels: { app: "db" }, controller }));
  };

export const quarantines: readonly Case[] = [
  quarantine("a policy of all pods lets traffic in", "its rule", {
    refuse: (stage) => policy(stage, "open", OPEN),
    because: /^refused: it would not be cut off: NetworkPolicy open still selects such a pod and allows traffic; next best/,
    act: (stage) => policy(stage, "open", ANY),
  }),
  quarantine("a policy that selects by the absence of a label", "its key", {
    refuse: (stage) => policy(stage, "late", { ...OPEN, podSelector: { matchExpressions: [{ key: "app", operator: "DoesNotExist" }] } }),
    because: /NetworkPolicy late still selects such a pod/,
    act: (stage) => policy(stage, "late", { ...OPEN, podSelector: { matchExpressions: [{ key: "app", operator: "Exists" }] } }),
  }),
  quarantine("a policy of our name is there, and is not ours", "the namespace that it is in", {
    refuse: (stage) => policy(stage, policyOf("quarantine", stage.offender).name, ANY),
    because: /^refused: NetworkPolicy falco-responder-quarantine-\S+ is there and is not as we make it: it was left as it is/,
    act: (stage) => policy(stage, policyOf("quarantine", stage.offender).name, ANY, { namespace: "bank" }),
  }),
  quarantine("a policy of our name that somebody opened", "its rule", {
    given: (stage) => {
      given(ISOLATE)(stage);
      stage.around.before = (write) => {
        if (write === "create") opened(stage);
      };
    },
    refuse: () => undefined,
    because: /is there and is not as we make it/,
    spared: (stage) => [`${quarantined(stage)[0]}: exists`],
    act: (stage) => {
      stage.around.before = () => undefined;
    },
  }),
  quarantine("a webhook puts labels back on the way in", "where it writes", {
    refuse: (stage) => restoring(stage, "labels"),
    because: /^refused: something in the cluster \(an admission webhook\) puts labels back/,
    act: (stage) => restoring(stage, "annotations"),
  }),
  quarantine("an operator puts labels back afterwards", "what it writes", {
    refuse: (stage) => {
      stage.around.after = (write) => {
        if (write === "patch") editMetadata(stage, { labels: stage.offender.labels });
      };
    },
    because: /NOT cut off; next best: kubernetes:terminate/,
    spared: quarantined,
    act: (stage) => {
      stage.around.after = (write) => {
        if (write === "patch") policy(stage, "operators-own", ANY);
      };
    },
  }),
  quarantine("admission rejects the policy", "the webhook's answer", {
    refuse: ({ kube }) => {
      kube.admit = (verb) => (verb === "create" ? "denied" : null);
    },
    because:
      /^refused: the API server would not take NetworkPolicy falco-responder-quarantine-\S+: denied; next best: kubernetes:terminate/,
    act: ({ kube }) => {
      kube.admit = (verb) => (verb === "delete" ? "denied" : null);
    },
  }),
  quarantine("admission rejects the labels", "the webhook's answer", {
    refuse: ({ kube }) => {
      kube.admit = (verb) => (verb === "patch" ? "denied" : null);
    },
    because: /^refused: the API server would not let its labels be taken: denied/,
    act: ({ kube }) => {
      kube.admit = (verb) => (verb === "delete" ? "denied" : null);
    },
  }),
  quarantine("quota is spent, so no replacement comes", "what is used", {
    refuse: (stage) => quota(stage, "2"),
    because: /^Quota is spent: pods \(pods\)\. The replacement does NOT come while this pod stands\.$/,
    spared: quarantined,
    act: (stage) => quota(stage, "1"),
  }),
  quarantine("the pod has its node's network", "hostNetwork", {
    refuse: (stage) => editSpec(stage, { hostNetwork: true }),
    because: /^hold: the pod has its node's network \(hostNetwork\): no network policy applies to it; next best/,
    act: (stage) => editSpec(stage, { hostPID: true }),
  }),
  quarantine("of a StatefulSet", "the owner's kind", {
    refuse: ofKind("StatefulSet"),
    because: /^refused: StatefulSet db gives its replacement the same name/,
    act: ofKind("ReplicaSet"),
    done: (stage) => quarantined({ ...stage, offender: { ...stage.offender, name: "db-0", uid: "db0" } }),
  }),
  quarantine("the AWS VPC CNI enforces, and keeps its rules per owner", "the policy accepts it", {
    given: (stage) => plugin(stage, "aws-node", VPC_CNI),
    refuse: given(ISOLATE),
    because: /^refused: the AWS VPC CNI keeps its rules per owner and node, not per pod/,
    act: given(ISOLATE, { on_vpc_cni: "warn" }),
  }),
  quarantine("the AWS VPC CNI runs, and enforces nothing", "an enforcer beside it", {
    refuse: (stage) => plugin(stage, "aws-node", VPC_CNI_OFF),
    because: /^refused: nothing shows that network policies are enforced there/,
    act: (stage) => {
      plugin(stage, "aws-node", VPC_CNI_OFF);
      daemon(stage.kube, "kube-system", "kube-router", HERE);
    },
  }),
  quarantine("the plugin's agent is not ready", "its Ready condition", {
    refuse: ({ kube }) => kube.change({ namespace: "kube-system", name: `antrea-agent-${HERE}` }, { ready: false }),
    because: /the agent of Antrea on node node-1 is not ready/,
    act: ({ kube }) => kube.change({ namespace: "kube-system", name: `antrea-agent-${HERE}` }, { ready: true }),
  }),
  quarantine("somebody changes the labels between the look and the patch", "which labels", {
    refuse: (stage) => {
      stage.around.before = (write) => {
        if (write === "patch") editMetadata(stage, { labels: { app: "other" } });
      };
    },
    because: /^refused: somebody changed the pod's labels meanwhile; the policy was taken away again, the pod is as it was/,
    spared: (stage) => [quarantined(stage)[0] ?? "", `${quarantined(stage)[1]}: conflict`, taken(stage)],
    act: (stage) => {
      stage.around.before = (write) => {
        if (write === "patch") editMetadata({ ...stage, offender: stage.neighbour }, { labels: { app: "other" } });
      };
    },
  }),
];

function opened(stage: Stage): void {
  policy(stage, policyOf("quarantine", stage.offender).name, OPEN);
}
function restoring({ kube }: Stage, map: "labels" | "annotations"): void {
  kube.onWrite = (kind, { metadata, ...object }) =>
    kind.resource === "pods" ? { ...object, metadata: { ...metadata, [map]: { ...metadata[map], app: "web" } } } : { ...object, metadata };
}
function quota({ kube }: Stage, used: string): void {
  kube.put(RESOURCE_QUOTA, { metadata: { name: "pods" }, spec: {}, status: { hard: { pods: "2" }, used: { pods: used } } });
}
function taken(stage: Stage): string {
  return (quarantined(stage)[0] ?? "").replace("create", "delete");
}

export const lists: readonly Case[] = [
  {
    name: "networkpolicy: another policy lets the pod out",
    fact: "the labels that it selects",
    given: given(RESTRICT),
    refuse: (stage) => policy(stage, "out", { podSelector: { matchLabels: LABELS }, policyTypes: ["Egress"], egress: [{}] }),
    because: /^refused: the list would not hold: NetworkPolicy out selects the pod and allows traffic, and policies add up/,
    act: (stage) => policy(stage, "out", { podSelector: { matchLabels: { app: "api" } }, policyTypes: ["Egress"], egress: [{}] }),
    done: restricted,
  },
  {
    name: "networkpolicy: the pod has its node's network",
    fact: "hostNetwork",
    given: given(RESTRICT),
    refuse: (stage) => editSpec(stage, { hostNetwork: true }),
    because: /hostNetwork/,
    done: restricted,
  },
  {
    name: "networkpolicy: a block that is the whole internet",
    fact: "allow_cidr",
    refuse: given(RESTRICT, { allow_cidr: ["0.0.0.0/1"] }),
    because: /^hold: /,
    act: given(RESTRICT, { allow_cidr: ["10.0.0.0/8"] }),
    done: restricted,
  },
  {
    name: "networkpolicy: a policy of our name is there, and is not ours",
    fact: "its name",
    given: given(RESTRICT),
    refuse: (stage) => policy(stage, policyOf("restrict", stage.offender).name, { podSelector: { matchLabels: { app: "x" } } }),
    because: /is there with another list: undo it first, it is never overwritten/,
    act: (stage) => policy(stage, `${policyOf("restrict", stage.offender).name}-x`, { podSelector: { matchLabels: { app: "x" } } }),
    done: restricted,
  },
];

/** Cilium enforces there; the alert names a remote address. */
function cilium(stage: Stage): void {
  stage.kube.serve(CILIUM_NETWORK_POLICY);
  plugin(stage, "cilium");
  given(CILIUM)(stage);
}
const ATTACKER = "203.0.113.9";

const remote = (name: string, fact: string, address: string | null, because: RegExp, world: Case["refuse"] = () => undefined): Case => ({
  name: `cilium: ${name}`,
  fact,
  given: async (stage) => {
    cilium(stage);
    await world(stage);
  },
  refuse: ({ shot }) => {
    shot.fields["fd.rip"] = address;
  },
  because,
  act: ({ shot }) => {
    shot.fields["fd.rip"] = ATTACKER;
  },
  done: denied,
});

const service =
  (namespace: string, name: string, clusterIP: string, labels: object = {}) =>
  ({ kube }: Stage): void =>
    void kube.put(SERVICE, { metadata: { namespace, name, labels: { ...labels } }, spec: { clusterIP, clusterIPs: [clusterIP] } });

export const remotes: readonly Case[] = [
  remote("the API server's address", "fd.rip", "10.96.0.1", /the cluster's API server/, service("default", "kubernetes", "10.96.0.1")),
  remote(
    "the API server's address, in IPv6 clothes",
    "fd.rip",
    "::ffff:10.96.0.1",
    /the cluster's API server/,
    service("default", "kubernetes", "10.96.0.1"),
  ),
  remote(
    "the address behind the API server's Service",
    "fd.rip",
    "198.51.100.4",
    /the cluster's API server/,
    ({ kube }) =>
      void kube.put(ENDPOINT_SLICE, {
        metadata: { namespace: "default", name: "kubernetes", labels: { "kubernetes.io/service-name": "kubernetes" } },
        endpoints: [{ addresses: ["198.51.100.4"] }],
      } as never),
  ),
  remote(
    "the cluster's DNS",
    "fd.rip",
    "10.96.0.10",
    /the cluster's DNS/,
    service("kube-system", "kube-dns", "10.96.0.10", { "k8s-app": "kube-dns" }),
  ),
  remote("a node's address", "fd.rip", "192.0.2.1", /is node node-\d/),
  remote("a Service's address", "fd.rip", "10.96.7.7", /is Service shop\/api/, service(SHOP, "api", "10.96.7.7")),
  remote("the pod's own address", "fd.rip", "10.1.0.7", /is the pod's own/, (stage) =>
    editStatus(stage, { podIP: "10.1.0.7", podIPs: [{ ip: "10.1.0.7" }] }),
  ),
  remote("loopback", "fd.rip", "127.0.0.1", /the alert names no remote address/),
  remote("no address", "fd.rip", "attacker.example.com", /the alert names no remote address/),
  remote("none", "fd.rip", null, /the alert names no remote address/),
  {
    name: "cilium: another plugin enforces there",
    fact: "the agent on the node",
    given: ({ kube, shot }) => {
      kube.serve(CILIUM_NETWORK_POLICY);
      shot.fields["fd.rip"] = ATTACKER;
    },
    refuse: given(CILIUM),
    because: /^refused: Antrea enforces network policies there, not Cilium/,
    act: cilium,
    done: denied,
  },
];
