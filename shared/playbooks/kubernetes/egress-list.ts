import { isIP } from "node:net";
import type { Param, Params } from "#shared/playbooks/playbook.ts";
import type { Json } from "#shared/ports/kubernetes.ts";

/** What a pod may still connect to, sorted, each once. */
export interface Lists {
  readonly allow_cidr: readonly string[];
  readonly allow_namespaces: readonly string[];
  readonly allow_dns: boolean;
  readonly ingress: "keep" | "deny";
}

const MOST = 64;
/** Wider blocks are the whole internet, in one piece or in a few: 0.0.0.0/1 and 128.0.0.0/1. Not as wide: 10.0.0.0/8 and fc00::/7. */
const WIDEST = { 4: 8, 6: 7 } as const;
const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
/** Set by the API server on every namespace. https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-metadata-name */
const NAMESPACE_NAME = "kubernetes.io/metadata.name";

/** The parameters with their presets, or why not. */
export function listsOf(params: Params): Lists | string {
  const { allow_dns = false, ingress = "keep" } = params;
  if (typeof allow_dns !== "boolean") return "allow_dns must be true or false";
  if (ingress !== "keep" && ingress !== "deny") return "ingress must be keep or deny";
  const cidrs = words(params["allow_cidr"]);
  if (cidrs === null) return "allow_cidr must be a list of CIDR blocks";
  const namespaces = words(params["allow_namespaces"]);
  if (namespaces === null) return "allow_namespaces must be a list of namespace names";
  if (cidrs.length > MOST || namespaces.length > MOST) return `allow_cidr and allow_namespaces take at most ${MOST} entries each`;
  const wrong = cidrs.map(objectionToBlock).find((why) => why !== null);
  if (wrong !== undefined) return wrong;
  if (!namespaces.every((name) => LABEL.test(name))) return "allow_namespaces must hold names of namespaces";
  return { allow_cidr: cidrs, allow_namespaces: namespaces, allow_dns, ingress };
}

/** A list, or one text with commas or blanks between. */
function words(given: Param | undefined): readonly string[] | null {
  if (given === undefined) return [];
  const all = typeof given === "string" ? given.split(/[\s,]+/).filter((word) => word !== "") : given;
  return Array.isArray(all) && all.every((word) => typeof word === "string") ? [...new Set(all as string[])].toSorted() : null;
}

function objectionToBlock(block: string): string | null {
  const [, address = "", prefix = ""] = /^([0-9a-fA-F.:]+)\/(0|[1-9]\d{0,2})$/.exec(block) ?? [];
  const family = isIP(address);
  if (family !== 4 && family !== 6) return "allow_cidr must hold CIDR blocks, such as 10.0.0.0/8 or fd00::/8";
  const bits = Number(prefix);
  if (bits > (family === 4 ? 32 : 128)) return `allow_cidr holds ${block}, whose prefix is too long`;
  return bits < WIDEST[family]
    ? `allow_cidr holds ${block}: blocks wider than /${WIDEST[family]} allow about everything (the action would do nothing)`
    : null;
}

/** As the rules of a NetworkPolicy. No rule: nothing may be connected to. */
export function egressList({ allow_cidr, allow_namespaces, allow_dns }: Lists): Json {
  const to = [
    ...allow_cidr.map((cidr) => ({ ipBlock: { cidr } })),
    ...allow_namespaces.map((name) => ({ namespaceSelector: { matchLabels: { [NAMESPACE_NAME]: name } } })),
  ];
  const rules = [...(to.length === 0 ? [] : [{ to }]), ...(allow_dns ? [DNS] : [])];
  return rules.length === 0 ? {} : { egress: rules };
}

/** The label is that of CoreDNS in every usual installation. https://kubernetes.io/docs/tasks/administer-cluster/coredns/ */
const DNS: Json = {
  to: [
    { namespaceSelector: { matchLabels: { [NAMESPACE_NAME]: "kube-system" } }, podSelector: { matchLabels: { "k8s-app": "kube-dns" } } },
  ],
  ports: [
    { protocol: "UDP", port: 53 },
    { protocol: "TCP", port: 53 },
  ],
};
