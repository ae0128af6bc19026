import { loadHandlers } from "./model/handlers.ts";
import { simulate, WHOLE } from "./simulate.ts";

const handlers = await loadHandlers();
const n = Number(process.argv[2] ?? 5),
  from = Number(process.argv[3] ?? 1),
  trace = process.argv[4] === "trace";
const t = performance.now();
const seen = new Map<string, number>(),
  faults = new Map<string, number>();
let steps = 0,
  calls = 0,
  bad = 0;
for (let s = from; s < from + n; s++) {
  const ran = await simulate(s, handlers, WHOLE, trace);
  steps += ran.steps;
  calls += ran.calls;
  for (const [k, v] of ran.seen) seen.set(k, (seen.get(k) ?? 0) + v);
  for (const f of ran.faults) faults.set(f.fault, (faults.get(f.fault) ?? 0) + 1);
  if (ran.violations.length > 0) {
    bad++;
    console.log("seed", s, ran.violations.slice(0, 2));
  }
  if (trace) {
    for (const l of ran.lines) console.log(((l.atMs - ran.startMs) / 1000).toFixed(3), l.who, "|", l.what);
    console.log(ran.digest, ran.leaks, ran.alerts, ran.steps, ran.calls);
  }
}
console.log(Object.fromEntries([...seen].sort()), Object.fromEntries([...faults].sort()));
console.log(
  n,
  "seeds",
  bad,
  "bad",
  Math.round(((performance.now() - t) / n) * 10) / 10,
  "ms/seed",
  Math.round(steps / n),
  "steps",
  Math.round(calls / n),
  "calls",
);
