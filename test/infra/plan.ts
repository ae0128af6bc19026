import type { Cluster } from "#shared/domain/registry.ts";
import type { DeployPlan } from "../../infra/plan.ts";

const cluster = (over: Partial<Cluster> & Pick<Cluster, "name" | "kind">): Cluster => ({
  account: "111122223333",
  region: "eu-central-1",
  sources: [{ logGroup: `/falco/${over.name}`, streamPrefix: "" }],
  awsName: over.name,
  mergeKeys: [],
  access: null,
  roleArn: null,
  externalId: null,
  ...over,
});

/** Clusters of each way of being reached, one channel of each kind. */
export const plan: DeployPlan = {
  registry: {
    schema: "falco-responder/registry/1",
    account: "111122223333",
    region: "eu-central-1",
    clusters: [
      cluster({ name: "shop", kind: "ecs", taskRoles: ["shop-*"], taskLogGroups: ["/ecs/shop*"] }),
      cluster({
        name: "elsewhere",
        kind: "ecs",
        account: "444455556666",
        region: "us-east-1",
        roleArn: "arn:aws:iam::444455556666:role/security/falco-responder",
        externalId: "falco-responder-of-111122223333",
        taskRoles: ["app-*"],
        taskLogGroups: ["/ecs/app"],
      }),
      cluster({
        name: "kube",
        kind: "kubernetes",
        access: { by: "token", server: "https://kube.example", caData: "LS0t", tokenSecret: "secretsmanager:falco/kube-token" },
      }),
      cluster({ name: "orders", kind: "eks", awsName: "orders-prod" }),
      cluster({
        name: "orders-elsewhere",
        kind: "eks",
        account: "444455556666",
        region: "us-east-1",
        awsName: "orders-abroad",
        roleArn: "arn:aws:iam::444455556666:role/security/falco-responder-eks",
        externalId: "falco-responder-of-111122223333",
      }),
      cluster({
        name: "by-certificate",
        kind: "kubernetes",
        access: { by: "certificate", server: "https://kube.example", caData: "LS0t", certificateSecret: "ssm:/falco/kube-certificate" },
      }),
      cluster({
        name: "by-kubeconfig",
        kind: "kubernetes",
        access: { by: "kubeconfig", kubeconfigSecret: "secretsmanager:falco/kubeconfig" },
      }),
      cluster({
        name: "by-authenticator",
        kind: "kubernetes",
        access: { by: "iam", server: "https://kube.example", caData: "LS0t", clusterId: "by-authenticator" },
      }),
    ],
    notifications: {
      channels: [
        { name: "team", kind: "sns", topicArn: "arn:aws:sns:eu-central-1:111122223333:team" },
        { name: "chat", kind: "slack", urlSecret: "ssm:/falco-responder/slack" },
        { name: "events", kind: "bus", busArn: "arn:aws:events:eu-central-1:111122223333:event-bus/falco-responder-test" },
      ],
      system: ["team", "chat", "events"],
    },
    slackApp: { team: "T0123", app: "A0123", signingSecret: "secretsmanager:falco-responder/slack-signing" },
  },
  logGroups: [
    { name: "/falco/shop", create: true },
    { name: "/falco/kube", create: false },
  ],
  accessEntries: [],
  userFunctions: ["arn:aws:lambda:eu-central-1:111122223333:function:page-me:live"],
  deploy: {
    logRetentionDays: 30,
    evidenceRetentionDays: 90,
    evidenceExpiryDays: 365,
    auditRetentionDays: 400,
    auditExpiryDays: 401,
    unreadableRetentionDays: 90,
    tracing: false,
    alarmEmail: null,
    reservedConcurrency: { sweep: 1 },
    vpc: null,
    tags: { service: "falco-responder" },
  },
};
