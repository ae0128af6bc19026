import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { ACTION_FACTS, ACTIONS, type ActionName, fits, laneOf } from "#shared/domain/action.ts";
import { playbooks } from "#shared/playbooks/index.ts";
import type { Params, Right } from "#shared/playbooks/playbook.ts";
import { never } from "./builders.ts";
import { EcsStage, occasion, QUARANTINE } from "./ecs-stage.ts";
import { namesIn, type Row, tableOf } from "./page-tables.ts";

const text = readFileSync(new URL("../../docs/ecs-actions.md", import.meta.url), "utf8");

const FUNCTION = "arn:aws:lambda:eu-west-1:111122223333:function:hook";
const PARAMS: Partial<Readonly<Record<ActionName, Params>>> = {
  "ecs:isolate-instance": { security_group: QUARANTINE },
  "aws:invoke-lambda": { function: FUNCTION },
};
const ON_TASKS = ACTIONS.filter((name) => fits(name, "task"));

/** Where a task of each place runs, and whether it has an interface of its own. */
const PLACES = {
  "EC2 bridge or host": { onHost: true, awsvpc: false },
  "EC2 awsvpc": { onHost: true, awsvpc: true },
  Fargate: { onHost: false, awsvpc: true },
} as const;
type Place = keyof typeof PLACES;
const EVERYWHERE = Object.keys(PLACES) as readonly Place[];

/** What the code answers for an offender there. `isSpared`: the action itself says that it does not cut the offender off. */
type Answer =
  | { readonly kind: "acts"; readonly isStopped: boolean; readonly isSpared: boolean }
  | { readonly kind: "refuses"; readonly because: string };

/** Plans, prepares and carries it out on a task of a service there, and lets ECS follow. */
async function answerOf(name: ActionName, place: Place): Promise<Answer> {
  const stage = new EcsStage();
  const { ecs, definitions, functions } = stage.aws;
  const { onHost, awsvpc } = PLACES[place];
  const [offender] = ecs.service("shop", { family: "shop", tags: {}, desired: 1, instance: onHost ? stage.here : null, awsvpc });
  if (offender === undefined) throw new Error("no task");
  definitions.define("shop", { taskRoleArn: stage.roleArn });
  functions.function(FUNCTION);
  const { plan: planOf, prepare, execute } = playbooks[name];
  const planning = planOf(stage.workload(offender), PARAMS[name] ?? {}, occasion);
  if (planning.kind === "refused") return { kind: "refuses", because: planning.because };
  const preparation = (await prepare?.(planning.plan, stage.reach, never)) ?? { kind: "ready", kept: {}, remarks: [] };
  if (preparation.kind !== "ready") return { kind: "refuses", because: preparation.because };
  const execution = await execute(planning.plan, preparation.kept, stage.reach, never);
  if (execution.kind !== "accepted" && execution.kind !== "done") return { kind: "refuses", because: execution.because };
  stage.tick();
  const isStopped = ecs.task(offender.taskArn)?.lastStatus === "STOPPED";
  return { kind: "acts", isStopped, isSpared: /NOT cut, and the offender is one/.test(preparation.remarks.join()) };
}

const nameIn = ({ action = "" }: Row): string => action.replaceAll("`", "");
const named = (cell = ""): readonly string[] => namesIn(cell).toSorted();
const rightsOf = (rights: readonly Right[]): readonly string[] => [...new Set(rights.flatMap(({ actions }) => actions))].toSorted();
const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** What the code answers, by action and place: asked once. */
const answers = new Map<string, Answer>();
beforeAll(async () => {
  for (const name of ON_TASKS) for (const place of EVERYWHERE) answers.set(`${name} ${place}`, await answerOf(name, place));
});

/** Everything in which a page and the code differ. */
function differences(document: string): readonly string[] {
  const places = tableOf(document, "where");
  const facts = tableOf(document, "asks first");
  const rights = tableOf(document, "to prepare, do and undo");
  return [
    ...[...new Set(places.map(nameIn))].filter((name) => !ON_TASKS.some((known) => known === name)).map((name) => `${name} is no action`),
    ...ON_TASKS.flatMap((name) => [
      ...differencesByPlace(
        name,
        places.filter((row) => nameIn(row) === name),
      ),
      ...once(name, facts, factsDiffer),
      ...once(name, rights, rightsDiffer),
    ]),
    ...(facts.length === ON_TASKS.length && rights.length === ON_TASKS.length ? [] : ["a table has other rows than the actions on tasks"]),
  ];
}

function once(name: ActionName, rows: readonly Row[], compare: (name: ActionName, row: Row) => readonly string[]): readonly string[] {
  const [row, second] = rows.filter((one) => nameIn(one) === name);
  return row === undefined || second !== undefined ? [`${name} has not one row`] : compare(name, row);
}

function differencesByPlace(name: ActionName, rows: readonly Row[]): readonly string[] {
  const told = rows.flatMap((row) => (row["where"] ?? "").split(", ").map((place) => ({ place, row })));
  const places = told.map(({ place }) => place).toSorted();
  if (!same(places, EVERYWHERE.toSorted())) return [`${name} is told for ${places.join(", ")}`];
  return told.flatMap(({ place, row }) => cellsDiffer(answers.get(`${name} ${place}`), row).map((what) => `${name}, ${place}: ${what}`));
}

function cellsDiffer(answer: Answer | undefined, row: Row): readonly string[] {
  const { "does it act": verdict = "", "the offender": offender = "", cuts, "does NOT cut": spares, "blast radius": others } = row;
  const empty = Object.entries(row).flatMap(([column, cell]) => (cell === "" ? [`${column} is empty`] : []));
  if (answer?.kind === "refuses") {
    const reason = /^refuses: (.{20,})$/.exec(verdict)?.[1];
    const claimsNothing = same([offender, cuts, spares, others], ["runs on", "nothing", "everything", "none"]);
    return [
      ...empty,
      ...(reason !== undefined && answer.because.includes(reason) ? [] : [`it refuses: ${answer.because}`]),
      ...(claimsNothing ? [] : ["what refuses does nothing"]),
    ];
  }
  return [
    ...empty,
    ...(/^acts\b/.test(verdict) ? [] : ["it acts"]),
    ...(offender.startsWith(answer?.isStopped ? "stopped" : "runs on") ? [] : [`the offender ${answer?.isStopped ? "stops" : "runs on"}`]),
    ...(offender.includes("NOT cut off") === answer?.isSpared ? [] : ["whether the offender is cut off"]),
  ];
}

function factsDiffer(name: ActionName, row: Row): readonly string[] {
  const { approval, marks, outlives } = ACTION_FACTS[name];
  const { never: neverActs, undo } = playbooks[name];
  const yes = (is: boolean): string => (is ? "yes" : "no");
  const wanted = {
    "asks first": yes(approval !== false),
    function: `respond-${laneOf(name, "task")}`,
    budget: yes(!marks),
    outlives: yes(outlives),
  };
  const wrong = Object.entries(wanted).filter(([column, cell]) => row[column] !== (neverActs === undefined ? cell : "never acts"));
  // What can be taken back is told with when it cannot; what cannot, with nothing more.
  const says = undo.possible ? `possible: ${undo.says}. ` : `not possible: ${undo.because}`;
  const isSaid = undo.possible ? row["undo"]?.startsWith(says) : row["undo"] === says;
  return [...wrong.map(([column, cell]) => `${name}: ${column} is ${cell}`), ...(isSaid ? [] : [`${name}: undo is ${says}`])];
}

function rightsDiffer(name: ActionName, row: Row): readonly string[] {
  const { iam, look } = playbooks[name].needs;
  const columns = { "to prepare, do and undo": rightsOf(iam), "to look afterwards": rightsOf(look) };
  return Object.entries(columns).flatMap(([column, wanted]) => {
    const cell = row[column];
    return same(named(cell), wanted) && (wanted.length > 0 || cell === "none") ? [] : [`${name}, ${column}: ${wanted.join(", ")}`];
  });
}

describe("docs/ecs-actions.md", () => {
  test("says of each action in each place what the code does there, with its rights, its undo and who is asked", () => {
    expect(answers.size).toBe(ON_TASKS.length * EVERYWHERE.length);
    expect(differences(text)).toEqual([]);
  });

  /** One cell changed in the row that begins so. */
  const changed = (row: string, from: string, to: string): string => {
    const lines = text.split("\n").filter((line) => line.startsWith(row));
    const [line = "", second] = lines.filter((one) => one.includes(from));
    if (line === "" || second !== undefined) throw new Error(`not one row "${row}" has "${from}"`);
    return text.replace(line, line.replace(from, to));
  };

  test.each<[string, string, string, string, string]>([
    [
      "a refusal told as an action",
      "| `ecs:drain-instance` | Fargate",
      "refuses: the task runs on no container instance",
      "acts",
      "it refuses",
    ],
    ["an action told as a refusal", "| `ecs:stop-task` | Fargate", "| acts |", "| refuses: there is no machine to stop it on |", "it acts"],
    ["another reason", "| `ecs:isolate-task` | EC2 awsvpc", "managed by ECS", "managed by Docker", "it refuses"],
    [
      "no reason",
      "| `ecs:isolate-instance` | Fargate",
      "refuses: the task runs on no EC2 machine of yours (Fargate)",
      "refuses: ",
      "it refuses",
    ],
    ["a refusal that cuts", "| `ecs:isolate-task` | EC2 bridge", "| nothing |", "| the network |", "does nothing"],
    ["a place left out", "| `ecs:stop-task` | EC2 bridge", "EC2 bridge or host, EC2 awsvpc", "EC2 bridge or host", "is told for"],
    ["a place told twice", "| `ecs:stop-task` | Fargate", "| Fargate", "| Fargate, EC2 awsvpc", "is told for"],
    ["an action that does not exist", "| `ecs:tag-task` | EC2", "`ecs:tag-task`", "`ecs:tag-service`", "is no action"],
    ["an offender that is said to stop", "| `ecs:revoke-role-sessions` | EC2", "| runs on |", "| stopped |", "the offender runs on"],
    ["an offender that is said to run on", "| `ecs:scale-service-to-zero` | EC2", "| stopped |", "| runs on |", "the offender stops"],
    ["a cut that is none", "| `ecs:isolate-instance` | EC2 awsvpc", "NOT cut off", "cut off", "whether the offender is cut off"],
    ["no blast radius", "| `ecs:scale-service-to-zero` | EC2", "an outage of the whole service", "", "blast radius is empty"],
    ["nobody asked", "| `ecs:drain-instance` | yes", "| yes |", "| no |", "asks first is yes"],
    ["another function", "| `ecs:isolate-instance` | yes", "respond-wide", "respond-ecs", "function is respond-wide"],
    ["a budget that is not spent", "| `ecs:protect-task` | no", "respond-ecs | no |", "respond-ecs | yes |", "budget is no"],
    ["an undo that is none", "| `ecs:stop-task` | no", "not possible: ", "possible: ", "undo is not possible"],
    ["an undo that restores more", "| `ecs:drain-instance` | yes", "to ACTIVE again", "and its tasks to ACTIVE again", "undo is possible"],
    ["a right too few", "| `ecs:stop-task` | `ecs:StopTask`", "`ecs:DescribeTasks`, ", "", "to look afterwards"],
    [
      "a right too many",
      "| `ecs:stop-task` | `ecs:StopTask`",
      "`ecs:StopTask`",
      "`ecs:StopTask`, `ecs:RunTask`",
      "to prepare, do and undo",
    ],
    ["rights that are said to be none", "| `aws:invoke-lambda` | `lambda", "`lambda:InvokeFunction`", "none", "to prepare, do and undo"],
  ])("is told apart from the code by %s", (_what, row, from, to, difference) => {
    expect(differences(changed(row, from, to)).join("\n")).toContain(difference);
  });

  test.each(["where", "asks first", "to prepare, do and undo"])(
    "a row that is missing or stands twice in the table by %s shows",
    (second) => {
      const [row] = text.slice(text.indexOf(`| action | ${second} |`)).match(/^\| `ecs:stop-task` .*$/m) ?? [];
      if (row === undefined) throw new Error("no such row");
      expect(differences(text.replace(`${row}\n`, ""))).not.toEqual([]);
      expect(differences(text.replace(row, `${row}\n${row}`))).not.toEqual([]);
    },
  );
});
