import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { onTestFinished } from "vitest";
import type { Certificate } from "../../fixtures/certificate.ts";

export { base64, type Certificate, certificate } from "../../fixtures/certificate.ts";

/** `body` as text goes out as it is. half: headers and a piece of the body, and then nothing. */
export type Answer =
  | { readonly status: number; readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> }
  | "hang up"
  | "silence"
  | "half";

export interface Asked {
  readonly line: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  /** Common name of the client's certificate; empty: it showed none. */
  readonly client: string;
}

/** An API server as far as one request goes: gives the answers in turn, the last one for ever. Closed when the test ends. */
export async function apiServer(own: Certificate, answers: readonly Answer[], clientCa?: Certificate) {
  const asked: Asked[] = [];
  let connections = 0;
  const client = clientCa === undefined ? {} : { requestCert: true, rejectUnauthorized: false, ca: clientCa.cert };
  const server = createServer({ key: own.key, cert: own.cert, ...client }, (request, response) => {
    let body = "";
    request.on("data", (chunk) => {
      body += String(chunk);
    });
    request.on("end", () => {
      const answer = answers[Math.min(asked.length, answers.length - 1)] ?? "hang up";
      const peer = (request.socket as TLSSocket).getPeerCertificate();
      asked.push({ line: `${request.method} ${request.url}`, headers: request.headers, body, client: String(peer?.subject?.CN ?? "") });
      if (answer === "hang up") return request.socket.destroy();
      if (answer === "silence") return;
      if (answer === "half") return response.writeHead(200, { "content-type": "application/json" }).write('{"metadata":');
      const text = typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body ?? {});
      response.writeHead(answer.status, { "content-type": "application/json", ...answer.headers }).end(text);
    });
  });
  server.on("secureConnection", () => {
    connections++;
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { address: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, connections: () => connections };
}

/** A Status as the API server writes it. */
export const status = (code: number, message = "as the server says", more: object = {}): Answer => ({
  status: code,
  body: { kind: "Status", apiVersion: "v1", status: "Failure", code, message, ...more },
});
