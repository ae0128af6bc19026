import { SendMessageCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { askAws } from "#shared/adapters/aws-error.ts";
import { sqsClient } from "#shared/adapters/dead-letters.ts";
import type { Lane } from "#shared/domain/action.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { Orders } from "#shared/ports/orders.ts";
import { encodeOrder } from "#shared/wire/order.ts";

/** QUEUE_ECS_URL, QUEUE_KUBERNETES_URL, QUEUE_WIDE_URL. Throws `config_invalid` where one is missing: at start, not at the first order. */
export function laneUrls(env: NodeJS.ProcessEnv): Readonly<Record<Lane, string>> {
  const url = (name: string): string => {
    const value = env[name];
    if (!value) throw new PipelineError("config_invalid", `the environment variable ${name} is missing`);
    return value;
  };
  return { ecs: url("QUEUE_ECS_URL"), kubernetes: url("QUEUE_KUBERNETES_URL"), wide: url("QUEUE_WIDE_URL") };
}

/** The lanes' queues (FIFO) in SQS. A lane without a URL is a fault of the deployment. */
export function sqsOrders(urls: Partial<Readonly<Record<Lane, string>>>, client: SQSClient = sqsClient()): Orders {
  return {
    async send(lane, order, MessageGroupId, MessageDeduplicationId, abortSignal) {
      const QueueUrl = urls[lane];
      if (QueueUrl === undefined) throw new PipelineError("config_invalid", `this function cannot send to lane ${lane}`);
      const command = new SendMessageCommand({ QueueUrl, MessageBody: encodeOrder(order), MessageGroupId, MessageDeduplicationId });
      await askAws(`SQS SendMessage to lane ${lane}`, () => client.send(command, { abortSignal }));
    },
  };
}
