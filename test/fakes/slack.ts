import { BUTTONS } from "#shared/domain/button.ts";
import type { HttpEvent } from "#shared/wire/slack/envelope.ts";
import { signatureOf } from "#shared/wire/slack/signature.ts";

/** In the shape of https://docs.slack.dev/reference/interaction-payloads/block_actions-payload, with names of our own making. */
export const SLACK = { team: "T0ACME", app: "A0FALCO", secret: "0123456789abcdef0123456789abcdef" } as const;
export const RESPONSE_URL = "https://hooks.slack.com/actions/T0ACME/1/abc";

export const clickPayload = (verb: keyof typeof BUTTONS, value: string, user = "U0ALICE", over: object = {}): object => ({
  type: "block_actions",
  user: { id: user, username: "name", name: "name", team_id: SLACK.team },
  api_app_id: SLACK.app,
  token: "deprecated",
  container: { type: "message", message_ts: "1700000000.000100", channel_id: "C0OPS", is_ephemeral: false },
  trigger_id: "1.2.3",
  team: { id: SLACK.team, domain: "acme" },
  enterprise: null,
  is_enterprise_install: false,
  channel: { id: "C0OPS", name: "ops" },
  message: { type: "message", ts: "1700000000.000100", text: "Waiting for approval" },
  response_url: RESPONSE_URL,
  actions: [
    { type: "button", action_id: BUTTONS[verb], block_id: "b1", value, text: { type: "plain_text", text: "x" }, action_ts: "1700000001.5" },
  ],
  ...over,
});

export const formOf = (payload: object): string => `payload=${encodeURIComponent(JSON.stringify(payload)).replaceAll("%20", "+")}`;

export interface Sent {
  readonly body: string | Buffer;
  readonly nowMs: number;
  readonly secret?: string;
  /** Signed instead of the body. */
  readonly signed?: string;
  readonly timestamp?: string;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly base64?: boolean;
}

/** An event of the function URL as Lambda makes it: forms come in base64, names of headers in lower case. */
export function slackEvent({ body, nowMs, secret = SLACK.secret, signed, timestamp, headers = {}, base64 = true }: Sent): HttpEvent {
  const bytes = Buffer.from(body);
  const at = timestamp ?? String(Math.floor(nowMs / 1_000));
  return {
    requestContext: { http: { method: "POST" } },
    headers: {
      "content-type": "application/x-www-form-urlencoded",
      "x-slack-request-timestamp": at,
      "x-slack-signature": signatureOf(secret, at, signed === undefined ? bytes : Buffer.from(signed)),
      ...headers,
    },
    body: bytes.toString(base64 ? "base64" : "utf8"),
    isBase64Encoded: base64,
  };
}
