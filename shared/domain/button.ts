import { createHash } from "node:crypto";

/** `action_id` of our buttons in Slack: any other is not ours. */
export const BUTTONS = { approve: "falco-responder:approve", deny: "falco-responder:deny", undo: "falco-responder:undo" } as const;

/** What a button stands for: a question, or an action that can be taken back. `sinceMs`: when it was asked, or done. */
export interface Meant {
  readonly incident: string;
  readonly verb: "approve" | "undo";
  /** Uid of the target. */
  readonly target: string;
  /** `actionKey`. */
  readonly key: string;
  readonly sinceMs: number | null;
}

/**
 * Value of a button: the incident, and by hash what is meant in it. It is looked up in the ledger and entitles to nothing; the question that
 * was asked anew later, about another plan, has another value.
 */
export const buttonValue = (meant: Meant): string => `${meant.incident}.${hash(meant)}`;

export const incidentIn = (value: string): string | null => /^([0-9a-f]{16})\.[0-9a-f]{32}$/.exec(value)?.[1] ?? null;

const hash = ({ incident, verb, target, key, sinceMs }: Meant): string =>
  createHash("sha256")
    .update(JSON.stringify(["button", incident, verb, target, key, sinceMs]))
    .digest("hex")
    .slice(0, 32);
