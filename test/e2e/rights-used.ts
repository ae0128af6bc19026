import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { deployed, FUNCTIONS, type FunctionKey, roleId } from "../../infra/functions.ts";
import type { DeployPlan } from "../../infra/plan.ts";
import { roles } from "../../infra/roles.ts";
import type { Call } from "../../lab/lab.ts";
import { allowed, statementsOf } from "../infra/policy.ts";

/** What each role may, by function: names of IAM actions. */
export type Allowed = Readonly<Record<FunctionKey, readonly string[]>>;

/** Functions called these operations, and their roles were these. */
export interface Run {
  readonly calls: readonly Call[];
  readonly allowed: Allowed;
}

/** `<function> <IAM action>`, sorted. */
export interface Comparison {
  readonly missing: readonly string[];
  readonly unused: readonly string[];
}

export const allowedBy = (plan: DeployPlan): Allowed => {
  const resources = roles(plan);
  return Object.fromEntries(
    FUNCTIONS.map((key) => [key, deployed(plan).includes(key) ? allowed(statementsOf(resources, roleId(key))) : []]),
  ) as unknown as Allowed;
};

/** Where an operation and its IAM action have different names. https://docs.aws.amazon.com/service-authorization/latest/reference/ */
const ACTIONS: Readonly<Record<string, string>> = {
  "dynamodb:TransactWriteItems/ConditionCheck": "dynamodb:ConditionCheckItem",
  "dynamodb:TransactWriteItems/Delete": "dynamodb:DeleteItem",
  "dynamodb:TransactWriteItems/Put": "dynamodb:PutItem",
  "dynamodb:TransactWriteItems/Update": "dynamodb:UpdateItem",
  "lambda:Invoke": "lambda:InvokeFunction",
  "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
  "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
  "sqs:SendMessageBatch": "sqs:SendMessage",
};
/** Services that ministack calls otherwise than IAM does. */
const PREFIXES: Readonly<Record<string, string>> = { autoscaling: "application-autoscaling" };

export const iamAction = ({ service, action }: Pick<Call, "service" | "action">): string => {
  const name = `${PREFIXES[service] ?? service}:${action}`;
  return ACTIONS[name] ?? name;
};

/** Rights whose use no call of these runs shows: AWS uses them on the function's behalf, or what they are for takes longer than a run. */
const ON_ITS_BEHALF: readonly { readonly actions: readonly string[]; readonly of: readonly FunctionKey[]; readonly because: string }[] = [
  { actions: ["logs:CreateLogStream", "logs:PutLogEvents"], of: FUNCTIONS, because: "Lambda writes the function's own log with its role" },
  {
    actions: ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"],
    of: FUNCTIONS,
    because: "the services that hold our data use the key in the caller's name (kms:ViaService)",
  },
  {
    actions: ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
    of: ["respond-ecs", "respond-kubernetes", "respond-wide"],
    because: "the event source mapping reads the queue with the function's role",
  },
  {
    actions: ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"],
    of: ["notify", "audit"],
    because: "the event source mapping reads the stream with the function's role",
  },
  {
    actions: ["sqs:SendMessage"],
    of: ["notify", "audit"],
    because: "the event source mapping leaves what they cannot take in their dead letters",
  },
  {
    actions: ["dynamodb:BatchWriteItem", "s3:PutObject"],
    of: ["sweep"],
    because: "it records what the stream lost, and in these runs the stream loses nothing (test/audit plays it)",
  },
  {
    actions: [
      "cloudwatch:GetMetricData",
      "dynamodb:BatchWriteItem",
      "dynamodb:GetItem",
      "dynamodb:PutItem",
      "dynamodb:Query",
      "logs:FilterLogEvents",
      "s3:PutObject",
      "sqs:SendMessage",
    ],
    of: ["refetch"],
    because: "it compares what is more than six minutes old, and no run is that long (test/pipeline/refetch.test.ts plays it)",
  },
  {
    actions: ["ec2:DescribeInstances"],
    of: ["sweep"],
    because:
      "it asks whether a machine runs whose sensor has been silent for minutes, longer than these runs (test/pipeline/sensors.test.ts)",
  },
  { actions: ["s3:ListBucket"], of: ["ingest"], because: "Lambda looks at the bucket before it keeps a batch that failed there" },
];

const isUsedByAws = (key: FunctionKey, action: string): boolean =>
  ON_ITS_BEHALF.some(({ actions, of }) => of.includes(key) && actions.includes(action));

/** The function of a deployed name (`<stack>-respond-ecs`) or of its key; null: somebody else. */
const functionOf = (principal: string): FunctionKey | null =>
  FUNCTIONS.find((key) => principal === key || principal.endsWith(`-${key}`)) ?? null;

/**
 * missing: called, and the role of that run does not allow it; an operation that cannot be named is missing too. unused: allowed in some run and
 * called in none. Calls of nobody's function (a test's own) are left out. Throws when no function has called anything: nothing was compared.
 */
export function compareRights(runs: readonly Run[]): Comparison {
  const missing = new Set<string>();
  const used = new Set<string>();
  for (const run of runs) {
    for (const call of run.calls) {
      const key = functionOf(call.principal);
      if (key === null) continue;
      const line = `${key} ${iamAction(call)}`;
      used.add(line);
      if (!run.allowed[key].includes(iamAction(call))) missing.add(line);
    }
  }
  if (used.size === 0) throw new Error("no function has called anything: nothing was compared");
  const rights = runs.flatMap((run) => FUNCTIONS.flatMap((key) => run.allowed[key].map((action) => ({ key, action }))));
  const unused = rights.filter(({ key, action }) => !used.has(`${key} ${action}`) && !isUsedByAws(key, action));
  return { missing: [...missing].toSorted(), unused: [...new Set(unused.map(({ key, action }) => `${key} ${action}`))].toSorted() };
}

/** Where the runs of one `vitest` leave their calls; test/lab-setup.ts names it and compares them all at the end. */
export const CALLS_FOLDER = "FALCO_RESPONDER_TEST_CALLS";

/** Leaves a run for the comparison over all of them. `file`: the test file that ran. */
export function leaveRun(file: string, run: Run): void {
  const folder = process.env[CALLS_FOLDER];
  if (folder === undefined) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${basename(file)}.json`), JSON.stringify(run));
}

/** Runs that were left, by test file; `absent`: files that deploy and have left none, because only some were asked for or because they failed. */
export function leftRuns(folder: string, tests: string): { readonly runs: readonly Run[]; readonly absent: readonly string[] } {
  const left = new Map(
    readdirSync(folder).map((file) => [file.replace(/\.json$/, ""), JSON.parse(readFileSync(join(folder, file), "utf8")) as Run]),
  );
  const deploying = readdirSync(tests).filter(
    (file) => file.endsWith(".test.ts") && /\b(openWorld|leaveRun)\(/.test(readFileSync(join(tests, file), "utf8")),
  );
  return { runs: [...left.values()], absent: deploying.filter((file) => !left.has(file)) };
}
