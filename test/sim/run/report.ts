import { CALL_FAULTS, OTHER_FAULTS } from "../kernel/faults.ts";
import type { Ran } from "../simulate.ts";
import type { Violation } from "../watch/state.ts";

/** Every transition and outcome that the system has: a run of many seeds in which one never occurs has not shown it. */
export const KNOWN: readonly string[] = [
  "claim - > executing",
  "claim executing > executing",
  "claim executing > requested",
  "claim executing > done",
  "claim executing > failed",
  "claim executing > refused",
  "claim requested > requested",
  "claim requested > done",
  "claim requested > undone",
  "claim done > undone",
  "claim refused > executing",
  "order approve - > awaiting",
  "order approve awaiting > given",
  "order approve awaiting > denied",
  "order approve awaiting > expired",
  "order approve given > carried",
  "order undo - > given",
  "order undo given > carried",
  "order expire - > given",
  "order expire given > carried",
  "note - > pending",
  "note pending > sending",
  "note sending > sending",
  "note sending > sent",
  "note sending > pending",
  "note sending > dead",
  "incident - > open",
  "incident open > open",
  "incident open > closed",
  "receipt done",
  "receipt requested",
  "receipt skipped",
  "receipt refused",
  "receipt failed",
  "receipt unknown",
  "receipt undo done",
  "receipt undo skipped",
  "receipt ended done",
  "decision act",
  "decision would-act",
  "decision await-approval",
  "decision hold",
  "alert queued",
  "alert counted with its like",
  "alert told",
  "alert ignored",
  "alert unreadable",
  "alert given up and kept",
  "isolation ended",
  "isolation taken back",
];

export const FAULTS: readonly string[] = [...CALL_FAULTS, ...OTHER_FAULTS];

/** What a part of the seeds has shown; parts are added up. */
export interface Part {
  seeds: number;
  steps: number;
  calls: number;
  alerts: number;
  least: { alerts: number; workloads: number; kinds: number };
  readonly faults: Record<string, number>;
  readonly seen: Record<string, number>;
  readonly failed: { readonly seed: number; readonly violations: readonly Violation[] }[];
}

export const emptyPart = (): Part => ({
  seeds: 0,
  steps: 0,
  calls: 0,
  alerts: 0,
  least: { alerts: Number.POSITIVE_INFINITY, workloads: Number.POSITIVE_INFINITY, kinds: Number.POSITIVE_INFINITY },
  faults: {},
  seen: {},
  failed: [],
});

export function addRun(part: Part, ran: Ran): void {
  part.seeds++;
  part.steps += ran.steps;
  part.calls += ran.calls;
  part.alerts += ran.alerts;
  part.least = least(part.least, ran);
  for (const { fault } of ran.faults) part.faults[fault] = (part.faults[fault] ?? 0) + 1;
  for (const [name, times] of ran.seen) part.seen[name] = (part.seen[name] ?? 0) + times;
  if (ran.violations.length > 0) part.failed.push({ seed: ran.seed, violations: ran.violations });
}

export function addPart(whole: Part, part: Part): void {
  whole.seeds += part.seeds;
  whole.steps += part.steps;
  whole.calls += part.calls;
  whole.alerts += part.alerts;
  whole.least = least(whole.least, part.least);
  for (const [name, times] of Object.entries(part.faults)) whole.faults[name] = (whole.faults[name] ?? 0) + times;
  for (const [name, times] of Object.entries(part.seen)) whole.seen[name] = (whole.seen[name] ?? 0) + times;
  whole.failed.push(...part.failed);
}

const least = (a: Part["least"], b: Part["least"]): Part["least"] => ({
  alerts: Math.min(a.alerts, b.alerts),
  workloads: Math.min(a.workloads, b.workloads),
  kinds: Math.min(a.kinds, b.kinds),
});

/** The tables that a run prints. */
export function tables({ faults, seen, seeds, alerts, calls, steps, least: fewest }: Part): string {
  const table = (title: string, names: readonly string[], of: Readonly<Record<string, number>>): string =>
    [title, ...names.map((name) => `  ${name.padEnd(34)} ${String(of[name] ?? 0).padStart(9)}`)].join("\n");
  const others = Object.keys(seen)
    .filter((name) => !KNOWN.includes(name))
    .sort();
  return [
    table("faults", FAULTS, faults),
    table("transitions and outcomes", [...KNOWN, ...others], seen),
    `${seeds} seeds: ${alerts} alerts, ${calls} calls, ${steps} steps; each at least ${fewest.alerts} alerts, ${fewest.workloads} workloads, ${fewest.kinds} kinds of fault`,
  ].join("\n");
}

/** Known kinds that never occurred. */
export const missing = ({ faults, seen }: Part): readonly string[] => [
  ...FAULTS.filter((name) => (faults[name] ?? 0) === 0),
  ...KNOWN.filter((name) => (seen[name] ?? 0) === 0),
];
