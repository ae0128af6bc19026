import { BUDGETS, judgeRush, RESPONDERS, rush } from "./responders.ts";
import { judgeStorm, OWNER_BUDGET, storm } from "./storm.ts";

const ALERTS = 200_000;
const SEEDS = 20;

/** The storm, its twin without one, planted changes that must be noticed, and 50 responders at once. 0: all as promised. */
export async function reportStorm(): Promise<number> {
  const wrong: string[] = [];
  const calm = await storm(0);
  const stormy = await storm(ALERTS);
  const judged = judgeStorm(stormy, calm);
  if (judged !== null) wrong.push(judged);
  console.log(`alerts                         ${stormy.alerts} (one container ${ALERTS}, three others one each)`);
  console.log(`queue messages                 ${stormy.queueMessages}`);
  console.log(`alert to StopTask of another   ${stormy.delayMs} ms; without the storm ${calm.delayMs} ms`);
  console.log(`actions per owner              ${counts(stormy.actions)} (its budget: ${OWNER_BUDGET})`);
  console.log(`messages per channel           ${counts(stormy.messages)}; without the storm ${counts(calm.messages)}`);
  for (const [plant, alerts] of [
    ["no coalescing", 5_000],
    ["no coalescing, one group for all", 5_000],
  ] as const) {
    const noticed = judgeStorm(await storm(alerts, plant), calm);
    console.log(`planted: ${plant.padEnd(32)} ${noticed === null ? "NOT NOTICED" : `noticed: ${noticed}`}`);
    if (noticed === null) wrong.push(`planted "${plant}" was not noticed`);
  }
  let [most, conflicts] = [0, 0];
  for (let seed = 1; seed <= SEEDS; seed++) {
    const one = await rush(seed, BUDGETS);
    const exceeded = judgeRush(one, BUDGETS);
    if (exceeded !== null) wrong.push(`seed ${seed}: ${exceeded}`);
    most = Math.max(most, one.stops);
    conflicts += one.conflicts;
  }
  console.log(
    `${RESPONDERS} responders at once, ${SEEDS} times  at most ${most} stops of a budget of ${BUDGETS.cluster}, ${conflicts} conflicts of writes`,
  );
  if (most !== BUDGETS.cluster) wrong.push("the budget was never spent whole");
  const forgetful = judgeRush(await rush(1, BUDGETS, true), BUDGETS);
  console.log(`planted: budgets without version ${forgetful === null ? "NOT NOTICED" : `noticed: ${forgetful}`}`);
  if (forgetful === null) wrong.push("budgets without versions were not noticed");
  console.log(`\n${wrong.length === 0 ? "the storm kept its place" : `WRONG: ${wrong.join("; ")}`}`);
  return wrong.length === 0 ? 0 : 1;
}

const counts = (all: Readonly<Record<string, number>>): string =>
  Object.entries(all)
    .map(([name, count]) => `${name} ${count}`)
    .join(", ");
