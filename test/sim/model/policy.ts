import type { Policy, PolicyAction, PolicyRule } from "#shared/domain/policy.ts";
import type { Registry } from "#shared/domain/registry.ts";
import { ecsCluster, kubeCluster } from "../../playbooks/builders.ts";

export const QUARANTINE_GROUP = "sg-0123456789abcdef0";

const of = (action: PolicyAction["action"], more: Partial<PolicyAction> = {}): PolicyAction => ({
  action,
  params: {},
  mode: "enforce",
  evidence: "best-effort",
  ...more,
});

/** Falco rule -> what the policy wants: the ways in which an alert can end. */
export const RULES = {
  shell: "Terminal shell in container",
  miner: "Crypto miner",
  exfil: "Data leaves",
  drift: "Drop and execute new binary",
  look: "Sensitive file opened",
  note: "Packages installed",
  boring: "Nothing that any policy names",
} as const;
export type Kind = keyof typeof RULES;

const rule = (kind: Kind, actions: readonly PolicyAction[], more: Partial<PolicyRule> = {}): PolicyRule => ({
  name: kind,
  match: { rule: [RULES[kind]] },
  actions,
  notify: ["oncall", "chat"],
  mode: "enforce",
  ...more,
});

const rules: readonly PolicyRule[] = [
  rule("shell", [
    of("ecs:tag-task"),
    of("ecs:stop-task", { evidence: "required" }),
    of("kubernetes:label", { params: { labels: { seen: "yes" } } }),
    of("kubernetes:terminate", { params: { grace_period_seconds: 5 } }),
  ]),
  rule("miner", [of("ecs:scale-service-to-zero", { mode: "approve" }), of("kubernetes:quarantine", { params: { expires_after: "20m" } })]),
  rule("exfil", [
    of("ecs:isolate-instance", { params: { security_group: QUARANTINE_GROUP } }),
    of("kubernetes:terminate", { mode: "approve" }),
  ]),
  rule(
    "drift",
    [of("ecs:tag-task", { params: { key: "drift" } }), of("kubernetes:annotation", { params: { annotations: { drift: "yes" } } })],
    { notify: ["oncall"] },
  ),
  rule("look", [of("ecs:stop-task"), of("kubernetes:terminate")], { mode: "observe", notify: ["chat"] }),
  rule("note", [], { notify: ["oncall"] }),
];

/** Small budgets, or they would never say no. */
export const policy: Policy = {
  schema: "falco-responder/policy/1",
  version: "000000000000",
  mode: "enforce",
  maxAgeSeconds: 900,
  protect: {
    clusters: [],
    namespaces: ["kube-system"],
    services: ["pay"],
    families: [],
    priorityClasses: [],
    labels: { "falco-responder/protected": "true" },
  },
  budgets: { windowSeconds: 600, cluster: 8, fleet: 12, owner: 3 },
  recurrence: { times: 2, windowSeconds: 3_600, ladder: [null, of("ecs:scale-service-to-zero", { mode: "approve" })] },
  approvalSeconds: 1_200,
  rules,
  index: {
    exact: Object.fromEntries(rules.map(({ name }, position) => [RULES[name as Kind], [position]])),
    patterns: [],
    any: [],
  },
};

/** Of one seed: budgets that are often spent, or hardly ever. */
export const policyFor = (chance: number): Policy =>
  chance < 0.5
    ? policy
    : { ...policy, budgets: { windowSeconds: 600, cluster: 5, fleet: 6, owner: 2 }, recurrence: { ...policy.recurrence, times: 3 } };

export const registry: Registry = {
  schema: "falco-responder/registry/1",
  account: "111122223333",
  region: "eu-west-1",
  clusters: [ecsCluster, kubeCluster],
  notifications: {
    channels: [
      { name: "oncall", kind: "sns", topicArn: "arn:aws:sns:eu-west-1:111122223333:oncall" },
      { name: "chat", kind: "slack", urlSecret: "ssm:/chat" },
    ],
    system: ["oncall", "chat"],
  },
};
