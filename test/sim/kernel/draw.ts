/**
 * What chance decides, by name: the same seed and the same name give the same number, whatever was drawn before. So a run that leaves something
 * out (shrinking) still decides everything else as it did.
 */
export type Draw = (name: string) => number;

/** Numbers in [0, 1). FNV-1a over the name, then a finaliser that spreads neighbours. */
export const drawOf =
  (seed: number): Draw =>
  (name) => {
    let hash = (0x811c9dc5 ^ seed) >>> 0;
    for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
    hash = Math.imul(hash ^ (hash >>> 16) ^ Math.imul(seed, 0x9e3779b1), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return ((hash ^ (hash >>> 16)) >>> 0) / 4_294_967_296;
  };

/** A whole number in [from, to]. */
export const between = (draw: Draw, name: string, from: number, to: number): number => from + Math.floor(draw(name) * (to - from + 1));

export function oneOf<T>(draw: Draw, name: string, all: readonly T[]): T {
  const chosen = all[Math.floor(draw(name) * all.length)];
  if (chosen === undefined) throw new Error(`nothing to choose from for ${name}`);
  return chosen;
}
