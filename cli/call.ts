import { createHash, createHmac } from "node:crypto";
import { GetFunctionUrlConfigCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { SignatureV4 } from "@smithy/signature-v4";
import { messageOf } from "#shared/domain/error.ts";
import type { ReportAnswer } from "#shared/pipeline/operate/report.ts";
import type { Answer } from "#shared/pipeline/operate.ts";
import { encodeRequest, type OperateRequest } from "#shared/wire/operate.ts";
import { encodeReportRequest, type ReportRequest } from "#shared/wire/report.ts";

/** The service cannot be found, reached or asked. `remedy`: what the person can do. */
export class CallError extends Error {
  override readonly name = "CallError";
  readonly remedy: string;

  constructor(message: string, remedy: string, options?: ErrorOptions) {
    super(message, options);
    this.remedy = remedy;
  }
}

const client = (region: string | undefined): LambdaClient =>
  new LambdaClient({ maxAttempts: 2, ...(region === undefined ? {} : { region }) });

/** The function URL of the stage's operate function. */
export async function findUrl(stage: string, region: string | undefined): Promise<string> {
  const FunctionName = `falco-responder-${stage}-operate`;
  try {
    const { FunctionUrl } = await client(region).send(new GetFunctionUrlConfigCommand({ FunctionName }));
    if (FunctionUrl !== undefined) return FunctionUrl;
  } catch (cause) {
    throw new CallError(
      `the function URL of ${FunctionName} cannot be read: ${messageOf(cause)}`,
      "check --stage, --region and your AWS credentials (lambda:GetFunctionUrlConfig), or give --url",
      { cause },
    );
  }
  throw new CallError(`${FunctionName} has no function URL`, "deploy falco-responder again");
}

/** Sends one request, signed with the caller's own credentials: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html */
export const ask = (url: string, request: OperateRequest, region: string | undefined): Promise<Answer> =>
  post(url, encodeRequest(request), region);

/** The same, for the report of an incident. */
export const askReport = (url: string, request: ReportRequest, region: string | undefined): Promise<ReportAnswer> =>
  post(url, encodeReportRequest(request), region);

async function post<T>(url: string, body: string, region: string | undefined): Promise<T> {
  const { config } = client(region);
  const place = new URL(url);
  try {
    const signer = new SignatureV4({ service: "lambda", region: config.region, credentials: config.credentials, sha256: Sha256 });
    const signed = await signer.sign({
      method: "POST",
      protocol: place.protocol,
      hostname: place.hostname,
      ...(place.port === "" ? {} : { port: Number(place.port) }),
      path: place.pathname,
      query: {},
      headers: { host: place.host, "content-type": "application/json" },
      body,
    });
    const answer = await fetch(url, { method: "POST", headers: signed.headers, body, signal: AbortSignal.timeout(20_000) });
    return await read<T>(answer);
  } catch (cause) {
    if (cause instanceof CallError) throw cause;
    throw new CallError(`the operate function cannot be asked: ${messageOf(cause)}`, "check the network and your AWS credentials", {
      cause,
    });
  }
}

async function read<T>(answer: Response): Promise<T> {
  const text = await answer.text();
  if (answer.status === 403 && !text.includes("falco-responder/answer/1"))
    throw new CallError(
      "AWS refuses this request",
      "your principal needs lambda:InvokeFunctionUrl and lambda:InvokeFunction (via function URL) on the operate function: docs/permissions.md",
    );
  try {
    const value = JSON.parse(text) as { readonly schema?: unknown } & T;
    if (value.schema === "falco-responder/answer/1") return value;
  } catch {
    // Said below.
  }
  throw new CallError(`the operate function answered ${answer.status} and nothing that can be read`, "see its log group, or try again");
}

/** What the signer hashes with: SHA-256, with a key HMAC. */
class Sha256 {
  readonly #hash: { update(data: Uint8Array): unknown; digest(): Uint8Array };

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash("sha256") : createHmac("sha256", bytesOf(secret));
  }

  update(data: Uint8Array): void {
    this.#hash.update(data);
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest());
  }

  reset(): void {
    throw new Error("a hash is made anew for each use");
  }
}

const bytesOf = (data: string | ArrayBuffer | ArrayBufferView): Uint8Array =>
  typeof data === "string"
    ? Buffer.from(data)
    : ArrayBuffer.isView(data)
      ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      : new Uint8Array(data);
