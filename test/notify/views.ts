import fc from "fast-check";
import type { ActionName } from "#shared/domain/action.ts";
import type { Alert, FieldValue } from "#shared/domain/alert.ts";
import type { Decision } from "#shared/domain/decision.ts";
import type { PolicyAction } from "#shared/domain/policy.ts";
import { PRIORITIES } from "#shared/domain/priority.ts";
import type { Outcome, Receipt } from "#shared/domain/receipt.ts";
import type { PodWorkload, TaskWorkload } from "#shared/domain/workload.ts";
import type { IncidentView } from "#shared/notify/view.ts";

export const TASK: TaskWorkload = {
  kind: "task",
  cluster: "payments",
  uid: "arn:aws:ecs:eu-west-1:123456789012:task/payments-prod/0123456789abcdef0123456789abcdef",
  taskArn: "arn:aws:ecs:eu-west-1:123456789012:task/payments-prod/0123456789abcdef0123456789abcdef",
  clusterArn: "arn:aws:ecs:eu-west-1:123456789012:cluster/payments-prod",
  owner: { kind: "Service", name: "web", uid: null },
  container: { name: "app", id: "2cde3dcbeff2e24bd99d4f46fb83e22a", image: "registry.example/web:7" },
  labels: { team: "pay" },
  family: "web",
  revision: "7",
  service: "web",
  group: "service:web",
  launchType: "EC2",
  lastStatus: "RUNNING",
  desiredStatus: "RUNNING",
  containerInstanceArn: null,
  startedAtMs: 1_000,
};

export const POD: PodWorkload = {
  kind: "pod",
  cluster: "shop",
  uid: "0f8fad5b-d9cb-469f-a165-70867728950e",
  owner: { kind: "Deployment", name: "api", uid: "u" },
  container: { name: "api", id: "2cde3dcbeff2e24bd99d4f46fb83e22a", image: "api:1" },
  labels: {},
  namespace: "shop",
  name: "api-5d9c-x1",
  node: "node-1",
  phase: "Running",
  annotations: {},
  serviceAccount: "api",
  priorityClass: null,
  hostNetwork: false,
  mirror: false,
  deleting: false,
};

export const ALERT: Alert = {
  id: "a".repeat(64),
  rule: "Terminal shell in container",
  priority: "Critical",
  time: "2026-01-02T03:04:05.000000006Z",
  timeMs: Date.UTC(2026, 0, 2, 3, 4, 5),
  source: "syscall",
  tags: ["container", "shell"],
  hostname: "sensor",
  output: "03:04:05 Critical A shell was spawned (command=sh -i)",
  fields: { "proc.cmdline": "sh -i", "user.name": "root", "container.id": "2cde3dcbeff2", "evt.time": "1767323045000000006" },
  containerId: "2cde3dcbeff2",
  onHost: false,
  internal: false,
};

const action = (name: ActionName): PolicyAction => ({ action: name, params: {}, mode: "enforce", evidence: "best-effort" });

export const decision = (kind: Decision["kind"], name: ActionName = "ecs:stop-task", because = "the rule says so"): Decision =>
  kind === "hold" ? { kind, action: name, rule: "shells", because } : { kind, action: action(name), rule: "shells", because };

export const receipt = (outcome: Outcome, name: ActionName = "ecs:stop-task", because = "ECS reports the task STOPPED"): Receipt => ({
  action: name,
  target: name === "ecs:stop-task" ? TASK.uid : POD.uid,
  outcome,
  because,
  requestedAtMs: ALERT.timeMs === null ? null : ALERT.timeMs + 1_200,
  verifiedAtMs: outcome === "done" && ALERT.timeMs !== null ? ALERT.timeMs + 4_200 : null,
  undo: { possible: false, because: "a stopped task cannot be started again" },
  evidence: { kind: "kept", key: "evidence/2026/x.json", sha256: "b".repeat(64) },
});

export const view = (change: Partial<IncidentView> = {}): IncidentView => ({
  incident: "inc-0123456789abcdef",
  stage: "prod",
  phase: "decision",
  rule: "shells",
  cluster: { name: "payments", kind: "ecs", awsName: "payments-prod", region: "eu-west-1" },
  logRegion: "eu-west-1",
  alert: ALERT,
  accuser: {
    account: "123456789012",
    logGroup: "/falco/prod",
    logStream: "falco/falco/abc",
    eventId: "3756",
    verified: true,
    because: null,
  },
  tell: null,
  workload: TASK,
  decisions: [decision("act")],
  receipts: [],
  count: 1,
  firstAlertAtMs: ALERT.timeMs,
  lastAlertAtMs: ALERT.timeMs,
  ...change,
});

/** Every trick that a text may hold, between arbitrary characters. */
const TRICKS = [
  "`",
  "```",
  "<!channel>",
  "<!here>",
  "<@U123>",
  "<#C1>",
  "<https://evil.test|click>",
  "&lt;",
  "@channel",
  "@here",
  "*b*",
  "_i_",
  "~s~",
  ":skull:",
  "https://evil.test/x",
  "\r\n",
  "\n",
  "\u2028",
  "\u0000",
  "\u001b[31m",
  "\u001b]8;;https://evil.test\u0007",
  "\u202e",
  "\u200b",
  "\ufeff",
  "\u2066",
  "\ud800",
  "\udfff",
  "e\u0301\u0301\u0301\u0301",
  "\u{e0041}",
  "'; DROP",
  "$(id)",
  "</text>",
  '"}]',
  "password=hunter2hunter2",
  "👩‍👩‍👧",
  "[click](https://evil.test)",
  "x".repeat(5_000),
  "<".repeat(3_000),
  "`".repeat(2_000),
  "\n".repeat(500),
  "&".repeat(3_000),
  "é".repeat(4_000),
] as const;

export const hostile = fc
  .array(fc.oneof(fc.constantFrom(...TRICKS), fc.string({ unit: "binary", maxLength: 40 })), { maxLength: 8 })
  .map((parts) => parts.join(""));
const some = fc.option(hostile);
const ms = fc.option(fc.oneof(fc.integer({ min: 0, max: 2_000_000_000_000 }), fc.constant(9e15)));

const value: fc.Arbitrary<FieldValue> = fc.oneof(
  hostile,
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
  fc.array(hostile, { maxLength: 2 }),
);
const fieldName = fc.oneof(
  fc.constantFrom("proc.cmdline", "proc.pcmdline", "fd.name", "user.name", "k8s.pod.name", "__proto__", "proc.env[TOKEN]"),
  hostile,
);

const anyAlert: fc.Arbitrary<Alert> = fc.record({
  id: hostile,
  rule: hostile,
  priority: fc.constantFrom(...PRIORITIES),
  time: some,
  timeMs: ms,
  source: some,
  tags: fc.array(hostile, { maxLength: 30 }),
  hostname: some,
  output: some,
  fields: fc.dictionary(fieldName, value, { maxKeys: 80, noNullPrototype: true }),
  containerId: some,
  onHost: fc.boolean(),
  internal: fc.boolean(),
});

const kinds = fc.constantFrom<Decision["kind"]>("act", "would-act", "await-approval", "hold");
const actions = fc.constantFrom<ActionName>("ecs:stop-task", "kubernetes:terminate");
const outcomes = fc.constantFrom<Outcome>("done", "requested", "skipped", "refused", "failed", "unknown");

/** Any incident that any alert may make; every text in it is hostile. */
export const anyView: fc.Arbitrary<IncidentView> = fc.record({
  incident: hostile,
  stage: fc.constantFrom("prod", null),
  phase: fc.constantFrom("decision" as const, "outcome" as const),
  rule: some,
  cluster: fc.option(
    fc.record({
      name: hostile,
      kind: fc.constantFrom("ecs" as const, "eks" as const),
      awsName: hostile,
      region: fc.oneof(hostile, fc.constant("eu-west-1")),
    }),
  ),
  logRegion: fc.oneof(hostile, fc.constant("eu-west-1")),
  alert: fc.option(anyAlert, { freq: 20 }),
  accuser: fc.option(
    fc.record({
      account: hostile,
      logGroup: hostile,
      logStream: hostile,
      eventId: fc.oneof(hostile, fc.constant("12")),
      verified: fc.boolean(),
      because: some,
    }),
  ),
  tell: some,
  workload: fc.oneof(
    fc.constant(null),
    fc.record({ image: some, service: some, name: hostile, arn: hostile }).map(
      ({ image, service, name, arn }): TaskWorkload => ({
        ...TASK,
        service,
        family: name,
        taskArn: arn,
        container: { ...TASK.container, name, image },
      }),
    ),
    fc.record({ image: some, name: hostile, kind: hostile }).map(
      ({ image, name, kind }): PodWorkload => ({
        ...POD,
        name,
        namespace: name,
        owner: { kind, name, uid: null },
        container: { ...POD.container, image },
      }),
    ),
  ),
  decisions: fc.array(
    fc.tuple(kinds, actions, hostile).map(([kind, name, because]) => decision(kind, name, because)),
    { maxLength: 30 },
  ),
  receipts: fc.array(
    fc.tuple(outcomes, actions, hostile).map(([outcome, name, because]) => receipt(outcome, name, because)),
    { maxLength: 30 },
  ),
  count: fc.nat(),
  firstAlertAtMs: ms,
  lastAlertAtMs: ms,
});
