const last = new WeakMap<object, Promise<unknown>>();

/**
 * Runs what writes the same items of a table one after the other within this function: side by side, all but one of them would only have to
 * try again. Other functions are still met at the items' versions.
 */
export function inTurn<T>(table: object, go: () => Promise<T>): Promise<T> {
  const mine = (last.get(table) ?? Promise.resolve()).then(go);
  last.set(
    table,
    mine.catch(() => undefined),
  );
  return mine;
}
