import { drawOf } from "./kernel/draw.ts";
import { Engine } from "./kernel/engine.ts";
import type { Happened } from "./kernel/faults.ts";
import { Kernel, type Line } from "./kernel/kernel.ts";
import { type Leak, patched } from "./kernel/patches.ts";
import type { Handlers } from "./model/handlers.ts";
import { EVERYTHING, Scenario, type Without } from "./model/scenario.ts";
import { System } from "./model/system.ts";
import type { Violation } from "./watch/state.ts";
import { Watch } from "./watch/watch.ts";

const START_MS = Date.UTC(2026, 2, 1, 12);
/** A run takes a few thousand steps, or many more where something is looked at for a week; one that takes so many goes round in circles. */
const MOST_STEPS = 500_000;

/** What of a run is left out; null: no fault is. */
export interface Cut extends Without {
  readonly faults: ReadonlySet<string> | null;
}

export const WHOLE: Cut = { ...EVERYTHING, faults: null };

export interface Ran {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly digest: string;
  readonly lines: readonly Line[];
  readonly startMs: number;
  readonly faults: readonly Happened[];
  /** How often each transition and outcome occurred. */
  readonly seen: ReadonlyMap<string, number>;
  readonly alerts: number;
  readonly people: number;
  readonly workloads: number;
  readonly kinds: number;
  readonly calls: number;
  readonly steps: number;
  readonly leaks: ReadonlyMap<Leak, number>;
}

/** One run: everything that it does follows from the seed, and from what is cut. */
export async function simulate(seed: number, handlers: Handlers, cut: Cut = WHOLE, keeps = false): Promise<Ran> {
  const kernel = new Kernel(START_MS, keeps);
  const draw = drawOf(seed);
  const engine = new Engine(kernel, draw, cut.faults);
  const leaks = new Map<Leak, number>();
  const restore = patched(
    kernel,
    draw,
    () => {
      const { current } = engine;
      return () => {
        if (current?.isAlive === false) return false;
        engine.current = current;
        return true;
      };
    },
    (leak) => leaks.set(leak, (leaks.get(leak) ?? 0) + 1),
  );
  try {
    const system = new System(engine, handlers);
    const scenario = new Scenario(engine, system, cut);
    const watch = new Watch(engine, system, scenario);
    system.startSweeps();
    try {
      await kernel.run(MOST_STEPS);
      watch.atTheEnd();
    } catch (thrown) {
      watch.violated("nothing breaks", thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown));
    }
    return {
      seed,
      violations: watch.violations,
      digest: kernel.digest,
      lines: kernel.lines,
      startMs: START_MS,
      faults: engine.faults.happened,
      seen: watch.seen,
      alerts: scenario.said.length,
      people: scenario.people,
      workloads: scenario.workloads.length,
      kinds: engine.faults.kinds.size,
      calls: engine.calls,
      steps: kernel.happened,
      leaks,
    };
  } finally {
    restore();
  }
}
