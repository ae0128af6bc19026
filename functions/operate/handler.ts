import middy from "@middy/core";
import type { APIGatewayProxyEventV2WithIAMAuthorizer, APIGatewayProxyStructuredResultV2, Context } from "aws-lambda";
import { liveOperatePorts } from "#shared/adapters/live-operate.ts";
import { iamActor } from "#shared/domain/actor.ts";
import { giveReport, type Kept } from "#shared/pipeline/operate/report.ts";
import { type OperatePorts, operate } from "#shared/pipeline/operate.ts";
import { decodeRequest, encodeAnswer } from "#shared/wire/operate.ts";
import { decodeReportRequest } from "#shared/wire/report.ts";

type Event = APIGatewayProxyEventV2WithIAMAuthorizer;
type Result = APIGatewayProxyStructuredResultV2;

/** Function URL with AWS_IAM: who asks is who signed the request, never what it says. Rejects when the ledger or a queue is broken. */
export const createHandler = (ports: OperatePorts & { readonly kept?: Kept }) =>
  middy<Event, Result, Error, Context>({ timeoutEarlyInMillis: 0 }).handler(async (event: Event, context: Context): Promise<Result> => {
    const by = event.requestContext.authorizer?.iam?.userArn ?? "";
    const body = event.isBase64Encoded ? Buffer.from(event.body ?? "", "base64").toString("utf8") : (event.body ?? "");
    const wanted = decodeReportRequest(body);
    const request = wanted ?? decodeRequest(body);
    if (by === "") return encodeAnswer(403, { kind: "refused", because: "the request is not signed by an IAM principal", summary: null });
    if (typeof request === "string") return encodeAnswer(400, { kind: "refused", because: request, summary: null });
    const signal = AbortSignal.timeout(Math.max(1, context.getRemainingTimeInMillis() - 2_000));
    const answer =
      "verify" in request
        ? await giveReport(request, iamActor(by), ports, keptIn(ports), signal)
        : await operate(request, iamActor(by), ports, signal);
    return encodeAnswer(answer.kind === "refused" ? 409 : 200, answer);
  });

function keptIn({ kept }: { readonly kept?: Kept }): Kept {
  if (kept === undefined) throw new Error("operate was made without the buckets that a report reads");
  return kept;
}

export const handler = createHandler(liveOperatePorts(process.env));
