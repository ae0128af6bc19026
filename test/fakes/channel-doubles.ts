import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { busRefuses, slackRefuses, snsRefuses } from "./channel-rules.ts";

/** What a double answers next instead of what it thinks of the message. `drop` closes the connection, `hang` never answers. */
export type Trouble = { readonly status: number; readonly body: string; readonly headers?: Record<string, string> } | "drop" | "hang";

interface Double {
  readonly url: string;
  readonly received: unknown[];
  readonly paths: string[];
  readonly trouble: Trouble[];
  close(): Promise<void>;
}

const read = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString("utf8");
};

type Judge = (request: IncomingMessage, body: string) => { readonly status: number; readonly body: string; readonly keep?: unknown };

async function double(judge: Judge): Promise<Double> {
  const received: unknown[] = [];
  const paths: string[] = [];
  const trouble: Trouble[] = [];
  const server: Server = createServer((request, response) => {
    void read(request).then((body) => {
      paths.push(request.url ?? "");
      const next = trouble.shift();
      if (next === "hang") return;
      if (next === "drop") {
        request.socket.destroy();
        return;
      }
      if (next !== undefined) {
        response.writeHead(next.status, next.headers).end(next.body);
        return;
      }
      const verdict = judge(request, body);
      if (verdict.keep !== undefined) received.push(verdict.keep);
      response.writeHead(verdict.status, { "content-type": "text/plain" }).end(verdict.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    received,
    paths,
    trouble,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** Slack's incoming webhook, as strict about Block Kit, on the loopback. Only paths under /services/ are known. */
export const slackDouble = (): Promise<Double> =>
  double((request, body) => {
    if (!request.url?.startsWith("/services/")) return { status: 404, body: "no_service" };
    if (request.method !== "POST" || !request.headers["content-type"]?.startsWith("application/json"))
      return { status: 400, body: "invalid_payload" };
    const payload = parsed(body);
    const refused = slackRefuses(payload);
    return refused === null ? { status: 200, body: "ok", keep: payload } : { status: 400, body: refused };
  });

/** SNS's Publish in its query protocol, on the loopback. */
export const snsDouble = (): Promise<Double> =>
  double((_request, body) => {
    const form = new URLSearchParams(body);
    const message = parsed(form.get("Message") ?? "");
    if (form.get("MessageStructure") !== "json" || !isTexts(message) || message.default === undefined)
      return refusal("Invalid parameter: Message Structure - No default entry in JSON message body");
    const attributes: Record<string, string> = {};
    for (let n = 1; form.has(`MessageAttributes.entry.${n}.Name`); n += 1)
      attributes[form.get(`MessageAttributes.entry.${n}.Name`) ?? ""] = form.get(`MessageAttributes.entry.${n}.Value.StringValue`) ?? "";
    const sent = {
      kind: "sns",
      topicArn: form.get("TopicArn") ?? "",
      subject: form.get("Subject") ?? "",
      text: message.email ?? "",
      body: message.default,
      attributes,
    } as const;
    const refused = snsRefuses(sent);
    if (refused !== null) return refusal(refused);
    return {
      status: 200,
      body: "<PublishResponse><PublishResult><MessageId>m-1</MessageId></PublishResult></PublishResponse>",
      keep: sent,
    };
  });

/** EventBridge's PutEvents in its JSON protocol, on the loopback: an answer for each entry. */
export const busDouble = (): Promise<Double> =>
  double((request, body) => {
    const { Entries } = (parsed(body) ?? {}) as { readonly Entries?: readonly PutEntry[] };
    if (request.headers["x-amz-target"] !== "AWSEvents.PutEvents" || Entries === undefined || Entries.length < 1 || Entries.length > 10)
      return { status: 400, body: JSON.stringify({ __type: "ValidationException", message: "1 to 10 entries" }) };
    const results = Entries.map(({ EventBusName, DetailType, Detail }) => {
      const refused = busRefuses({ kind: "bus", busArn: EventBusName, events: [{ detailType: DetailType, detail: Detail, atMs: 0 }] });
      return refused === null ? { EventId: randomUUID() } : { ErrorCode: refused, ErrorMessage: "no" };
    });
    const failed = results.filter(({ ErrorCode }) => ErrorCode !== undefined).length;
    const answer = { status: 200, body: JSON.stringify({ FailedEntryCount: failed, Entries: results }) };
    return failed === 0 ? { ...answer, keep: Entries } : answer;
  });

interface PutEntry {
  readonly EventBusName: string;
  readonly DetailType: string;
  readonly Detail: string;
}

const refusal = (message: string) => ({
  status: 400,
  body: `<ErrorResponse><Error><Type>Sender</Type><Code>InvalidParameter</Code><Message>${message}</Message></Error></ErrorResponse>`,
});

const isTexts = (value: unknown): value is Record<string, string> =>
  typeof value === "object" && value !== null && Object.values(value).every((one) => typeof one === "string");

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
