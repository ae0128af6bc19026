import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The end of the body never comes. */
  readonly unfinished?: true;
}

/** No answer at all. */
export type Silence = "silence";

export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** An AWS service on loopback that answers as told. Close it with `Symbol.asyncDispose`. */
export async function awsDouble(answer: (asked: Asked) => Answer | Silence) {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    void read(request).then((body) => {
      const one = { method: request.method ?? "", url: request.url ?? "", headers: request.headers, body };
      asked.push(one);
      const given = answer(one);
      if (given === "silence") return;
      const { status, body: text, headers, unfinished } = given;
      response.writeHead(status, headers);
      if (unfinished) response.write(text);
      else response.end(text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    asked,
    config: {
      endpoint: `http://127.0.0.1:${port}`,
      region: "eu-west-1",
      credentials: { accessKeyId: "test", secretAccessKey: "test" },
      maxAttempts: 1,
    },
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** These answers in turn, the last again and again. */
export function inTurn(...answers: readonly (Answer | Silence)[]): () => Answer | Silence {
  let nth = 0;
  return () => answers[Math.min(nth++, answers.length - 1)] ?? "silence";
}

/** Answers of ECS, Application Auto Scaling, CloudWatch Logs and Lambda. */
export const json = (body: unknown, status = 200): Answer => ({
  status,
  body: JSON.stringify(body),
  headers: { "content-type": "application/x-amz-json-1.1" },
});
export const failing = (type: string, status = 400): Answer => json({ __type: type, message: "as AWS says" }, status);
export const xml = (body: string, status = 200): Answer => ({ status, body, headers: { "content-type": "text/xml" } });

/** Calls of a JSON service by their name and parameters. */
export const callsIn = (asked: readonly Asked[]) =>
  asked.map(({ headers, body }) => [String(headers["x-amz-target"]).split(".")[1], JSON.parse(body) as Record<string, unknown>] as const);

/** Calls of EC2, IAM or STS: their parameters as they are sent. */
export const formsIn = (asked: readonly Asked[]) => asked.map(({ body }) => Object.fromEntries(new URLSearchParams(body)));

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}
