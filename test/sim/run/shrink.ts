import type { Handlers } from "../model/handlers.ts";
import { type Cut, type Ran, simulate, WHOLE } from "../simulate.ts";

/** Runs that shrinking may cost. */
const MOST_RUNS = 400;

/**
 * The smallest run that still violates the same invariant: without alerts, without people, without faults that it does not need. Chance is drawn
 * by name, so what is left decides as it did before.
 */
export async function shrink(
  seed: number,
  handlers: Handlers,
): Promise<{ readonly ran: Ran; readonly cut: Cut; readonly runs: number } | null> {
  const first = await simulate(seed, handlers);
  const [wanted] = first.violations;
  if (wanted === undefined) return null;
  let runs = 1;
  let cut: Cut = { ...WHOLE, faults: new Set(first.faults.map(({ name }) => name)) };
  const fails = async (tried: Cut): Promise<boolean> => {
    if (++runs > MOST_RUNS) return false;
    return (await simulate(seed, handlers, tried)).violations.some(({ invariant }) => invariant === wanted.invariant);
  };
  if (!(await fails(cut))) cut = WHOLE;
  const alerts = [...Array(40).keys()];
  for (let round = 0; round < 2; round++) {
    const faults = cut.faults;
    if (faults !== null) cut = { ...cut, faults: new Set(await fewest([...faults], (some) => fails({ ...cut, faults: new Set(some) }))) };
    const keptAlerts = await fewest(
      alerts.filter((nth) => !cut.alerts.has(nth)),
      (some) => fails({ ...cut, alerts: allBut(alerts, some) }),
    );
    cut = { ...cut, alerts: allBut(alerts, keptAlerts) };
    const keptPeople = await fewest(
      alerts.filter((nth) => !cut.people.has(nth)),
      (some) => fails({ ...cut, people: allBut(alerts, some) }),
    );
    cut = { ...cut, people: allBut(alerts, keptPeople) };
  }
  return { ran: await simulate(seed, handlers, cut, true), cut, runs };
}

const allBut = (all: readonly number[], some: readonly number[]): ReadonlySet<number> => new Set(all.filter((one) => !some.includes(one)));

/** Delta debugging, simply: halves, quarters, ... single ones are left out as long as it still fails. */
async function fewest<T>(all: readonly T[], fails: (some: readonly T[]) => Promise<boolean>): Promise<readonly T[]> {
  let kept = all;
  for (let size = Math.ceil(kept.length / 2); size >= 1 && kept.length > 0; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < kept.length; ) {
      const without = [...kept.slice(0, at), ...kept.slice(at + size)];
      if (await fails(without)) kept = without;
      else at += size;
    }
  }
  return kept;
}

/** A run as a person reads it: times since its start, who, what. */
export const story = ({ lines, startMs }: Ran): string =>
  lines
    .map(({ atMs, who, what }) => `${((atMs - startMs) / 1_000).toFixed(3).padStart(10)} s  ${who.padEnd(28)} ${shortened(what)}`)
    .join("\n");

/** ARNs and hashes by their ends. */
const shortened = (text: string): string =>
  text
    .replace(/arn:aws:ecs:[\w-]+:\d+:task\/\w+\/\w*(\w{8})/g, "task~$1")
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}([0-9a-f]{8})/g, "pod~$1")
    .replace(/[0-9a-f]{56}([0-9a-f]{8})/g, "~$1")
    .slice(0, 400);
