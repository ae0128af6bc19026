import { mkdirSync, writeFileSync } from "node:fs";
import type { BenchRow } from "./row.ts";

/** `npm run bench [name ...]`: prints a table and writes .bench/latest.json. Every figure is measured beside what it is compared with, in this run. */
const suites: Readonly<Record<string, () => Promise<readonly BenchRow[]>>> = {
  ingest: async () => (await import("./ingest-vs-limit.ts")).ingestVsLimit(),
  rules: async () => (await import("./rules.ts")).rulesBench(),
  cold: async () => (await import("./cold-start.ts")).coldStart(),
  duplicates: async () => (await import("./duplicates-1m.ts")).duplicates1m(),
  ecs: async () => [...(await (await import("./ecs-calls.ts")).ecsCalls()), ...(await (await import("./ecs-actions.ts")).ecsActions())],
  k8s: async () => (await import("./k8s-actions.ts")).k8sActions(),
  lab: async () => (await import("./lab-latency.ts")).labLatency(),
};

const wanted = process.argv.slice(2);
for (const name of wanted) {
  if (!(name in suites)) {
    console.error(`no such benchmark: ${name}. Known: ${Object.keys(suites).join(", ")}`);
    process.exit(2);
  }
}

const rows: BenchRow[] = [];
for (const [name, suite] of Object.entries(suites)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.error(`measuring ${name} ...`);
  rows.push(...(await suite()));
}
if (rows.length === 0) {
  console.error("nothing was measured");
  process.exit(1);
}

mkdirSync(".bench", { recursive: true });
writeFileSync(".bench/latest.json", `${JSON.stringify(rows, null, 2)}\n`);
const width = Math.max(...rows.map((row) => row.name.length));
for (const row of rows) {
  console.log(`${row.name.padEnd(width)}  ${row.value.toPrecision(4).padStart(10)} ${row.unit.padEnd(22)} ${row.compared}`);
}
console.log(`\n${rows.length} figures, also in .bench/latest.json`);
process.exit(0);
