import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ACTION_FACTS, type ActionName } from "#shared/domain/action.ts";
import { playbooks } from "#shared/playbooks/index.ts";
import { declared, granted } from "../../../infra/rbac/declared.ts";
import { FEATURE_OF, FEATURES, isKubernetes, KUBERNETES_ACTIONS, type KubernetesAction } from "../../../infra/rbac/features.ts";
import { grantsOf, isRead, said } from "../../../infra/rbac/rules.ts";
import { paramsProblem } from "../../../packaging/action-params.ts";
import { namesIn, type Row, tableOf } from "../page-tables.ts";

const text = readFileSync(new URL("../../../docs/kubernetes-actions.md", import.meta.url), "utf8");
const policy = readFileSync(new URL("../../../docs/policy.md", import.meta.url), "utf8");

const yes = (is: boolean): string => (is ? "yes" : "no");

/** Whose rights it takes to change what it changes: observe alone when it only reads. */
const sets = granted(await declared());
function setsOf(name: KubernetesAction): string {
  const writes = grantsOf(playbooks[name].needs.rbac).filter((grant) => !isRead(grant));
  const node = writes.filter(({ resource }) => resource === "nodes");
  const own = writes.length > node.length || writes.length === 0 ? [FEATURE_OF[name]] : [];
  const wanted = [...new Set([...own, ...(node.length > 0 ? (["node"] as const) : [])])];
  for (const grant of writes) expect(FEATURES.some((set) => sets[set].map(said).includes(said(grant)))).toBe(true);
  return wanted.join(", ");
}

function expiryOf(name: ActionName): string {
  const { expiry } = playbooks[name];
  if (expiry === undefined) return "none";
  return expiry.by === "undo" ? "undo" : "delete or ask";
}

/** Everything in which a page and the code differ. */
function differences(document: string): readonly string[] {
  const tables = { facts: tableOf(document, "asks first"), cuts: tableOf(document, "the offender"), params: tableOf(document, PARAMETERS) };
  const all = (Object.keys(tables) as readonly (keyof typeof tables)[]).flatMap((which) => {
    const told = tables[which].flatMap(({ action }) => namesIn(action));
    return JSON.stringify(told) === JSON.stringify(KUBERNETES_ACTIONS) ? [] : [`${which}: told of ${told.join(", ")}`];
  });
  const empty = Object.values(tables).flatMap((rows) =>
    rows.flatMap((row) => Object.entries(row).flatMap(([column, cell]) => (cell === "" ? [`${row["action"]}: ${column} is empty`] : []))),
  );
  return [...all, ...empty, ...tables.facts.flatMap(factsDiffer), ...tables.params.flatMap(paramsDiffer)];
}

const PARAMETERS = "parameters (preset; bounds)";

function factsDiffer(row: Row): readonly string[] {
  const [name = ""] = namesIn(row["action"]);
  if (!isKubernetes(name as ActionName)) return [];
  const action = name as KubernetesAction;
  const { approval, marks, outlives } = ACTION_FACTS[action];
  const { undo } = playbooks[action];
  const wanted = {
    "asks first": approval === "always" ? "always" : yes(approval),
    set: setsOf(action),
    budget: yes(!marks),
    outlives: yes(outlives),
    expiry: expiryOf(action),
  };
  const wrong = Object.entries(wanted).filter(([column, cell]) => row[column] !== cell);
  const says = undo.possible ? `possible: ${undo.says}. ` : `not possible: ${undo.because}`;
  const isSaid = undo.possible ? row["undo"]?.startsWith(says) : row["undo"] === says;
  return [...wrong.map(([column, cell]) => `${name}: ${column} is ${cell}`), ...(isSaid ? [] : [`${name}: undo is ${says}`])];
}

/** A playbook that is told a parameter that it does not know names all that it knows. */
function knownTo(action: ActionName): readonly string[] {
  const known = /\(known: ([^)]*)\)/.exec(paramsProblem(action, { "no such parameter": true }) ?? "")?.[1];
  if (known === undefined) throw new Error(`${action} takes what it does not know`);
  return known === "none" ? [] : known.split(", ").filter((key) => key !== "remote");
}

/** The first words in code of each part of the cell that names some, and those that "as X" stands for. */
function paramsDiffer(row: Row): readonly string[] {
  const [name = ""] = namesIn(row["action"]);
  const cell = row[PARAMETERS] ?? "";
  const like = /^as `([^`]+)`$/.exec(cell)?.[1];
  const known = knownTo(name as ActionName).toSorted();
  if (like !== undefined)
    return JSON.stringify(known) === JSON.stringify(knownTo(like as ActionName).toSorted()) ? [] : [`${name}: not as ${like}`];
  const told = namesIn(cell.replaceAll(/\([^()]*(\([^()]*\)[^()]*)*\)/g, "")).filter((key) => !key.startsWith("fd."));
  return JSON.stringify(told.toSorted()) === JSON.stringify(known) ? [] : [`${name}: parameters are ${known.join(", ")}`];
}

describe("docs/kubernetes-actions.md", () => {
  test("says of each action who is asked, whose rights it takes, what time does, how it is undone, and every parameter", () => {
    expect(differences(text)).toEqual([]);
  });

  const changed = (row: string, from: string, to: string): string => {
    const [line = "", second] = text.split("\n").filter((one) => one.startsWith(row) && one.includes(from));
    if (line === "" || second !== undefined) throw new Error(`not one row "${row}" has "${from}"`);
    return text.replace(line, line.replace(from, to));
  };

  test.each<[string, string, string, string, string]>([
    ["nobody asked", "| `kubernetes:drain` | yes", "| yes |", "| no |", "asks first is yes"],
    ["a waiver that is none", "| `kubernetes:delete` | always", "| always |", "| yes |", "asks first is always"],
    ["another set", "| `kubernetes:cordon` | no", "| node |", "| isolate |", "set is node"],
    ["one set of two", "| `kubernetes:label` | no", "| isolate, node |", "| isolate |", "set is isolate, node"],
    ["a budget that is not spent", "| `kubernetes:log` | no", "observe | no |", "observe | yes |", "budget is no"],
    ["an end by time that is none", "| `kubernetes:terminate` | no", "| none |", "| undo |", "expiry is none"],
    ["an undo that is none", "| `kubernetes:evict` | no", "not possible: ", "possible: ", "undo is not possible"],
    ["an undo that restores more", "| `kubernetes:drain` | yes", "what was moved does not", "what was moved does", "undo is possible"],
    ["a parameter too few", "| `kubernetes:quarantine` | `expires", ", `unproven` (refuse; or allow)", "", "parameters are"],
    ["a parameter too many", "| `kubernetes:cordon` | `expires", "`expires_after`", "`force`, `expires_after`", "parameters are"],
    ["no blast radius", "| `kubernetes:suspend` | ends", "that work is not done", "", "blast radius is empty"],
  ])("is told apart from the code by %s", (_what, row, from, to, difference) => {
    expect(differences(changed(row, from, to)).join("\n")).toContain(difference);
  });

  test.each(["asks first", "the offender", PARAMETERS])("a row that is missing or stands twice in the table by %s shows", (second) => {
    const [row] = text.slice(text.indexOf(`| action | ${second} |`)).match(/^\| `kubernetes:evict` .*$/m) ?? [];
    if (row === undefined) throw new Error("no such row");
    expect(differences(text.replace(`${row}\n`, ""))).not.toEqual([]);
    expect(differences(text.replace(row, `${row}\n${row}`))).not.toEqual([]);
  });
});

test("docs/policy.md has a row of each action with all its parameters", () => {
  const rows = tableOf(policy, "does");
  for (const name of KUBERNETES_ACTIONS) {
    const [row, second] = rows.filter(({ action }) => namesIn(action).includes(name));
    expect([name, row !== undefined && second === undefined]).toEqual([name, true]);
    for (const key of knownTo(name)) expect(namesIn(row?.["parameters"]), `${name}: ${key}`).toContain(key);
  }
});
