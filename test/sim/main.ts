import { parseArgs } from "node:util";
import { loadHandlers } from "./model/handlers.ts";
import { BUGS } from "./planted/bugs.ts";
import { inThread } from "./run/pool.ts";
import { addPart, emptyPart, missing, tables } from "./run/report.ts";
import { shrink, story } from "./run/shrink.ts";
import { simulate, WHOLE } from "./simulate.ts";

/**
 * `npm run sim -- --seeds N [--from S]`: N runs, each of its own seed; the first that fails is shrunk and told. `--planted`: bugs that must each be
 * found within `--within` seeds. `--trace SEED`: one run, line by line.
 */
const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "2000" },
    from: { type: "string", default: "1" },
    threads: { type: "string", default: "2" },
    planted: { type: "boolean", default: false },
    only: { type: "string" },
    within: { type: "string", default: "400" },
    trace: { type: "string" },
  },
});

/** From so many seeds on, each known kind of fault and transition must have occurred. */
const ENOUGH = 500;
if (values.trace !== undefined) process.exit(await trace(whole(values.trace, "--trace")));
process.exit(values.planted ? await planted(values.only) : await seeds(whole(values.seeds, "--seeds"), whole(values.from, "--from")));

function whole(text: string, name: string): number {
  if (!/^\d{1,9}$/.test(text)) {
    console.error(`${name} must be a whole number, not "${text}"`);
    process.exit(2);
  }
  return Number(text);
}

async function seeds(count: number, from: number): Promise<number> {
  if (count === 0) {
    console.error("--seeds must be at least 1: a run of nothing shows nothing");
    return 2;
  }
  const threads = Math.max(1, whole(values.threads, "--threads"));
  const to = from + count - 1;
  const sum = emptyPart();
  const work = (first: number) => ({ from: from + first, to, every: threads, planted: null, stopAtFirst: false });
  for (const part of await Promise.all(Array.from({ length: Math.min(threads, count) }, (_, first) => inThread(work(first)))))
    addPart(sum, part);
  console.log(tables(sum));
  const first = sum.failed.sort((a, b) => a.seed - b.seed)[0];
  for (const { seed, violations } of sum.failed.slice(0, 20))
    console.log(
      `seed ${seed}: ${violations
        .map(({ invariant, says }) => `${invariant}: ${says}`)
        .slice(0, 3)
        .join(" | ")}`,
    );
  if (first !== undefined) await tellSmallest(first.seed);
  const never = count >= ENOUGH ? missing(sum) : [];
  for (const name of never) console.log(`never occurred: ${name}`);
  console.log(`${sum.seeds} seeds, ${sum.failed.length} violations`);
  return sum.failed.length === 0 && never.length === 0 && sum.seeds === count ? 0 : 1;
}

async function tellSmallest(seed: number): Promise<void> {
  const smallest = await shrink(seed, await loadHandlers());
  if (smallest === null) {
    console.log(`seed ${seed} does not fail here: the run is not deterministic`);
    return;
  }
  const { ran, cut, runs } = smallest;
  console.log(`\nseed ${seed}, shrunk by ${runs} runs to ${ran.alerts} alerts and ${cut.faults?.size ?? "all"} faults:\n${story(ran)}\n`);
}

async function trace(seed: number): Promise<number> {
  const ran = await simulate(seed, await loadHandlers(), WHOLE, true);
  console.log(story(ran));
  for (const { invariant, says } of ran.violations) console.log(`VIOLATED ${invariant}: ${says}`);
  console.log(
    `seed ${seed}: ${ran.alerts} alerts, ${ran.calls} calls, ${ran.steps} steps, ${ran.violations.length} violations, trace ${ran.digest}`,
  );
  return ran.violations.length === 0 ? 0 : 1;
}

async function planted(only: string | undefined): Promise<number> {
  const bugs = BUGS.filter(({ name }) => only === undefined || only.split(",").some((part) => name.includes(part)));
  const waiting = [...bugs];
  const lines = new Map<string, string>();
  let caught = 0;
  const worker = async (): Promise<void> => {
    for (let bug = waiting.shift(); bug !== undefined; bug = waiting.shift()) {
      const part = await inThread({ from: 1, to: whole(values.within, "--within"), every: 1, planted: bug.name, stopAtFirst: true });
      const [first] = part.failed;
      if (first !== undefined) caught++;
      const by =
        first === undefined
          ? `NOT CAUGHT within ${part.seeds} seeds`
          : `caught by seed ${first.seed}: ${first.violations[0]?.invariant} (${first.violations[0]?.says.slice(0, 150)})`;
      lines.set(bug.name, `${bug.name.padEnd(34)} ${by}`);
      console.log(lines.get(bug.name));
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, whole(values.threads, "--threads")) }, worker));
  console.log(`${bugs.length} planted, ${caught} caught`);
  return bugs.length > 0 && caught === bugs.length ? 0 : 1;
}
