/** The answer, or the bound's reason when that comes first. */
export async function untilAborted<T>(answer: Promise<T>, bound: AbortSignal): Promise<T> {
  const { promise: over, reject } = Promise.withResolvers<never>();
  const isOver = (): void => reject(bound.reason);
  bound.addEventListener("abort", isOver, { once: true });
  try {
    return await Promise.race([answer, over]);
  } finally {
    bound.removeEventListener("abort", isOver);
  }
}
