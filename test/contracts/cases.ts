import { expect, test } from "vitest";

/** Title of a case -> why this world cannot show it. */
export type Differences = Readonly<Record<string, string>>;

type Case = (title: string, run: () => Promise<void> | void) => void;

/**
 * A case that a world cannot show is expected to fail there, not skipped: the day it passes, its row is wrong and has to go. `close` is called
 * after the last case and holds the table against the titles.
 */
export function cases(differences: Differences): { readonly it: Case; readonly close: () => void } {
  const titles = new Set<string>();
  return {
    it(title, run) {
      titles.add(title);
      const why = differences[title];
      if (why === undefined) test(title, run);
      else test.fails(`${title} (not here: ${why})`, run);
    },
    close() {
      if (Object.keys(differences).length > 0)
        test("each difference that is listed names a case", () => {
          expect(Object.keys(differences).filter((title) => !titles.has(title))).toEqual([]);
        });
    },
  };
}

/** The last part of an ARN replaced: nothing that exists. */
export const stranger = (arn: string, n = 0): string => arn.replace(/[^/]+$/, n.toString(16).padStart(32, "0"));

/** Looks again and again, letting time pass in between. */
export async function until(holds: () => Promise<boolean>, wait: () => Promise<void>, looks = 120): Promise<void> {
  for (let look = 0; look < looks; look++) {
    if (await holds()) return;
    await wait();
  }
  throw new Error("did not happen");
}
