/** Alerts of one batch that came together, as they are counted. */
export interface Counted {
  /** The same however often the batch is delivered. */
  readonly key: string;
  /** When they happened, ms, ascending; at least one. */
  readonly times: readonly number[];
}

export interface ThresholdState {
  readonly counted: readonly Counted[];
}

export interface Reached {
  /** Alerts in the fullest window that holds one of this batch, at most `of`. */
  readonly count: number;
  readonly of: number;
  /** What to store; null: this batch was counted before. */
  readonly next: ThresholdState | null;
}

/** Remembered beyond what is wanted: alerts that come late find what was there at their time. */
const SPARE = 100;
/** However far apart they are, so many batches are remembered. */
const MOST_BATCHES = 200;

/**
 * Counts a batch and says how full the fullest window is that holds one of its alerts. Order of arrival does not matter: the last of n alerts to
 * arrive finds n. Windows are of the alerts' own times. Pure.
 */
export function countUp(state: ThresholdState, batch: Counted, count: number, windowMs: number): Reached {
  const there = state.counted.some(({ key }) => key === batch.key);
  const counted = there ? state.counted : [...state.counted, batch];
  // What was counted at the first delivery is what counts: another delivery may be cut differently.
  const mine = counted.find(({ key }) => key === batch.key)?.times ?? batch.times;
  const found = Math.min(count, fullest(counted.flatMap(({ times }) => times).sort(ascending), mine, windowMs));
  return { count: found, of: count, next: there ? null : { counted: bounded(counted, count) } };
}

const ascending = (a: number, b: number): number => a - b;

/** Of the windows [t, t + windowMs) that hold one of `mine`, the most alerts. Two pointers over sorted times. */
function fullest(all: readonly number[], mine: readonly number[], windowMs: number): number {
  let most = 0;
  let end = 0;
  for (let start = 0; start < all.length; start++) {
    const from = all[start] ?? 0;
    while (end < all.length && (all[end] ?? 0) < from + windowMs) end++;
    if (mine.some((time) => time >= from && time < from + windowMs)) most = Math.max(most, end - start);
  }
  return most;
}

/** The newest, as many as are wanted and some more. */
function bounded(counted: readonly Counted[], count: number): readonly Counted[] {
  const newestFirst = counted.toSorted((a, b) => last(b) - last(a));
  const kept: Counted[] = [];
  let alerts = 0;
  for (const one of newestFirst) {
    if (alerts >= count + SPARE || kept.length >= MOST_BATCHES) break;
    kept.push(one);
    alerts += one.times.length;
  }
  return kept;
}

const last = ({ times }: Counted): number => times.at(-1) ?? Number.NEGATIVE_INFINITY;
