import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { APIGatewayProxyEventV2WithIAMAuthorizer, Context } from "aws-lambda";
import { respond } from "#shared/pipeline/respond.ts";
import { encodeRequest, type OperateRequest } from "#shared/wire/operate.ts";
import { policyOf, registry, shellRule, taskEntry, World } from "../../fakes/world.ts";
import { unseen } from "./oracle/inert.ts";
import { texts } from "./payloads/text.ts";

type Event = APIGatewayProxyEventV2WithIAMAuthorizer;
const ALICE = "arn:aws:iam::111122223333:user/alice";
const context = { awsRequestId: "r", functionName: "operate", getRemainingTimeInMillis: () => 60_000 } as Context;

/** A request to the function URL that must decide nothing. `of`: the body, from that of the twin, which approves. */
export interface RequestCase {
  readonly family: string;
  readonly name: string;
  readonly of: (body: string) => string;
  readonly by?: string | null;
  readonly status: readonly number[];
}

const keyed = (change: (request: Record<string, unknown>) => unknown) => (body: string) =>
  JSON.stringify(change(JSON.parse(body) as Record<string, unknown>));
const set = (key: string, value: unknown) => keyed((request) => ({ ...request, [key]: value }));

const STRANGE: readonly unknown[] = [
  null,
  0,
  1e300,
  -1,
  true,
  [],
  {},
  "",
  " ",
  "__proto__",
  "constructor",
  "../1",
  "0".repeat(15),
  "0".repeat(17),
  "0".repeat(16),
  "G".repeat(16),
  "\u0000".repeat(16),
  `${"0".repeat(15)}\n`,
  "INCIDENT#",
  "%",
  "*",
];
const bodies: Readonly<Record<string, (body: string) => string>> = {
  nothing: () => "",
  "no JSON": () => "{",
  "JSON twice": (body) => body + body,
  "a list of it": (body) => `[${body}]`,
  "a text of it": (body) => JSON.stringify(body),
  null: () => "null",
  "a number": () => "1e999",
  "longer than a request": (body) => `${body}${" ".repeat(5_000)}`,
  "1 MB": () => "x".repeat(1_000_000),
  "2,000 open brackets": () => "[".repeat(2_000),
  "a byte order mark before it": (body) => `\ufeff${body}`,
  "a form": () => "verb=approve&incident=0000000000000000",
  "under __proto__": (body) => `{"__proto__":${body}}`,
};

const ids = STRANGE.map(
  (value): RequestCase => ({
    family: "strange ids",
    name: `incident ${JSON.stringify(value)?.slice(0, 40)}`,
    of: set("incident", value),
    status: [400, 409],
  }),
);
const verbs = [null, 1, "", "destroy", "APPROVE", "approve ", "__proto__", "constructor", "toString", ["approve"], { approve: true }].map(
  (value): RequestCase => ({
    family: "malformed requests",
    name: `verb ${JSON.stringify(value)}`,
    of: set("verb", value),
    status: [400],
  }),
);
const choices = ["action", "target"].flatMap((key) =>
  [1, true, {}, ["x"], "x".repeat(513), "x".repeat(3_500), "nobody", "e", "-task", "*", "%", "\u202eksat", "ecs:stop-task\u0000"].map(
    (value): RequestCase => ({
      family: "strange choices",
      name: `${key} ${JSON.stringify(value).slice(0, 40)}`,
      of: set(key, value),
      status: [400, 409],
    }),
  ),
);
const callers = [null, ""].map(
  (by): RequestCase => ({
    family: "unsigned requests",
    name: by === null ? "nobody signed it" : "an empty principal",
    of: (body) => body,
    by,
    status: [403],
  }),
);
const written = texts
  .filter(({ text }) => text.length < 500)
  .map(({ name, text }): RequestCase => ({ family: "texts in requests", name, of: set("target", text), status: [400, 409] }));

export const requestCases: readonly RequestCase[] = [
  ...ids,
  ...verbs,
  ...choices,
  ...callers,
  ...written,
  ...Object.entries(bodies).map(([name, of]): RequestCase => ({ family: "malformed requests", name, of, status: [400] })),
  ...["", "falco-responder/operate/0", "falco-responder/operate/999", "x", null].map(
    (schema): RequestCase => ({
      family: "malformed requests",
      name: `schema ${JSON.stringify(schema)}`,
      of: set("schema", schema),
      status: [400],
    }),
  ),
];

type Module = typeof import("../../../functions/operate/handler.ts");

/** The deployed module, which reads its settings when it is loaded. */
async function deployed(): Promise<Module> {
  const folder = mkdtempSync(join(tmpdir(), "falco-responder-"));
  writeFileSync(join(folder, "registry.json"), JSON.stringify(registry));
  writeFileSync(join(folder, "policy.json"), JSON.stringify(policyOf()));
  const url = (lane: string): string => `https://sqs.eu-west-1.amazonaws.com/111122223333/alerts-${lane}.fifo`;
  const settings = {
    AUDIT_BUCKET: "audit",
    EVIDENCE_BUCKET: "evidence",
    SWITCH_PARAMETER: "/falco-responder/switch",
    QUEUE_ECS_URL: url("ecs"),
    QUEUE_KUBERNETES_URL: url("kubernetes"),
    QUEUE_WIDE_URL: url("wide"),
  };
  Object.assign(process.env, { COMPILED_DIR: folder, LEDGER_TABLE: "ledger", AWS_REGION: "eu-west-1", ...settings });
  try {
    return await import("../../../functions/operate/handler.ts");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface Answered {
  readonly status: number;
  readonly answer: { readonly kind?: string; readonly because?: string; readonly summary?: unknown };
  readonly states: readonly string[];
  readonly sent: number;
}

let loaded: Promise<Module> | null = null;

async function send(of: (body: string) => string, by: string | null): Promise<Answered> {
  loaded ??= deployed();
  const { createHandler } = await loaded;
  const world = new World(policyOf([{ ...shellRule, mode: "approve" }]));
  const task = world.ecs.run({ family: "web" });
  const entry = taskEntry(world, { taskArn: task.taskArn, containerId: task.containers[0]?.runtimeId ?? "" });
  const result = await respond({ body: JSON.stringify(entry), receiveCount: 1 }, world.respondPorts(), new AbortController().signal);
  if (result.kind !== "recorded") throw new Error("nobody is asked");
  const request: OperateRequest = { verb: "approve", incident: result.incident, action: null, target: null };
  const event = {
    body: of(encodeRequest(request)),
    isBase64Encoded: false,
    requestContext: by === null ? {} : { authorizer: { iam: { userArn: by } } },
  };
  const { statusCode = 0, body = "" } = await createHandler(world.respondPorts())(event as unknown as Event, context);
  const states = world.bodies<{ readonly state: string }>("order").map(({ state }) => state);
  return { status: statusCode, answer: JSON.parse(body) as Answered["answer"], states, sent: world.orders.length };
}

/** Null: refused with a reason, and nothing was decided; else what is wrong. */
export async function refusedRequest({
  of,
  by = ALICE,
  status,
}: RequestCase): Promise<{ readonly wrong: string | null; readonly reason: string }> {
  const { status: got, answer, states, sent } = await send(of, by);
  const { kind, because = "" } = answer;
  const hidden = unseen(because.replaceAll("\n", " "));
  const wrong =
    states.join() !== "awaiting" || sent > 0
      ? `decided: ${states.join()}, ${sent} orders sent`
      : kind !== "refused" || !status.includes(got) || because === "" || because.length > 2_000
        ? `answered ${got} ${JSON.stringify(answer).slice(0, 120)}`
        : hidden === null
          ? null
          : `${hidden} in the answer`;
  return { wrong, reason: because };
}

/** Null: the same request as it should be decides. */
export async function takenRequest(): Promise<string | null> {
  const { status, states, sent } = await send((body) => body, ALICE);
  return status === 200 && states.join() === "given" && sent === 1 ? null : `answered ${status}, ${states.join()}, ${sent} orders sent`;
}
