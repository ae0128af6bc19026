import type { IncomingHttpHeaders } from "node:http";
import { JSON_APIS, QUERY_APIS } from "./apis.ts";
import type { Form } from "./ec2.ts";
import { AwsFailure, notModelled } from "./failure.ts";
import { type Invoked, invoke } from "./functions.ts";
import type { Scope, State } from "./state.ts";
import { escapeXml, toXml } from "./xml.ts";

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Sent {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** One call, read from the wire: how it is carried out and how its answer or failure is written. */
export interface Operation {
  readonly service: string;
  readonly action: string;
  readonly input: Readonly<Record<string, unknown>>;
  run(state: State, scope: Scope): Promise<Sent>;
  fail(failure: AwsFailure): Sent;
}

const HEADERS = { "x-amzn-requestid": "00000000-0000-0000-0000-000000000000" };

/** The wire formats are told apart as AWS's own front end does: by path, target header and the signature's scope. */
export function read(received: Received, service: string): Operation {
  if (received.path.startsWith("/2015-03-31/functions/")) return readInvoke(received);
  const target = received.headers["x-amz-target"];
  return typeof target === "string" ? readJson(received, target) : readQuery(received, service);
}

function readJson({ body }: Received, target: string): Operation {
  const [prefix = "", action = ""] = target.split(".");
  const api = JSON_APIS[prefix];
  const service = api?.service ?? prefix;
  return {
    service,
    action,
    input: JSON.parse(body),
    // biome-ignore lint/suspicious/useAwait: what it throws is a rejection, as of the others.
    async run(state, scope) {
      const run = api?.actions[action];
      if (run === undefined) throw notModelled(`${service}:${action}`);
      return sendJson(200, run(state, scope, body));
    },
    fail: ({ code, message, status }) => sendJson(status, { __type: code, message }),
  };
}

const sendJson = (status: number, answer: object): Sent => ({
  status,
  headers: { ...HEADERS, "content-type": "application/x-amz-json-1.1" },
  // JSON 1.1 has times as seconds since the epoch. A Date has become text when a replacer gets it: it is read from its object.
  body: JSON.stringify(answer, function (this: Record<string, unknown>, key, value: unknown) {
    const raw = this[key];
    return raw instanceof Date ? raw.getTime() / 1_000 : value;
  }),
});

function readQuery({ body }: Received, service: string): Operation {
  const form: Form = Object.fromEntries(new URLSearchParams(body));
  const { Action: action = "", Version: _, ...input } = form;
  const api = QUERY_APIS[service];
  return {
    service,
    action,
    input,
    // biome-ignore lint/suspicious/useAwait: what it throws is a rejection, as of the others.
    async run(state, scope) {
      const run = api?.actions[action];
      if (api === undefined || run === undefined) throw notModelled(`${service}:${action}`);
      const answer = run(state, scope, form);
      const inner = api.dialect === "ec2" ? toXml(answer, "item") : `<${action}Result>${toXml(answer, "member")}</${action}Result>`;
      return sendXml(200, `<${action}Response xmlns="${api.xmlns}">${inner}</${action}Response>`);
    },
    fail({ code, message, status }) {
      const error = `<Code>${escapeXml(code)}</Code><Message>${escapeXml(message)}</Message>`;
      return api?.dialect === "ec2"
        ? sendXml(status, `<Response><Errors><Error>${error}</Error></Errors><RequestID>0</RequestID></Response>`)
        : sendXml(status, `<ErrorResponse><Error><Type>Sender</Type>${error}</Error><RequestId>0</RequestId></ErrorResponse>`);
    },
  };
}

const sendXml = (status: number, xml: string): Sent => ({
  status,
  headers: { ...HEADERS, "content-type": "text/xml" },
  body: `<?xml version="1.0" encoding="UTF-8"?>${xml}`,
});

function readInvoke({ path, headers, body }: Received): Operation {
  const named = decodeURIComponent(/^\/2015-03-31\/functions\/([^/]+)\/invocations/.exec(path)?.[1] ?? "");
  const type = headers["x-amz-invocation-type"];
  return {
    service: "lambda",
    action: "Invoke",
    input: { FunctionName: named, InvocationType: type, Payload: body },
    run: async (state, scope) => sendInvoked(await invoke(state, scope, named, typeof type === "string" ? type : "RequestResponse", body)),
    fail: ({ code, message, status }) => ({
      status,
      headers: { ...HEADERS, "content-type": "application/json", "x-amzn-errortype": code },
      body: JSON.stringify({ Type: "User", Message: message }),
    }),
  };
}

const sendInvoked = ({ body, functionError }: Invoked): Sent => ({
  status: 200,
  headers: {
    ...HEADERS,
    "content-type": "application/json",
    "x-amz-executed-version": "$LATEST",
    ...(functionError === null ? {} : { "x-amz-function-error": functionError }),
  },
  body,
});

/** Access key and region of `Credential=<key>/<date>/<region>/<service>/aws4_request`. */
export function signatureOf({ headers }: Received): { readonly accessKeyId: string; readonly region: string; readonly service: string } {
  const found = /Credential=([^/]+)\/\d+\/([^/]+)\/([^/]+)\/aws4_request/.exec(headers.authorization ?? "");
  if (found === null) throw new AwsFailure("MissingAuthenticationToken", "Missing Authentication Token", 403);
  const [, accessKeyId = "", region = "", service = ""] = found;
  return { accessKeyId, region, service };
}
