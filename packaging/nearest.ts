/** The known name that a misspelt one most likely means; null when none is near. */
export function nearest(given: string, known: Iterable<string>): string | null {
  const wanted = given.slice(0, 200).toLowerCase();
  let best: string | null = null;
  // A third of the letters may be wrong, and always two.
  let least = Math.max(2, Math.floor(wanted.length / 3)) + 1;
  for (const name of known) {
    if (Math.abs(name.length - wanted.length) >= least) continue;
    const edits = distance(wanted, name.toLowerCase());
    if (edits < least) {
      least = edits;
      best = name;
    }
  }
  return best;
}

export const didYouMean = (given: string, known: Iterable<string>): string | null => {
  const near = nearest(given, known);
  return near === null ? null : `did you mean "${near}"?`;
};

/** Levenshtein. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, n) => n);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
