import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { faultOf } from "./slack-blocks.ts";
import { SlackWorkspace } from "./slack-web-api.ts";

/** What an incoming webhook took. */
export interface SlackMessage {
  readonly atMs: number;
  readonly text: string;
  readonly blocks: readonly unknown[];
}

/** Slack on loopback: its Web API (`SlackWorkspace`) under `apiUrl`, and its incoming webhook, as strict as the real ones: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks */
export interface SlackDouble {
  /** The webhook URL, with its secret path. */
  readonly url: string;
  /** The base of the Web API, for `SLACK_API_URL`. */
  readonly apiUrl: string;
  readonly workspace: SlackWorkspace;
  messages(): readonly SlackMessage[];
  /** Everything that was asked, refused or not: the status and Slack's word for it. */
  answers(): readonly { readonly status: number; readonly body: string; readonly because: string | null }[];
  /** From now on every request gets this status (429 with Retry-After in seconds); null: works again. "hang": it never answers. */
  failWith(status: number | "hang" | null, retryAfterSeconds?: number): void;
  onMessage(listener: (message: SlackMessage) => void): void;
  stop(): Promise<void>;
}

const API_PATH = "/api/";
const SECRET_PATH = "/services/T00000000/B00000000/lab-webhook-secret";
const WORDS: Readonly<Record<number, string>> = {
  403: "action_prohibited",
  404: "no_service",
  410: "channel_is_archived",
  429: "rate_limited",
};

export async function slackDouble(): Promise<SlackDouble> {
  const messages: SlackMessage[] = [];
  const answers: { status: number; body: string; because: string | null }[] = [];
  const listeners: ((message: SlackMessage) => void)[] = [];
  let failing: { status: number | "hang"; retryAfterSeconds: number } | null = null;

  const workspace = new SlackWorkspace();
  const server = createServer((request, response) => {
    void readBody(request).then((body) => {
      if (failing !== null) return fail(failing, response);
      if (request.url?.startsWith(API_PATH) === true) return answerApi(workspace, request, body, response);
      if (request.method !== "POST" || request.url !== SECRET_PATH)
        return answer(response, 404, "no_service", `${request.method} ${request.url}`);
      const [status, word, because, message] = judge(request, body);
      answer(response, status, word, because);
      if (message === null) return;
      messages.push(message);
      for (const listener of listeners) listener(message);
    });
  });
  const fail = ({ status, retryAfterSeconds }: NonNullable<typeof failing>, response: ServerResponse): void => {
    if (status === "hang") return;
    if (status === 429) response.setHeader("Retry-After", String(retryAfterSeconds));
    answer(response, status, WORDS[status] ?? "internal_error", "told to fail");
  };
  const answer = (response: ServerResponse, status: number, body: string, because: string | null): void => {
    answers.push({ status, body, because });
    response.writeHead(status, { "content-type": "text/plain" }).end(body);
  };
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}${SECRET_PATH}`,
    apiUrl: `http://127.0.0.1:${port}${API_PATH}`,
    workspace,
    messages: () => messages,
    answers: () => answers,
    failWith: (status, retryAfterSeconds = 1) => {
      failing = status === null ? null : { status, retryAfterSeconds };
    },
    onMessage: (listener) => listeners.push(listener),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answerApi(workspace: SlackWorkspace, request: IncomingMessage, text: string, response: ServerResponse): void {
  const { authorization, "content-type": contentType } = request.headers;
  const { status, headers, body } = workspace.call((request.url ?? "").slice(API_PATH.length), authorization, contentType, text);
  response.writeHead(status, { "content-type": "application/json; charset=utf-8", ...headers }).end(JSON.stringify(body));
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

function judge(request: IncomingMessage, body: string): [number, string, string | null, SlackMessage | null] {
  if (!request.headers["content-type"]?.startsWith("application/json")) return [400, "invalid_payload", "content-type is not JSON", null];
  let payload: unknown;
  try {
    payload = JSON.parse(body);
  } catch {
    return [400, "invalid_payload", "the body is no JSON", null];
  }
  if (typeof payload !== "object" || payload === null || Array.isArray(payload))
    return [400, "invalid_payload", "the body is no object", null];
  const { text, blocks } = payload as { text?: unknown; blocks?: unknown };
  if (text !== undefined && typeof text !== "string") return [400, "invalid_payload", "text is no string", null];
  if (!text && (!Array.isArray(blocks) || blocks.length === 0)) return [400, "no_text", "neither text nor blocks", null];
  const fault = blocks === undefined ? null : faultOf(blocks);
  if (fault !== null) return [400, "invalid_blocks", fault, null];
  // Slack cuts a text at 40,000 characters rather than refusing it.
  const message = { atMs: Date.now(), text: (text ?? "").slice(0, 40_000), blocks: Array.isArray(blocks) ? (blocks as unknown[]) : [] };
  return [200, "ok", null, message];
}
