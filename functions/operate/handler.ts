import middy from "@middy/core";
import type { APIGatewayProxyEventV2WithIAMAuthorizer, APIGatewayProxyStructuredResultV2, Context } from "aws-lambda";
import { liveOperatePorts } from "#shared/adapters/live-operate.ts";
import { iamActor } from "#shared/domain/actor.ts";
import { type OperatePorts, operate } from "#shared/pipeline/operate.ts";
import { decodeRequest, encodeAnswer } from "#shared/wire/operate.ts";

type Event = APIGatewayProxyEventV2WithIAMAuthorizer;
type Result = APIGatewayProxyStructuredResultV2;

/** Function URL with AWS_IAM: who asks is who signed the request, never what it says. Rejects when the ledger or a queue is broken. */
export const createHandler = (ports: OperatePorts) =>
  middy<Event, Result, Error, Context>({ timeoutEarlyInMillis: 0 }).handler(async (event: Event, context: Context): Promise<Result> => {
    const by = event.requestContext.authorizer?.iam?.userArn ?? "";
    const request = decodeRequest(event.isBase64Encoded ? Buffer.from(event.body ?? "", "base64").toString("utf8") : (event.body ?? ""));
    if (by === "") return encodeAnswer(403, { kind: "refused", because: "the request is not signed by an IAM principal", summary: null });
    if (typeof request === "string") return encodeAnswer(400, { kind: "refused", because: request, summary: null });
    const signal = AbortSignal.timeout(Math.max(1, context.getRemainingTimeInMillis() - 2_000));
    const answer = await operate(request, iamActor(by), ports, signal);
    return encodeAnswer(answer.kind === "refused" ? 409 : 200, answer);
  });

export const handler = createHandler(liveOperatePorts(process.env));
