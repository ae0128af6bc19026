import { readFileSync } from "node:fs";
import { startControlPlane } from "../../lab/lab.ts";
import type { TestKube } from "../contracts/kube-requests.ts";
import { cases as ecs } from "./ecs/cases.ts";
import { judgeCase as judgeTask } from "./ecs/run.ts";
import { reportHostile } from "./hostile/report.ts";
import type { Judged } from "./judge.ts";
import { cases as kubernetes } from "./kubernetes/cases.ts";
import { realCases } from "./kubernetes/cases-real.ts";
import { openPlant } from "./kubernetes/plant.ts";
import { judgeAll } from "./kubernetes/real-stage.ts";
import { judgeCase as judgePod } from "./kubernetes/run.ts";
import { reportStorm } from "./storm/report.ts";

/** `npm run adversarial -- ecs | kubernetes | hostile | storm`: the table of cases, and how many went wrong. */
const suites: Readonly<Record<string, () => Promise<readonly Judged[]>>> = {
  ecs: () => inTurn(ecs, judgeTask),
  kubernetes: async () => [...(await inTurn(kubernetes, judgePod)), ...(await onRealServer())],
};

async function inTurn<T>(cases: readonly T[], judge: (one: T) => Promise<Judged>): Promise<readonly Judged[]> {
  const judged: Judged[] = [];
  for (const one of cases) judged.push(await judge(one));
  return judged;
}

/** On the control plane that FALCO_RESPONDER_TEST_KUBE names, or on one of our own. */
async function onRealServer(): Promise<readonly Judged[]> {
  const file = process.env["FALCO_RESPONDER_TEST_KUBE"];
  if (file) return await judgedOn(JSON.parse(readFileSync(file, "utf8")) as TestKube);
  const { server, caData, adminToken, lacks, stop } = await startControlPlane({ tell: (line) => console.error(`[lab] ${line}`) });
  try {
    if (adminToken === null || lacks.length > 0) throw new Error(`the control plane is not whole: ${lacks.join(", ") || "no token"}`);
    return await judgedOn({ server, caData, adminToken });
  } finally {
    await stop();
  }
}

async function judgedOn(kube: TestKube): Promise<readonly Judged[]> {
  const plant = await openPlant(kube);
  try {
    return await judgeAll(plant, realCases);
  } finally {
    await plant.close();
  }
}

const [wanted = "ecs", ...more] = process.argv.slice(2);
/** Suites with a table of their own; what they give is the exit code. */
const reports: Readonly<Record<string, () => Promise<number>>> = { hostile: reportHostile, storm: reportStorm };
const report = Object.hasOwn(reports, wanted) ? reports[wanted] : undefined;
if (report !== undefined && more.length === 0) process.exit(await report());

const suite = Object.hasOwn(suites, wanted) ? suites[wanted] : undefined;
if (suite === undefined || more.length > 0) {
  console.error(`usage: npm run adversarial -- ${[...Object.keys(suites), ...Object.keys(reports)].join(" | ")}`);
  process.exit(2);
}

const all = await suite();
const wrong = all.filter(({ refused, acted }) => refused !== null || acted !== null).length;
const acts = all.filter(({ acted }) => acted === null).length;
const width = Math.max(0, ...all.map(({ name }) => name.length));
for (const { name, fact, refused, acted, reason } of all) {
  const held = refused === null ? reason.replace(/\s+/g, " ").slice(0, 110) : `WRONG: ${refused}`;
  console.log(`${name.padEnd(width)}  [${fact}]  ${held}  | twin ${acted === null ? "acted" : `WRONG: ${acted}`}`);
}
console.log(`\n${all.length} cases, ${wrong} wrong, ${acts} of ${all.length} twins acted`);
process.exit(all.length > 0 && wrong === 0 && acts === all.length ? 0 : 1);
