import { ref, type Value } from "./functions.ts";

/** The entry of serverless.yml for chatops. `replyOrigin`: where Slack takes answers to clicks. */
export const chatops = (replyOrigin: string): Readonly<Record<string, Value>> => ({
  description: "Takes people's decisions from buttons in Slack, each signed by Slack",
  handler: "functions/chatops/handler.handler",
  role: "ChatopsRole",
  disableLogs: true,
  dependsOn: ["ChatopsLogs"],
  // Slack waits 3 s, a cold start included.
  memorySize: 1_024,
  timeout: 10,
  environment: {
    POWERTOOLS_SERVICE_NAME: "chatops",
    QUEUE_ECS_URL: ref("AlertsEcs"),
    QUEUE_KUBERNETES_URL: ref("AlertsKubernetes"),
    QUEUE_WIDE_URL: ref("AlertsWide"),
    SLACK_REPLY_ORIGIN: replyOrigin,
  },
  // Slack signs nothing that IAM knows: everybody may call it, and it verifies Slack's signature itself (docs/chatops.md).
  url: true,
});
