import type { Alert } from "#shared/domain/alert.ts";
import type { Match, Policy, PolicyAction, PolicyRule } from "#shared/domain/policy.ts";
import type { QueueEntry } from "#shared/domain/queue-entry.ts";
import type { PodWorkload, TaskWorkload } from "#shared/domain/workload.ts";
import type { ClusterFacts } from "#shared/policy/match-workload.ts";
import { indexRules } from "../../packaging/rule-index.ts";

export const NOW = Date.UTC(2026, 10, 23, 12, 0, 0);

export const alertOf = (over: Partial<Alert> = {}): Alert => ({
  id: "a".repeat(64),
  rule: "Terminal shell in container",
  priority: "Notice",
  time: "2026-11-23T11:59:55.123456789Z",
  timeMs: NOW - 5_000,
  source: "syscall",
  tags: ["container", "shell", "mitre_execution"],
  hostname: "ip-10-0-0-1",
  output: "a shell was spawned",
  fields: { "proc.name": "bash", "container.id": "0123456789ab", "evt.time": "1700000000000000001" },
  containerId: "0123456789ab",
  onHost: false,
  internal: false,
  ...over,
});

export const ruleOf = (match: Match, over: Partial<PolicyRule> = {}): PolicyRule => ({
  name: "the rule",
  match,
  actions: [],
  notify: ["team"],
  mode: "enforce",
  ...over,
});

export const actionOf = (action: PolicyAction["action"], over: Partial<PolicyAction> = {}): PolicyAction => ({
  action,
  params: {},
  mode: "enforce",
  evidence: "best-effort",
  ...over,
});

export const policyOf = (rules: readonly PolicyRule[], over: Partial<Policy> = {}): Policy => ({
  schema: "falco-responder/policy/1",
  version: "0123456789ab",
  mode: "enforce",
  maxAgeSeconds: 900,
  protect: { clusters: [], namespaces: [], services: [], families: [], priorityClasses: [], labels: {} },
  budgets: { windowSeconds: 600, cluster: 12, fleet: 40, owner: 3 },
  recurrence: { times: 1_000, windowSeconds: 3_600, ladder: [] },
  approvalSeconds: 14_400,
  rules,
  index: indexRules(rules.map(({ match }) => match)),
  ...over,
});

export const shop: ClusterFacts = { name: "shop", kind: "ecs", account: "111122223333", region: "eu-central-1" };
export const kube: ClusterFacts = { name: "kube", kind: "kubernetes", account: "111122223333", region: "eu-central-1" };

const TASK = "arn:aws:ecs:eu-central-1:111122223333:task/shop/0123456789abcdef0123456789abcdef";

export const taskOf = (over: Partial<TaskWorkload> = {}): TaskWorkload => ({
  kind: "task",
  cluster: "shop",
  uid: TASK,
  taskArn: TASK,
  clusterArn: "arn:aws:ecs:eu-central-1:111122223333:cluster/shop",
  owner: { kind: "Service", name: "web", uid: null },
  container: { name: "app", id: "0123456789ab", image: "registry.example/web:1" },
  labels: { team: "shop" },
  family: "web",
  revision: "7",
  service: "web",
  group: "service:web",
  launchType: "EC2",
  lastStatus: "RUNNING",
  desiredStatus: "RUNNING",
  containerInstanceArn: null,
  startedAtMs: null,
  ...over,
});

export const podOf = (over: Partial<PodWorkload> = {}): PodWorkload => ({
  kind: "pod",
  cluster: "kube",
  uid: "11111111-1111-4111-8111-111111111111",
  owner: { kind: "Deployment", name: "api", uid: "22222222-2222-4222-8222-222222222222" },
  container: { name: "app", id: "0123456789ab", image: "registry.example/api:1" },
  labels: { app: "api" },
  namespace: "payments",
  name: "api-5c9f-abcde",
  node: "node-1",
  phase: "Running",
  annotations: {},
  serviceAccount: "api",
  priorityClass: null,
  hostNetwork: false,
  mirror: false,
  deleting: false,
  ...over,
});

export const entryOf = (over: Partial<QueueEntry> = {}): QueueEntry => ({
  schema: "falco-responder/queue-entry/1",
  alert: alertOf(),
  cluster: "shop",
  accuser: { account: "111122223333", logGroup: "/falco/shop", logStream: "falco/1", eventId: "1", verified: true, because: null },
  sensor: { taskArn: null, ecsCluster: null, ec2InstanceId: null, pod: null },
  rules: ["the rule"],
  policyVersion: "0123456789ab",
  count: 1,
  batch: "b1",
  receivedMs: NOW,
  tell: null,
  wholeAt: null,
  ...over,
});
