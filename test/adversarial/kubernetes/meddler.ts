import { createServer, type Server } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { Agent, request as ask } from "undici";
import type { Kind, PatchOperation } from "#shared/ports/kubernetes.ts";
import type { Certificate } from "../../fixtures/certificate.ts";
import { said, touched } from "./effects.ts";

/** A request that the responder sends. `dry`: it would change nothing. */
export interface Sent {
  readonly method: string;
  readonly path: string;
  readonly dry: boolean;
}

/**
 * What goes wrong, so many times. reset: before the server heard of it. lost: the server did it, and the answer never comes. silence: nothing
 * comes at all. half: the answer is cut off. expired: the server is shown a token that it does not know.
 */
export interface Fault {
  readonly on: (sent: Sent) => boolean;
  times: number;
  readonly does: "reset" | "lost" | "silence" | "half" | "expired" | { readonly status: number; readonly retryAfter?: number };
}

/** Stands before a real API server, spoils what it is told to, and writes down every write that arrived there and was no dry run. */
export class Meddler {
  readonly faults: Fault[] = [];
  /** In words; with ": <status>" when the server did not take it. */
  readonly effects: string[] = [];
  /** What others do around a write that is no dry run. */
  before: (sent: Sent) => Promise<void> = () => Promise.resolve();
  after: (sent: Sent) => Promise<void> = () => Promise.resolve();
  readonly #server: Server;
  readonly #agent: Agent;
  readonly #upstream: string;

  constructor(own: Certificate, { server, caData }: { readonly server: string; readonly caData: string }) {
    this.#upstream = server;
    this.#agent = new Agent({ connect: { ca: Buffer.from(caData, "base64") } });
    this.#server = createServer({ key: own.key, cert: own.cert }, (request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const { method = "", url = "", socket, headers } = request;
        const passed = Object.fromEntries(
          ["authorization", "content-type", "accept"].flatMap((name) => (typeof headers[name] === "string" ? [[name, headers[name]]] : [])),
        );
        this.#answer(method, url, Buffer.concat(chunks).toString(), passed, socket)
          .then((answer) => {
            if (answer !== null) response.writeHead(answer.status, answer.headers).end(answer.text);
          })
          .catch((thrown: unknown) => socket.destroy(thrown instanceof Error ? thrown : undefined));
      });
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await this.#agent.close();
  }

  async #answer(method: string, path: string, body: string, headers: Readonly<Record<string, string>>, socket: Socket) {
    const dry = method === "GET" || /[?&]dryRun=All/.test(path) || body.includes('"dryRun":["All"]');
    const sent = { method, path, dry };
    const fault = this.faults.find(({ on, times }) => times > 0 && on(sent));
    if (fault !== undefined) fault.times--;
    const does = fault?.does;
    if (does === "silence") return null;
    if (does === "reset") {
      socket.destroy();
      return null;
    }
    if (typeof does === "object") {
      const { status, retryAfter } = does;
      const said = { kind: "Status", apiVersion: "v1", status: "Failure", code: status, message: "the API server is not well" };
      return { status, text: JSON.stringify(said), headers: retryAfter === undefined ? {} : { "retry-after": String(retryAfter) } };
    }
    if (!dry) await this.before(sent);
    const shown = does === "expired" ? { ...headers, authorization: "Bearer no-longer-valid" } : headers;
    const options = { method: method as "GET", headers: shown, dispatcher: this.#agent, body: body === "" ? null : body };
    const answer = await ask(this.#upstream + path, options);
    const text = await answer.body.text();
    if (!dry) {
      this.effects.push(`${wordsOf(method, path, body)}${answer.statusCode < 300 ? "" : `: ${answer.statusCode}`}`);
      await this.after(sent);
    }
    if (does === "lost") {
      socket.destroy();
      return null;
    }
    if (does === "half") {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text.slice(0, 40)}`);
      socket.end();
      return null;
    }
    return { status: answer.statusCode, text, headers: { "content-type": String(answer.headers["content-type"] ?? "text/plain") } };
  }
}

const PATH = /^\/(?:api|apis\/([^/]+))\/([^/]+)\/(?:namespaces\/([^/]+)\/)?([^/?]+)(?:\/([^/?]+))?(?:\/([^/?]+))?/;

function wordsOf(method: string, path: string, body: string): string {
  const [, group = "", version = "", namespace = null, resource = "", name = "", subresource] = PATH.exec(path) ?? [];
  const kind: Kind = { group, version, resource, kind: resource, namespaced: namespace !== null };
  const sent = JSON.parse(body === "" ? "{}" : body) as Body;
  if (method === "DELETE") return said.delete(kind, { namespace, name, uid: sent.preconditions?.uid ?? "no uid" });
  if (subresource === "eviction") return said.evict({ namespace, name, uid: sent.deleteOptions?.preconditions?.uid ?? "no uid" });
  if (method === "PATCH") return said.patch(kind, { namespace, name }, ...touched(sent as unknown as readonly PatchOperation[]));
  return said.create(kind, { namespace, name: sent.metadata?.name ?? "no name" });
}

interface Body {
  readonly metadata?: { readonly name?: string };
  readonly preconditions?: { readonly uid?: string };
  readonly deleteOptions?: { readonly preconditions?: { readonly uid?: string } };
}
