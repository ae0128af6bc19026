import { BUTTONS } from "#shared/domain/button.ts";
import { isRecord } from "#shared/wire/record.ts";

/** A click on one of our buttons. Texts of Slack, bounded and of the right form; nothing of the message that it was in. */
export interface Click {
  /** Workspace in which it happened. */
  readonly team: string;
  readonly app: string;
  /** `team`: their own, which in a channel shared with others is not the workspace's. */
  readonly user: { readonly team: string; readonly id: string };
  readonly verb: "approve" | "deny" | "undo";
  /** `buttonValue` of what is meant. */
  readonly value: string;
  /** Where an answer can be sent for half an hour; not checked yet. */
  readonly responseUrl: string | null;
  /** Message (its ts) under which an answer is written; null: none that can be named. */
  readonly thread: string | null;
}

/** unreadable: not what Slack documents. foreign: an interaction of Slack that none of our buttons sends. */
export type Unread = "unreadable" | "foreign";

/**
 * The click in a body whose signature was verified: one field `payload`, JSON of type block_actions, one action, a button of ours.
 * https://docs.slack.dev/reference/interaction-payloads/block_actions-payload
 */
export function readClick(body: Uint8Array): Click | Unread {
  const payload = payloadIn(body);
  if (payload === null) return "unreadable";
  if (payload["type"] !== "block_actions") return "foreign";
  const { user, team, actions, container } = payload;
  if (!isRecord(user) || !isRecord(team) || !Array.isArray(actions)) return "unreadable";
  const [action, ...more] = actions as readonly unknown[];
  if (!isRecord(action) || more.length > 0) return "foreign";
  const verb = (["approve", "deny", "undo"] as const).find((name) => BUTTONS[name] === action["action_id"]);
  if (verb === undefined || action["type"] !== "button") return "foreign";
  const app = idIn(payload["api_app_id"]);
  const userId = idIn(user["id"]);
  const userTeam = idIn(user["team_id"]);
  const workspace = idIn(team["id"]);
  const { value } = action;
  if (app === null || userId === null || userTeam === null || workspace === null) return "unreadable";
  if (typeof value !== "string" || value.length > 200) return "unreadable";
  const url = payload["response_url"];
  return {
    team: workspace,
    app,
    user: { team: userTeam, id: userId },
    verb,
    value,
    responseUrl: typeof url === "string" && url.length <= 1_000 ? url : null,
    thread: isRecord(container) ? (tsIn(container["thread_ts"]) ?? tsIn(container["message_ts"])) : null,
  };
}

const idIn = (value: unknown): string | null => (typeof value === "string" && /^[A-Z][A-Z0-9]{2,30}$/.test(value) ? value : null);
const tsIn = (value: unknown): string | null => (typeof value === "string" && /^\d{1,12}\.\d{1,9}$/.test(value) ? value : null);

/** Strict: valid UTF-8, valid escapes, the one field and nothing beside it. */
function payloadIn(body: Uint8Array): Readonly<Record<string, unknown>> | null {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(body);
    const encoded = /^payload=([^&=]*)$/.exec(text)?.[1];
    if (encoded === undefined) return null;
    const value: unknown = JSON.parse(decodeURIComponent(encoded.replaceAll("+", " ")));
    return isRecord(value) ? value : null;
  } catch {
    // Not UTF-8, not an escape, no JSON: one answer to all of it.
    return null;
  }
}
