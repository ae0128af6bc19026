import type { Heard, SensorNode } from "#shared/domain/sensor.ts";

/**
 * Which sensor runs on a node: one that names itself by the node's id or another of its names, ignoring case. `ip-10-0-1-7` and
 * `ip-10-0-1-7.ec2.internal` are one host, and so are `i-0abc` and `i-0abc.eu-west-1.compute.internal` (resource names).
 * Of several the one that was heard last. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-naming.html
 */
export function heardOf(heard: readonly Heard[]): (node: SensorNode) => Heard | null {
  const byLabel = new Map<string, { readonly name: string; readonly of: Heard }[]>();
  for (const of of heard) {
    for (const given of of.names) {
      const name = given.toLowerCase();
      const label = labelOf(name);
      byLabel.set(label, [...(byLabel.get(label) ?? []), { name, of }]);
    }
  }
  return ({ id, names }) => {
    let best: Heard | null = null;
    for (const given of [id, ...names]) {
      const wanted = given.toLowerCase();
      for (const { name, of } of byLabel.get(labelOf(wanted)) ?? [])
        if (isSame(name, wanted) && (best === null || of.heardMs > best.heardMs)) best = of;
    }
    return best;
  };
}

/** An address has no labels: 10.0.1.7 and 10.0.2.7 are two hosts. */
const labelOf = (name: string): string =>
  /^[\d.]+$/.test(name) ? name : name.slice(0, name.includes(".") ? name.indexOf(".") : undefined);

const isSame = (a: string, b: string): boolean => a === b || a.startsWith(`${b}.`) || b.startsWith(`${a}.`);
