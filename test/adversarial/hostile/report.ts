import { FAMILIES, type HostileCase, hostileCases, isWrong, ROUTES, unseenKinds } from "./suite.ts";

/** Plays every case and prints a table of families and routes, what was wrong, and the count. 0: nothing was wrong, and nothing was left out. */
export async function reportHostile(): Promise<number> {
  const all: HostileCase[] = [];
  for await (const one of hostileCases(true)) all.push(one);
  const count = (key: "family" | "route", name: string): string => {
    const these = all.filter((one) => one[key] === name);
    return `${name.padEnd(28)} ${String(these.length).padStart(6)} cases, ${these.filter(isWrong).length} wrong`;
  };
  console.log("by what was written");
  for (const family of FAMILIES) console.log(`  ${count("family", family)}`);
  console.log("by the way it took");
  for (const route of ROUTES) console.log(`  ${count("route", route)}`);
  const wrong = all.filter(isWrong);
  for (const { family, route, name, refused, acted } of wrong)
    console.log(`WRONG  ${family} | ${route} | ${name} | ${refused ?? ""}${acted === null ? "" : ` | twin: ${acted}`}`);
  const missing = unseenKinds(all);
  if (missing !== null) console.log(`WRONG  ${missing}`);
  console.log(`\n${all.length} cases, ${wrong.length} wrong`);
  return all.length >= 1_000 && wrong.length === 0 && missing === null ? 0 : 1;
}
