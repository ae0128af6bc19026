import { judgeCase as judgeTask } from "../ecs/run.ts";
import type { Judged } from "../judge.ts";
import { judgeCase as judgePod } from "../kubernetes/run.ts";
import { clickCases, refusedClick, takenClick } from "./clicks.ts";
import { type Forgery, forgeries, insides } from "./forgeries.ts";
import { lines } from "./lines.ts";
import { throughNotice } from "./notices.ts";
import { MARKER, shown } from "./oracle/compare.ts";
import { commands } from "./payloads/secrets.ts";
import { BEGIN, END, type Payload, texts } from "./payloads/text.ts";
import type { Outcome } from "./play-out.ts";
import { refusedRequest, requestCases, takenRequest } from "./requests.ts";
import type { Route } from "./route.ts";
import { cluster, log, queue, stopReason, terminal } from "./routes/inside.ts";
import { document, slack, subject, text } from "./routes/messages.ts";
import { fits, SLOTS, type Slot, throughEcs, throughKubernetes } from "./slots.ts";
import { refusal, sanity, yamlCases } from "./yaml.ts";

/** One case: what kind of text, and which way it takes. */
export interface HostileCase extends Judged {
  readonly family: string;
  readonly route: string;
}

type Through = (slot: Slot, given: string) => Promise<Outcome>;

const MESSAGES: readonly Route[] = [slack, subject, text, document];
const KUBERNETES_SLOTS: readonly Slot[] = ["rule", "command", "output", "tag", "field name"];
const noticeRoutes = MESSAGES.map((route): Route => ({ ...route, name: `notice: ${route.name}` }));

/** Ways through the system, the slots of each, and the ways out that are looked at. */
const WAYS: readonly { readonly through: Through; readonly slots: readonly Slot[]; readonly routes: readonly Route[] }[] = [
  { through: throughEcs, slots: SLOTS, routes: [queue, ...MESSAGES, log, terminal, stopReason] },
  { through: throughKubernetes, slots: KUBERNETES_SLOTS, routes: [cluster] },
  { through: (_slot, given) => throughNotice(given), slots: ["output"], routes: noticeRoutes },
];

/** `every`: each text in each slot; else each text in one slot of each way, another one each time. */
export async function* hostileCases(every: boolean): AsyncGenerator<HostileCase> {
  for (const way of WAYS) yield* textCases(way, every);
  yield* secretCases(every);
  yield* forged(judgeTask as Judge, "line to ECS", [...forgeries, ...lines, ...insides]);
  yield* forged(judgePod as Judge, "line to Kubernetes", [...forgeries, ...lines]);
  yield* yaml();
  yield* requests();
  yield* clicks();
}

async function* textCases({ through, slots, routes }: (typeof WAYS)[number], every: boolean): AsyncGenerator<HostileCase> {
  const twins = new Map<Slot, Outcome>();
  for (const [at, payload] of texts.entries()) {
    const fitting = slots.filter((slot) => fits(slot, payload.text));
    for (const slot of every ? fitting : fitting.slice(at % fitting.length).slice(0, 1)) {
      const twin = twins.get(slot) ?? (await through(slot, BEGIN + MARKER + END));
      twins.set(slot, twin);
      const hostile = await through(slot, BEGIN + payload.text + END);
      for (const route of routes) yield textCase(route, slot, payload, twin, hostile);
    }
  }
}

/** Where the slot's text has nothing to do with the route, its twin must go out the same way without it. */
function textCase(route: Route, slot: Slot, payload: Payload, twin: Outcome, hostile: Outcome): HostileCase {
  const about = { name: `${payload.name} as ${slot}`, fact: "the text", family: payload.family, route: route.name };
  try {
    const expected = route.of(twin);
    const { wrong, slots } = route.check(expected, route.of(hostile), payload);
    const empty = Array.isArray(expected) && expected.length === 0 && slot !== "stream";
    const acted = empty
      ? "the twin did not go this way"
      : route.closed === true && slots > 0
        ? "the twin's text stands where none may"
        : null;
    return { ...about, refused: wrong, acted, reason: `the same as its twin but for its own text, which stands ${slots} times` };
  } catch (thrown) {
    return { ...about, refused: `cannot be read: ${thrown instanceof Error ? thrown.message : String(thrown)}`, acted: null, reason: "" };
  }
}

const OUT: readonly (readonly [name: string, of: (outcome: Outcome) => unknown])[] = [
  ["Slack message", ({ messages }) => messages.filter(({ kind }) => kind === "slack")],
  ["SNS subject", subject.of],
  ["SNS text", text.of],
  ["SNS document", ({ messages }) => messages.filter(({ kind }) => kind === "sns")],
  ["log lines", ({ log: written }) => written],
  ["command line", ({ terminal: printed }) => printed],
  ["StopTask reason", ({ effects }) => effects],
];

async function* secretCases(every: boolean): AsyncGenerator<HostileCase> {
  for (const [at, { name, text: command, secret, stays }] of commands.entries()) {
    const slots: readonly Slot[] = every ? ["command", "output", "rule", "field name", "tag", "image"] : ["command"];
    for (const slot of slots) {
      const outcome = await throughEcs(slot, command);
      const isKept = outcome.kept.includes(secret);
      for (const [route, of] of OUT)
        yield secretCase(`${name} as ${slot}`, route, of(outcome), secret, isKept, slot === "command" ? stays : null);
    }
    const notice = await throughNotice(command);
    yield secretCase(
      `${name} in a notice`,
      "notice: Slack message",
      notice.messages.filter(({ kind }) => kind === "slack"),
      secret,
      true,
      stays,
    );
    yield secretCase(
      `${name} in a notice`,
      "notice: SNS document",
      notice.messages.filter(({ kind }) => kind === "sns"),
      secret,
      true,
      stays,
    );
    const slot = KUBERNETES_SLOTS[at % KUBERNETES_SLOTS.length] ?? "command";
    const pod = await throughKubernetes(slot, command);
    yield secretCase(`${name} as ${slot}`, "Kubernetes writes", pod.effects, secret, pod.kept.includes(secret), null);
  }
}

/** The twin is what a person needs in order to judge: it is read where the command stands, and the ledger keeps all of it. */
function secretCase(name: string, route: string, out: unknown, secret: string, isKept: boolean, stays: string | null): HostileCase {
  const said = JSON.stringify(out);
  const isRead =
    stays === null ||
    !/Slack|text|document/.test(route) ||
    said.includes(JSON.stringify(stays).slice(1, -1)) ||
    said.includes(escaped(stays));
  const acted = !isKept ? "the ledger does not keep the alert" : isRead ? null : `what stays is not read: ${stays}`;
  const refused = said.includes(secret) ? `the secret left: ${shown(said.slice(Math.max(0, said.indexOf(secret) - 60)))}` : null;
  return { name, fact: "the secret", family: "secrets", route, refused, acted, reason: "the secret does not leave" };
}
const escaped = (stays: string): string => JSON.stringify(stays.replaceAll("://", "[:]//")).slice(1, -1);

type Judge = (one: Omit<Forgery, "family"> & { readonly fact: string }) => Promise<Judged>;

async function* forged(judge: Judge, route: string, all: readonly Forgery[]): AsyncGenerator<HostileCase> {
  for (const { family, ...one } of all) yield { ...(await judge({ ...one, fact: family })), family, route };
}

function* yaml(): Generator<HostileCase> {
  const acted = { "policy.yml": null as string | null, "falco-responder.yml": null as string | null };
  for (const one of yamlCases.slice(0, 2)) acted[one.file] = sanity(one);
  for (const one of yamlCases) {
    const { wrong, reason } = refusal(one);
    yield {
      name: one.name,
      fact: "the place in the file",
      family: one.family,
      route: one.file,
      refused: wrong,
      acted: acted[one.file],
      reason,
    };
  }
}

async function* requests(): AsyncGenerator<HostileCase> {
  const acted = await takenRequest();
  for (const one of requestCases) {
    const { wrong, reason } = await refusedRequest(one);
    yield { name: one.name, fact: "the request", family: one.family, route: "operate request", refused: wrong, acted, reason };
  }
}

async function* clicks(): AsyncGenerator<HostileCase> {
  const acted = await takenClick();
  for (const one of clickCases) {
    const { wrong, reason } = await refusedClick(one);
    yield { name: one.name, fact: "the click", family: one.family, route: "Slack click", refused: wrong, acted, reason };
  }
}

/** What a run must have had: a route or a family without a case shows nothing. */
export const ROUTES: readonly string[] = [
  ...WAYS.flatMap(({ routes }) => routes.map(({ name }) => name)),
  "line to ECS",
  "line to Kubernetes",
  "policy.yml",
  "falco-responder.yml",
  "operate request",
  "Slack click",
];
export const FAMILIES: readonly string[] = [
  ...new Set([texts, forgeries, lines, insides, yamlCases, requestCases, clickCases].flatMap((all) => all.map(({ family }) => family))),
  "secrets",
];

export const isWrong = ({ refused, acted }: Judged): boolean => refused !== null || acted !== null;

/** Null: every route and family had cases; else those that had none. */
export function unseenKinds(all: readonly HostileCase[]): string | null {
  const none = [
    ...ROUTES.filter((name) => !all.some(({ route }) => route === name)),
    ...FAMILIES.filter((name) => !all.some(({ family }) => family === name)),
  ];
  return none.length === 0 ? null : `no case of ${none.join(", ")}`;
}
