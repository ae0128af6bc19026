import { isRecord, type JsonObject } from "#shared/wire/record.ts";

/** What a person asks of one incident: infra/schemas/operate.json. `action` and `target` choose where an incident has several. */
export interface OperateRequest {
  readonly verb: "show" | "approve" | "deny" | "undo" | "release";
  readonly incident: string;
  readonly action: string | null;
  readonly target: string | null;
}

export interface ListRequest {
  readonly verb: "list";
  readonly state: "open" | "closed" | "all";
  /** Name in falco-responder.yml. */
  readonly cluster: string | null;
  /** Policy rule. */
  readonly rule: string | null;
  /** Opened at or after; ms since the epoch; null: the answer says how far it looked back. */
  readonly sinceMs: number | null;
  /** Only those where a person is asked. */
  readonly waiting: boolean;
  /** Rows of a page, 1 to 100. */
  readonly most: number;
  /** `next` of the answer before. */
  readonly cursor: string | null;
}

/** Of an incident, or of cluster, policy rule and owner or workload as the incident names it. */
export interface MuteRequest {
  readonly verb: "mute";
  readonly incident: string | null;
  readonly cluster: string | null;
  readonly rule: string | null;
  readonly who: string | null;
  readonly seconds: number;
  readonly reason: string;
}

export interface UnmuteRequest {
  readonly verb: "unmute";
  readonly mute: string;
}

/** `scope`: `fleet`, or `cluster/<name>`. `untilMs`: when people mean to resume: a reminder, a pause never ends by itself. */
export interface SwitchRequest {
  readonly verb: "pause" | "resume";
  readonly scope: string;
  readonly reason: string | null;
  readonly untilMs: number | null;
}

export interface LookRequest {
  readonly verb: "mutes" | "status";
}

export type FleetRequest = ListRequest | MuteRequest | UnmuteRequest | SwitchRequest | LookRequest;
export type AnyRequest = OperateRequest | FleetRequest;

/** 1: show, approve, deny and undo only. Each is answered in its own version. */
export type Version = 1 | 2;
const SCHEMAS: Readonly<Record<string, Version>> = { "falco-responder/operate/1": 1, "falco-responder/operate/2": 2 };
const OF_INCIDENT = ["show", "approve", "deny", "undo", "release"] as const;
const OF_FLEET = ["list", "mute", "unmute", "mutes", "pause", "resume", "status"] as const;
const FIRST = ["show", "approve", "deny", "undo"] as const;
const MOST_CHARS = 4_096;

export const MOST_MUTE_S = 30 * 86_400;
const LEAST_MUTE_S = 60;
const MOST_ROWS = 100;

export const encodeRequest = (request: AnyRequest): string => JSON.stringify({ schema: "falco-responder/operate/2", ...request });

/** The version in which the sender wants to be answered: as it asked, and the newest when that cannot be told. */
export function versionOf(body: string): Version {
  return body.length <= MOST_CHARS && /"falco-responder\/operate\/1"/.test(body) ? 1 : 2;
}

/** The request in a body, or what is wrong with it, in words for the one who sent it. */
export function decodeRequest(body: string): AnyRequest | string {
  if (body.length > MOST_CHARS) return `the request is longer than ${MOST_CHARS} characters`;
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return "the request is no JSON";
  }
  const version = isRecord(value) && typeof value["schema"] === "string" ? SCHEMAS[value["schema"]] : undefined;
  if (!isRecord(value) || version === undefined)
    return `the request has none of the schemas ${Object.keys(SCHEMAS).join(", ")}: update the command line tool`;
  const known: readonly string[] = version === 1 ? FIRST : [...OF_INCIDENT, ...OF_FLEET];
  const verb = value["verb"];
  if (typeof verb !== "string" || !known.includes(verb)) return `verb is none of ${known.join(", ")}`;
  const incidental = OF_INCIDENT.find((one) => one === verb);
  if (incidental !== undefined) return ofIncident(incidental, value);
  switch (verb) {
    case "list":
      return list(value);
    case "mute":
      return mute(value);
    case "unmute":
      return hex(value["mute"]) ? { verb, mute: value["mute"] } : "mute has not 16 hex digits";
    case "pause":
    case "resume":
      return toSwitch(verb, value);
    default:
      return { verb: verb as LookRequest["verb"] };
  }
}

function ofIncident(verb: OperateRequest["verb"], value: JsonObject): OperateRequest | string {
  const { incident } = value;
  if (!hex(incident)) return "incident has not 16 hex digits";
  const action = optional(value["action"]);
  const target = optional(value["target"]);
  if (action === undefined || target === undefined) return "action and target are texts of at most 512 characters";
  return { verb, incident, action, target };
}

function list(value: JsonObject): ListRequest | string {
  const state = (["open", "closed", "all"] as const).find((one) => one === (value["state"] ?? "open"));
  if (state === undefined) return "state is none of open, closed, all";
  const [cluster, rule, cursor] = ["cluster", "rule", "cursor"].map((key) => optional(value[key]));
  if (cluster === undefined || rule === undefined || cursor === undefined)
    return "cluster, rule and cursor are texts of at most 512 characters";
  const sinceMs = value["sinceMs"] ?? null;
  if (sinceMs !== null && !instant(sinceMs)) return "sinceMs is no time in ms since the epoch";
  const most = value["most"] ?? 20;
  if (!whole(most) || most < 1 || most > MOST_ROWS) return `most is no number from 1 to ${MOST_ROWS}`;
  const waiting = value["waiting"] ?? false;
  if (typeof waiting !== "boolean") return "waiting is neither true nor false";
  return { verb: "list", state, cluster, rule, sinceMs, waiting, most, cursor };
}

function mute(value: JsonObject): MuteRequest | string {
  const [incident, cluster, rule, who] = ["incident", "cluster", "rule", "who"].map((key) => optional(value[key]));
  if (incident === undefined || cluster === undefined || rule === undefined || who === undefined)
    return "incident, cluster, rule and who are texts of at most 512 characters";
  if (incident !== null && !hex(incident)) return "incident has not 16 hex digits";
  if (incident === null && (cluster === null || rule === null || who === null))
    return "give either incident, or all of cluster, rule and who: a mute of everything is a pause";
  const { seconds } = value;
  if (!whole(seconds) || seconds < LEAST_MUTE_S || seconds > MOST_MUTE_S)
    return `seconds is no number from ${LEAST_MUTE_S} to ${MOST_MUTE_S} (30 days): a longer mute is a rule of the policy`;
  const reason = reasonIn(value["reason"]);
  if (reason === null) return REASON;
  return { verb: "mute", incident, cluster, rule, who, seconds, reason };
}

function toSwitch(verb: SwitchRequest["verb"], value: JsonObject): SwitchRequest | string {
  const scope = value["scope"] ?? "fleet";
  if (typeof scope !== "string" || !/^(?:fleet|cluster\/.{1,128})$/.test(scope)) return "scope is neither fleet nor cluster/<name>";
  const reason = reasonIn(value["reason"]);
  if (verb === "pause" && reason === null) return REASON;
  const untilMs = value["untilMs"] ?? null;
  if (untilMs !== null && !instant(untilMs)) return "untilMs is no time in ms since the epoch";
  return { verb, scope, reason, untilMs };
}

const REASON = "reason is missing, or longer than 300 characters: whoever looks at it tomorrow must understand it";
const reasonIn = (value: unknown): string | null =>
  typeof value === "string" && value.trim() !== "" && value.length <= 300 ? value.trim() : null;

const hex = (value: unknown): value is string => typeof value === "string" && /^[0-9a-f]{16}$/.test(value);
const whole = (value: unknown): value is number => Number.isSafeInteger(value);
const instant = (value: unknown): value is number => whole(value) && value >= 0 && value < 4_102_444_800_000;

const optional = (value: unknown): string | null | undefined =>
  value === undefined || value === null || value === "" ? null : typeof value === "string" && value.length <= 512 ? value : undefined;

export const encodeAnswer = (statusCode: number, answer: object, version: Version = 2) => ({
  statusCode,
  headers: { "content-type": "application/json", "cache-control": "no-store" },
  body: JSON.stringify({ schema: `falco-responder/answer/${version}`, ...answer }),
});
