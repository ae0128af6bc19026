import { isRecord } from "#shared/wire/record.ts";

/** What a person asks for: infra/schemas/operate.json. `action` and `target` choose where an incident has several. */
export interface OperateRequest {
  readonly verb: "show" | "approve" | "deny" | "undo";
  readonly incident: string;
  readonly action: string | null;
  readonly target: string | null;
}

const SCHEMA = "falco-responder/operate/1";
const VERBS = ["show", "approve", "deny", "undo"] as const;
const MOST_CHARS = 4_096;

export const encodeRequest = (request: OperateRequest): string => JSON.stringify({ schema: SCHEMA, ...request });

/** The request in a body, or what is wrong with it, in words for the one who sent it. */
export function decodeRequest(body: string): OperateRequest | string {
  if (body.length > MOST_CHARS) return `the request is longer than ${MOST_CHARS} characters`;
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return "the request is no JSON";
  }
  if (!isRecord(value) || value["schema"] !== SCHEMA) return `the request has not the schema ${SCHEMA}: update the command line tool`;
  const verb = VERBS.find((known) => known === value["verb"]);
  if (verb === undefined) return `verb is none of ${VERBS.join(", ")}`;
  const { incident } = value;
  if (typeof incident !== "string" || !/^[0-9a-f]{16}$/.test(incident)) return "incident has not 16 hex digits";
  const action = optional(value["action"]);
  const target = optional(value["target"]);
  if (action === undefined || target === undefined) return "action and target are texts of at most 512 characters";
  return { verb, incident, action, target };
}

const optional = (value: unknown): string | null | undefined =>
  value === undefined || value === null || value === "" ? null : typeof value === "string" && value.length <= 512 ? value : undefined;

export const encodeAnswer = (statusCode: number, answer: object) => ({
  statusCode,
  headers: { "content-type": "application/json", "cache-control": "no-store" },
  body: JSON.stringify({ schema: "falco-responder/answer/1", ...answer }),
});
