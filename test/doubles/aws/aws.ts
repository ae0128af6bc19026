import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { AwsFailure } from "./failure.ts";
import { type Bucket, type Fault, Faults } from "./faults.ts";
import { settle } from "./scheduler.ts";
import { State } from "./state.ts";
import { type Operation, type Received, read, type Sent, signatureOf } from "./wire.ts";
import { World } from "./world.ts";

/** One call as it came, in the order of arrival. `error` is the code of the failure it got. */
export interface Call {
  /** As in an IAM action: ecs, application-autoscaling, ec2, iam, lambda, logs, sts. */
  readonly service: string;
  /** The API's name of the operation. */
  readonly action: string;
  /** What a role must allow: `lambda:InvokeFunction` for Invoke, else service and action. */
  readonly right: string;
  readonly accessKeyId: string;
  readonly account: string;
  readonly region: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly error: string | null;
}

export interface AwsOptions {
  /** Account of every access key but those of sessions. */
  readonly account?: string;
  readonly region?: string;
  /** ms since the epoch. Without it real time passes, and `tick` adds to it. */
  readonly now?: () => number;
  /** From PENDING to RUNNING. */
  readonly startSeconds?: number;
}

/**
 * ECS, Application Auto Scaling, EC2, IAM, Lambda, CloudWatch Logs and STS on loopback, as far as containment touches them, over one world. What
 * it models, from which source, and what is not verified stands at each action and in docs/lab.md. Close it with `Symbol.asyncDispose`.
 */
export class Aws implements AsyncDisposable {
  readonly world: World;
  readonly #state: State;
  readonly #faults = new Faults();
  readonly #calls: Call[] = [];
  readonly #account: string;
  readonly #region: string;
  readonly #server = createServer((request, response) => void this.#serve(request, response));

  private constructor({ account = "111122223333", region = "eu-west-1", now = Date.now, startSeconds = 1 }: AwsOptions) {
    this.#account = account;
    this.#region = region;
    this.#state = new State(now, startSeconds);
    this.world = new World(this.#state, { account, region });
  }

  static async start(options: AwsOptions = {}): Promise<Aws> {
    const aws = new Aws(options);
    await new Promise<void>((resolve) => aws.#server.listen(0, "127.0.0.1", resolve));
    return aws;
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  /** What an SDK client is made with; one attempt, so that a test sees what each call got. */
  config(accessKeyId = "test") {
    return { endpoint: this.url, region: this.#region, credentials: { accessKeyId, secretAccessKey: "test" }, maxAttempts: 1 };
  }

  /** For clients that are made inside an adapter. */
  get env(): Readonly<Record<string, string>> {
    return {
      AWS_ENDPOINT_URL: this.url,
      AWS_ACCESS_KEY_ID: "test",
      AWS_SECRET_ACCESS_KEY: "test",
      AWS_REGION: this.#region,
    };
  }

  /** All calls, or those of one action. */
  calls(action?: string): readonly Call[] {
    return action === undefined ? [...this.#calls] : this.#calls.filter((call) => call.action === action);
  }

  /** The next `n` calls of the action are refused as the service throttles. Nothing happens. */
  throttleNext(action: string, n = 1): void {
    this.#faults.throttleNext(action, n);
  }

  /** The next call of the action meets this. */
  failNext(action: string, fault: Fault): void {
    this.#faults.failNext(action, fault);
  }

  /** From now on these actions share a token bucket; time is the world's. */
  limit(bucket: Bucket): void {
    this.#faults.limit(bucket);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const received: Received = { path: request.url ?? "", headers: request.headers, body: await text(request) };
    try {
      const sent = await this.#answer(received);
      if (sent === null) request.socket.destroy();
      else response.writeHead(sent.status, sent.headers).end(sent.body);
    } catch (thrown) {
      // A fault of the double itself: 500 with its text, so that no test takes it for AWS's.
      response.writeHead(500, { "content-type": "text/plain" }).end(`fault of the double: ${String(thrown)}`);
    }
  }

  /** Null: no answer, the connection breaks. */
  async #answer(received: Received): Promise<Sent | null> {
    const { accessKeyId, region, service } = signatureOf(received);
    const account = this.#state.sessions.get(accessKeyId) ?? this.#account;
    // IAM is global and signed for us-east-1; its state is by account alone.
    const scope = { account, region };
    const operation = read(received, service);
    settle(this.#state);
    const fault = this.#faults.of(operation.service, operation.action, scope, this.#state.now());
    const tell = (error: string | null): void => void this.#calls.push(callOf(operation, accessKeyId, scope, error));
    if (fault === "hang-up") {
      tell("hang-up");
      return null;
    }
    try {
      if (fault instanceof AwsFailure) throw fault;
      const sent = await operation.run(this.#state, scope);
      tell(fault === "lost" ? "lost" : null);
      return fault === "lost" ? null : sent;
    } catch (thrown) {
      if (!(thrown instanceof AwsFailure)) throw thrown;
      tell(thrown.code);
      return operation.fail(thrown);
    }
  }
}

const callOf = (
  { service, action, input }: Operation,
  accessKeyId: string,
  { account, region }: { readonly account: string; readonly region: string },
  error: string | null,
): Call => ({
  service,
  action,
  right: action === "Invoke" ? "lambda:InvokeFunction" : `${service}:${action}`,
  accessKeyId,
  account,
  region,
  input,
  error,
});

async function text(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}
