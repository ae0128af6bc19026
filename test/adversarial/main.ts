import { cases } from "./ecs/cases.ts";
import { judgeCase } from "./ecs/run.ts";

/** `npm run adversarial -- ecs`: the table of cases, and how many went wrong. */
const suites = { ecs: cases } as const;

const [wanted = "ecs", ...more] = process.argv.slice(2);
const suite = Object.entries(suites).find(([name]) => name === wanted)?.[1];
if (suite === undefined || more.length > 0) {
  console.error(`usage: npm run adversarial -- ${Object.keys(suites).join(" | ")}`);
  process.exit(2);
}

let wrong = 0;
let acted = 0;
const width = Math.max(0, ...suite.map(({ name }) => name.length));
for (const one of suite) {
  const judged = await judgeCase(one);
  if (judged.acted === null) acted++;
  if (judged.refused !== null || judged.acted !== null) wrong++;
  const held = judged.refused === null ? judged.reason.replace(/\s+/g, " ").slice(0, 110) : `WRONG: ${judged.refused}`;
  console.log(
    `${judged.name.padEnd(width)}  [${judged.fact}]  ${held}  | twin ${judged.acted === null ? "acted" : `WRONG: ${judged.acted}`}`,
  );
}
console.log(`\n${suite.length} cases, ${wrong} wrong, ${acted} of ${suite.length} twins acted`);
process.exit(suite.length > 0 && wrong === 0 && acted === suite.length ? 0 : 1);
