import { readFileSync } from "node:fs";
import { Agent, request } from "undici";

/** See test/contracts/pods.test.ts: a control plane that may be written to. */
export interface TestKube {
  readonly server: string;
  readonly caData: string;
  readonly adminToken: string;
}

export interface User {
  readonly name: string;
  /** Beside system:authenticated, which the server adds. One at most: undici joins repeated headers, and Kubernetes does not part them. */
  readonly group: string | null;
}

export interface Answer {
  readonly status: number;
  /** As JSON; of a refusal it is a Status, whose `message` says why. */
  readonly body: Readonly<Record<string, unknown>> & { readonly message?: string };
}

export type Ask = (method: string, path: string, body?: object, contentType?: string) => Promise<Answer>;

export const readKube = (file: string): TestKube => JSON.parse(readFileSync(file, "utf8")) as TestKube;

/** Requests to the API server as its administrator, or as a user whom the administrator impersonates: RBAC and admission see that user. */
export function asking({ server, caData, adminToken }: TestKube, as?: User): { readonly ask: Ask; readonly close: () => Promise<void> } {
  const agent = new Agent({ connect: { ca: Buffer.from(caData, "base64") } });
  const who = as === undefined ? {} : { "impersonate-user": as.name, ...(as.group === null ? {} : { "impersonate-group": as.group }) };
  const ask: Ask = async (method, path, body, contentType = "application/json") => {
    const headers = { authorization: `Bearer ${adminToken}`, "content-type": contentType, accept: "application/json", ...who };
    const sent = body === undefined ? null : JSON.stringify(body);
    const answer = await request(new URL(path, server), { method: method as "GET", dispatcher: agent, headers, body: sent });
    const text = await answer.body.text();
    return { status: answer.statusCode, body: jsonOf(text) };
  };
  return { ask, close: () => agent.close() };
}

function jsonOf(text: string): Answer["body"] {
  try {
    return JSON.parse(text) as Answer["body"];
  } catch {
    return { message: text };
  }
}
