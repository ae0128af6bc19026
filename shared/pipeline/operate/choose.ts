import type { OperateRequest } from "#shared/wire/operate.ts";

/** A stray character must not pick a target. */
const SHORTEST_END = 6;

/** Exactly one, or what to add to the request. */
export function choose<T>(
  all: readonly T[],
  of: (one: T) => { readonly key: string; readonly target: string },
  { action, target }: OperateRequest,
  none: string,
): T | string {
  const fitting = all.filter((one) => {
    const { key, target: uid } = of(one);
    return (
      (action === null || key === action || key.startsWith(`${action}/`)) &&
      (target === null || uid === target || (target.length >= SHORTEST_END && uid.endsWith(target)))
    );
  });
  const [only, another] = fitting;
  if (only === undefined) return all.length === 0 ? none : `nothing fits; there is: ${list(all.map(of))}`;
  return another === undefined ? only : `several fit, say which with --action and --target: ${list(fitting.map(of))}`;
}

const list = (ones: readonly { readonly key: string; readonly target: string }[]): string =>
  ones.map(({ key, target }) => `--action ${key} --target ${target}`).join(", ");
