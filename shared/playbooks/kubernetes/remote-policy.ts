import { DENY_KINDS } from "#shared/playbooks/kubernetes/cni.ts";
import { list, object, text } from "#shared/playbooks/kubernetes/facts.ts";
import type { PodAt } from "#shared/playbooks/kubernetes/guarded.ts";
import { DENIED } from "#shared/playbooks/kubernetes/marks.ts";
import { BOTH, type Direction } from "#shared/playbooks/kubernetes/openings.ts";
import type { OurPolicy } from "#shared/playbooks/kubernetes/our-policy.ts";
import type { Json } from "#shared/ports/kubernetes.ts";

/**
 * How a deny is written. Calico: in a tier that passes on what it does not decide, or in the default one, where a policy that selects a pod cuts
 * all that it does not allow: `passes` are the directions in which all else is allowed there, since no other policy governs the pod.
 */
export type Shape =
  | { readonly by: "cilium" }
  | { readonly by: "calico"; readonly tier: string; readonly order: number; readonly passes: readonly Direction[] };

export const MOST_ADDRESSES = 64;

const isV6 = (address: string): boolean => address.includes(":");
const blockOf = (address: string): string => `${address}/${isV6(address) ? 128 : 32}`;
const blocksOf = (addresses: readonly string[]): readonly string[] => [...new Set(addresses)].toSorted().map(blockOf);

export function remotePolicy(shape: Shape, addresses: readonly string[], { uid }: Pick<PodAt, "uid">): OurPolicy {
  const label = DENIED[shape.by];
  if (shape.by === "cilium")
    return {
      kind: DENY_KINDS.cilium,
      name: remoteName(shape, uid),
      spec: {
        endpointSelector: { matchLabels: { [label]: uid } },
        // Else a deny would cut all that no other policy allows. https://docs.cilium.io/en/stable/security/policy/intro/
        enableDefaultDeny: { ingress: false, egress: false },
        ingressDeny: [{ fromCIDR: blocksOf(addresses) }],
        egressDeny: [{ toCIDR: blocksOf(addresses) }],
      },
    };
  const { tier, order, passes } = shape;
  const rules = (direction: Direction) => [
    ...families(addresses).map((nets) => ({ action: "Deny", [direction === "egress" ? "destination" : "source"]: { nets } })),
    ...(passes.includes(direction) ? [{ action: "Allow" }] : []),
  ];
  return {
    kind: DENY_KINDS.calico,
    name: remoteName(shape, uid),
    spec: {
      tier,
      order,
      selector: `${label} == '${uid}'`,
      types: ["Ingress", "Egress"],
      ingress: rules("ingress"),
      egress: rules("egress"),
    },
  };
}

/** In its store Calico puts the tier before the name. */
export const remoteName = (shape: Shape, uid: string): string =>
  `${shape.by === "calico" ? `${shape.tier}.` : ""}falco-responder-remote-${uid}`;

/** A rule of Calico holds blocks of one family. */
const families = (addresses: readonly string[]): readonly (readonly string[])[] =>
  [addresses.filter((one) => !isV6(one)), addresses.filter(isV6)].map(blocksOf).filter((blocks) => blocks.length > 0);

/** The addresses that a policy of ours denies; what it is not made of shows when it is made again of them. */
export function addressesIn(spec: Json | undefined, by: Shape["by"]): readonly string[] {
  const rules = list(spec?.[by === "cilium" ? "egressDeny" : "egress"]);
  const blocks = rules.flatMap((rule) => texts(by === "cilium" ? rule["toCIDR"] : object(rule["destination"])["nets"]));
  return blocks.map((block) => block.slice(0, block.lastIndexOf("/")));
}

/** A Calico policy that stands keeps its tier, order and what it lets pass, whatever would be chosen now. */
export function shapeIn(spec: Json | undefined, wanted: Shape): Shape {
  if (wanted.by === "cilium" || spec === undefined) return wanted;
  const order = spec["order"];
  return {
    by: "calico",
    tier: text(spec["tier"]) ?? wanted.tier,
    order: typeof order === "number" ? order : wanted.order,
    passes: BOTH.filter((direction) => list(spec[direction]).some(({ action }) => action === "Allow")),
  };
}

const texts = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((one): one is string => typeof one === "string") : [];
