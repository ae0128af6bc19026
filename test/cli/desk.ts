import { spawn } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { iamActor } from "#shared/domain/actor.ts";
import { operate } from "#shared/pipeline/operate.ts";
import { type AnyRequest, decodeRequest, encodeAnswer } from "#shared/wire/operate.ts";
import type { World } from "../fakes/world.ts";
import { ALICE, signal } from "../pipeline/operate/desk.ts";

export interface Desk {
  readonly url: string;
  /** What arrived, as it was understood. */
  readonly requests: (AnyRequest | string)[];
  /** Answers in place of the service's own: status and body. */
  instead: { readonly status: number; readonly body: string } | null;
  close(): Promise<void>;
}

/** The function URL of operate on a local port, over a world in memory. Who signed is not checked here: AWS does that. */
export async function openDesk(world: World): Promise<Desk> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      void answer(Buffer.concat(chunks).toString("utf8"), request.headers.authorization).then(({ status, body }) =>
        response.writeHead(status, { "content-type": "application/json" }).end(body),
      );
    });
  });
  const answer = async (text: string, authorization: string | undefined) => {
    const asked = decodeRequest(text);
    desk.requests.push(asked);
    if (desk.instead !== null) return desk.instead;
    if (!authorization?.startsWith("AWS4-HMAC-SHA256 ")) return { status: 403, body: '{"Message":"Forbidden"}' };
    if (typeof asked === "string") return { status: 400, body: encodeAnswer(400, { kind: "refused", because: asked, summary: null }).body };
    const said = await operate(asked, iamActor(ALICE), world.respondPorts(), signal);
    const status = said.kind === "refused" ? 409 : 200;
    return { status, body: encodeAnswer(status, said).body };
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const desk: Desk = {
    url: `http://127.0.0.1:${port}/`,
    requests: [],
    instead: null,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
  return desk;
}

export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The real command line, in a process of its own. */
export function cli(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const given = { AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test", AWS_REGION: "eu-west-1", NO_COLOR: "1", TZ: "UTC" };
  const { PATH = "", HOME = "" } = process.env;
  const child = spawn(process.execPath, ["cli/main.ts", ...args], { env: { PATH, HOME, ...given, ...env } });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => (stdout += String(chunk)));
  child.stderr.on("data", (chunk) => (stderr += String(chunk)));
  return new Promise((resolve) => child.on("close", (status) => resolve({ status, stdout, stderr })));
}
