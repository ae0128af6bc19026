/**
 * Pieces of CEL for admission policies. https://kubernetes.io/docs/reference/using-api/cel/
 * `dyn` takes a value as JSON whose shape is not known beforehand: fields that a later version adds are compared too.
 */
export const text = (value: string): string => `'${value.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
export const list = (values: readonly string[]): string => `[${values.map(text).join(", ")}]`;
export const all = (...terms: readonly string[]): string => terms.map((term) => `(${term})`).join(" && ");
export const any = (...terms: readonly string[]): string => terms.map((term) => `(${term})`).join(" || ");
export const not = (term: string): string => `!(${term})`;

/** The map at a path of an object; `{}` where it is absent. */
export const map = (object: string, ...path: readonly [string, ...string[]]): string =>
  `dyn(${object})${path.map((key) => `.?${key}`).join("")}.orValue({})`;

/** Two maps differ in no key but those for which `free` (over `k`) holds; null: in none. */
export function sameBut(free: string | null, now: string, was: string): string {
  const orFree = free === null ? "" : `${free} || `;
  return all(`${now}.all(k, ${orFree}(k in ${was} && ${now}[k] == ${was}[k]))`, `${was}.all(k, ${orFree}k in ${now})`);
}

/** `k` is one of these. */
export const oneOf = (keys: readonly string[]): string => `k in ${list(keys)}`;
