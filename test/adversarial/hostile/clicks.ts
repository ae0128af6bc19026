import { buttonValue } from "#shared/domain/button.ts";
import type { Person } from "#shared/domain/person.ts";
import type { OrderBody } from "#shared/ledger/order.ts";
import { type ChatopsPorts, chatops } from "#shared/pipeline/chatops.ts";
import { respond } from "#shared/pipeline/respond.ts";
import type { Reply } from "#shared/ports/chatops.ts";
import { clickPayload, formOf, type Sent, SLACK, slackEvent } from "../../fakes/slack.ts";
import { policyOf, registry, shellRule, taskEntry, World } from "../../fakes/world.ts";
import { texts } from "./payloads/text.ts";

const signal = new AbortController().signal;

/** A click that must decide nothing. `of`: what is sent, from the value of the twin's button and the time. */
export interface ClickCase {
  readonly family: string;
  readonly name: string;
  readonly of: (value: string, nowMs: number) => Sent;
  /** What the caller is answered: nothing but 401, or for one whom Slack vouches for, why not. */
  readonly status: 200 | 401;
  /** Sent before; it is taken. */
  readonly before?: (value: string, nowMs: number) => Sent;
}

type Payload = Readonly<Record<string, unknown>>;
const click = (value: string, user = "U0ALICE", over: object = {}): string => formOf(clickPayload("approve", value, user, over));
const honest = (value: string, nowMs: number): Sent => ({ body: click(value), nowMs });
const sent =
  (more: Partial<Sent>) =>
  (value: string, nowMs: number): Sent => ({ ...honest(value, nowMs), ...more });
const about =
  (change: (payload: Payload) => object) =>
  (value: string, nowMs: number): Sent => ({ body: formOf(change(clickPayload("approve", value) as Payload)), nowMs });

const HEADER = "x-slack-signature";
const signatures = [
  "",
  "v0=",
  `v0=${"0".repeat(64)}`,
  `v0=${"0".repeat(63)}`,
  `v0=${"g".repeat(64)}`,
  "v1=x",
  `V0=${"0".repeat(64)}`,
  `v0=${"0".repeat(64)}\n`,
  undefined,
];
const forged: readonly ClickCase[] = [
  ...signatures.map(
    (signature): ClickCase => ({
      family: "forged clicks",
      name: `signature ${JSON.stringify(signature) ?? "none"}`,
      of: sent({ headers: { [HEADER]: signature } }),
      status: 401,
    }),
  ),
  ...["", "another", `${SLACK.secret} `, SLACK.secret.toUpperCase(), SLACK.secret.slice(1)].map(
    (secret): ClickCase => ({
      family: "forged clicks",
      name: `signed with ${secret === "" ? "nothing" : `"${secret.slice(0, 8)}..." of ${secret.length} characters`}`,
      of: sent({ secret }),
      status: 401,
    }),
  ),
  { family: "forged clicks", name: "another body was signed", of: sent({ signed: "payload=%7B%7D" }), status: 401 },
  {
    family: "forged clicks",
    name: "a field behind what was signed",
    of: (value, nowMs) => ({ body: `${click(value)}&x=1`, nowMs, signed: click(value) }),
    status: 401,
  },
  {
    family: "forged clicks",
    name: "the button of another was signed",
    of: (value, nowMs) => ({ body: click(value), nowMs, signed: click(value, "U0BOB") }),
    status: 401,
  },
  { family: "forged clicks", name: "two signatures", of: sent({ headers: { "X-Slack-Signature": `v0=${"0".repeat(64)}` } }), status: 401 },
];

const stale: readonly ClickCase[] = [-3_600, -301, 301, 3_600, -1_700_000_000].map((seconds) => ({
  family: "stale clicks",
  name: `signed ${seconds} s from now`,
  of: (value, nowMs) => ({ ...honest(value, nowMs), timestamp: String(Math.floor(nowMs / 1_000) + seconds) }),
  status: 401,
}));
const times: readonly ClickCase[] = ["", "0", "now", "1e9", "-1", " 1", "NaN", "Infinity", "9".repeat(30), "0x10"].map((timestamp) => ({
  family: "stale clicks",
  name: `the time is ${JSON.stringify(timestamp)}`,
  of: sent({ timestamp }),
  status: 401,
}));

const replayed: readonly ClickCase[] = [
  { family: "replayed clicks", name: "the same again", of: honest, before: honest, status: 401 },
  {
    family: "replayed clicks",
    name: "the same again, the headers in capitals",
    of: (value, nowMs) => capitals(honest(value, nowMs)),
    before: honest,
    status: 401,
  },
  { family: "replayed clicks", name: "the same again, not in base64", of: sent({ base64: false }), before: honest, status: 401 },
];
const capitals = (one: Sent): Sent => ({
  ...one,
  headers: { "content-type": undefined, "Content-Type": "application/x-www-form-urlencoded" },
});

const strangers: readonly ClickCase[] = [
  ["wrong team", "the workspace", { team: { id: "T0OTHER" } }],
  ["wrong team", "the workspace in small letters", { team: { id: "t0acme" } }],
  ["wrong team", "the workspace with a blank", { team: { id: `${SLACK.team} ` } }],
  ["wrong team", "no workspace", { team: null }],
  ["wrong team", "a list of workspaces", { team: [{ id: SLACK.team }] }],
  ["wrong app", "the app", { api_app_id: "A0OTHER" }],
  ["wrong app", "no app", { api_app_id: null }],
  ["wrong app", "a list of apps", { api_app_id: [SLACK.app] }],
].map(([family = "", name, over]) => ({
  family: String(family),
  name: String(name),
  of: about((payload) => ({ ...payload, ...(over as object) })),
  status: 401,
}));

const approvers: readonly ClickCase[] = [
  ["nobody of the file", "U0MALLORY", SLACK.team],
  ["one of another team with the name of one of ours", "U0ALICE", "T0OTHER"],
  ["one who may only deny", "U0CAROL", SLACK.team],
  ["one of another cluster", "U0DAVE", SLACK.team],
  ["one of another rule", "U0ERIN", SLACK.team],
].map(([name = "", id, team_id]) => ({
  family: "wrong approver",
  name,
  of: about((payload) => ({ ...payload, user: { id, team_id } })),
  status: 200,
}));
const ids: readonly ClickCase[] = [null, "", "u0alice", "U0ALICE ", ["U0ALICE"], { id: "U0ALICE" }, "__proto__", 1].map((id) => ({
  family: "wrong approver",
  name: `the person ${JSON.stringify(id)}`,
  of: about((payload) => ({ ...payload, user: { id, team_id: SLACK.team } })),
  status: 401,
}));

const bodies: readonly ClickCase[] = [
  "",
  "payload=",
  "payload={",
  "payload=null",
  "payload=%7B%7D&payload=%7B%7D",
  "payload=%FF",
  "payload=%E0%A4%A",
  `payload=${"[".repeat(5_000)}`,
  "x".repeat(70_000),
  '{"type":"block_actions"}',
].map((body) => ({
  family: "malformed clicks",
  name: `signed ${JSON.stringify(body.slice(0, 30))} of ${body.length}`,
  of: (_value, nowMs) => ({ body, nowMs }),
  status: 401,
}));

/** Slack vouches for the click, and its button stands for nothing. */
const values: readonly ClickCase[] = [
  ...texts.filter(({ text }) => text.length < 190).map(({ name, text }): readonly [string, string] => [name, text]),
  ["of another incident", `${"0".repeat(16)}.${"0".repeat(32)}`] as const,
].map(([name, value]) => ({ family: "strange buttons", name, of: (_value, nowMs) => ({ body: click(value), nowMs }), status: 200 }));
const cutOff: ClickCase = {
  family: "strange buttons",
  name: "one digit of it changed",
  of: (value, nowMs) => ({ body: click(value.replace(/.$/, (last) => (last === "0" ? "1" : "0"))), nowMs }),
  status: 200,
};

export const clickCases: readonly ClickCase[] = [
  ...forged,
  ...stale,
  ...times,
  ...replayed,
  ...strangers,
  ...approvers,
  ...ids,
  ...bodies,
  ...values,
  cutOff,
];

const person = (name: string, more: Partial<Person> = {}): Person => ({
  name,
  iam: [],
  slack: [{ team: SLACK.team, user: `U0${name.toUpperCase()}` }],
  may: ["approve", "deny", "undo"],
  widest: true,
  clusters: null,
  rules: null,
  actions: null,
  ...more,
});
const people = [
  person("alice"),
  person("bob"),
  person("carol", { may: ["deny"] }),
  person("dave", { clusters: ["elsewhere"] }),
  person("erin", { rules: ["another"] }),
];

/** Two people must agree, so that a replayed yes would be told apart from a first one. */
async function asked() {
  const app = { team: SLACK.team, app: SLACK.app, signingSecret: "ssm:/signing" };
  const actions = shellRule.actions.map((action) => ({ ...action, mode: "approve" as const, quorum: 2 }));
  const world = new World(policyOf([{ ...shellRule, mode: "approve", actions }]));
  world.registry = { ...registry, people, slackApp: app };
  const task = world.ecs.run({ family: "web" });
  const entry = taskEntry(world, { taskArn: task.taskArn, containerId: task.containers[0]?.runtimeId ?? "" });
  await respond({ body: JSON.stringify(entry), receiveCount: 1 }, world.respondPorts(), signal);
  const [order] = world.bodies<OrderBody>("order");
  if (order === undefined) throw new Error("nobody is asked");
  const { incident, target, key, askedAtMs } = order;
  const replies: Reply[] = [];
  const ports: ChatopsPorts = {
    ...world.respondPorts(),
    app,
    secret: { current: () => Promise.resolve(SLACK.secret), again: () => Promise.resolve(null) },
    replies: { send: (_url, reply) => Promise.resolve(replies.push(reply) > 0) },
  };
  return { world, ports, replies, value: buttonValue({ incident, verb: "approve", target, key, sinceMs: askedAtMs }) };
}

const decisionsOf = (world: World): string => JSON.stringify(world.bodies<OrderBody>("order"));

/** Null: nothing was decided, nothing sent, and whom Slack does not vouch for learnt nothing. */
export async function refusedClick({ of, before, status }: ClickCase): Promise<{ readonly wrong: string | null; readonly reason: string }> {
  const { world, ports, replies, value } = await asked();
  if (before !== undefined) await chatops(slackEvent(before(value, ports.clock.now())), ports, signal);
  const [decided, heard] = [decisionsOf(world), replies.length];
  const answer = await chatops(slackEvent(of(value, ports.clock.now())), ports, signal);
  const said = replies.slice(heard);
  const wrong =
    decisionsOf(world) !== decided || world.orders.length > 0
      ? "it decided"
      : answer.statusCode !== status || (status === 401 && (answer.body !== '{"error":"unverified"}' || said.length > 0))
        ? `answered ${answer.statusCode} ${answer.body} ${JSON.stringify(said)}`
        : said.some(({ to, text }) => to !== "clicker" || text === "")
          ? `said to all: ${JSON.stringify(said)}`
          : null;
  return { wrong, reason: said[0]?.text ?? answer.body };
}

/** Null: the first honest yes is counted, and the second one decides. */
export async function takenClick(): Promise<string | null> {
  const { world, ports, value } = await asked();
  const nowMs = ports.clock.now();
  const first = await chatops(slackEvent(honest(value, nowMs)), ports, signal);
  const [half] = world.bodies<OrderBody>("order");
  await chatops(slackEvent({ body: click(value, "U0BOB"), nowMs }), ports, signal);
  const [whole] = world.bodies<OrderBody>("order");
  return first.statusCode === 200 && half?.state === "awaiting" && whole?.state === "given" && world.orders.length === 1
    ? null
    : `answered ${first.statusCode}: ${half?.state}, then ${whole?.state}, ${world.orders.length} orders sent`;
}
