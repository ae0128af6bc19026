import { setTimeout as sleep } from "node:timers/promises";

/** Polls until `look` gives something. Throws naming what was awaited, and the last thing that went wrong, at the deadline. */
export async function waitFor<T>(
  what: string,
  look: () => Promise<T | null | undefined | false>,
  options: { readonly deadlineMs?: number; readonly everyMs?: number; readonly giveUp?: () => string | null } = {},
): Promise<T> {
  const deadline = Date.now() + (options.deadlineMs ?? 60_000);
  let last: unknown = null;
  for (;;) {
    const hopeless = options.giveUp?.();
    if (hopeless) throw new Error(`${what}: ${hopeless}`);
    try {
      const found = await look();
      if (found !== null && found !== undefined && found !== false) return found;
      last = null;
    } catch (thrown) {
      last = thrown;
    }
    if (Date.now() > deadline) {
      const because = last === null ? "" : `: ${last instanceof Error ? last.message : String(last)}`;
      throw new Error(`not seen in ${Math.round((options.deadlineMs ?? 60_000) / 1000)} s: ${what}${because}`, { cause: last });
    }
    await sleep(options.everyMs ?? 100);
  }
}
