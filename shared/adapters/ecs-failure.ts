import type { Failure } from "@aws-sdk/client-ecs";
import { printable } from "#shared/adapters/aws-error.ts";

/** An ECS answer of status 200 that did not do it. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/api_failures_messages.html */
export const refusedFor = ({ reason, detail }: Failure) =>
  ({ kind: "refused", because: printable(`ECS refuses it: ${reason ?? "no reason given"}${detail ? ` (${detail})` : ""}`) }) as const;
