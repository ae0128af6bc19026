import { ACTION_FACTS, type ActionName } from "#shared/domain/action.ts";
import type { PolicyAction } from "#shared/domain/policy.ts";
import type { PodWorkload, TaskWorkload } from "#shared/domain/workload.ts";
import { playbooks } from "#shared/playbooks/index.ts";

const verified = { cluster: "sample", owner: { kind: "Sample", name: "sample", uid: null }, labels: {} } as const;
const container = { name: "sample", id: "0123456789ab", image: null } as const;
const CLUSTER = "arn:aws:ecs:us-east-1:111122223333:cluster/sample";
const TASK = "arn:aws:ecs:us-east-1:111122223333:task/sample/0123456789abcdef0123456789abcdef";
const INSTANCE = "arn:aws:ecs:us-east-1:111122223333:container-instance/sample/0123456789abcdef0123456789abcdef";

/** Workloads to which nothing but a wrong parameter can object. */
const SAMPLES: { readonly task: TaskWorkload; readonly pod: PodWorkload } = {
  task: {
    ...verified,
    container,
    kind: "task",
    uid: TASK,
    taskArn: TASK,
    clusterArn: CLUSTER,
    family: "sample",
    revision: "1",
    service: "sample",
    group: "service:sample",
    launchType: "EC2",
    lastStatus: "RUNNING",
    desiredStatus: "RUNNING",
    containerInstanceArn: INSTANCE,
    startedAtMs: null,
  },
  pod: {
    ...verified,
    container,
    kind: "pod",
    uid: "00000000-0000-4000-8000-000000000000",
    namespace: "sample",
    name: "sample",
    node: null,
    phase: "Running",
    annotations: {},
    serviceAccount: null,
    priorityClass: null,
    hostNetwork: false,
    mirror: false,
    deleting: false,
  },
};

/** An action that refuses every target is a mistake wherever a policy names it: people would learn it at 3 a.m. Null: it acts. */
export const neverActs = (action: ActionName): { readonly because: string; readonly instead: string } | null =>
  playbooks[action].never ?? null;

/** What the playbook itself says of these parameters; null: nothing. Asked at package time, so that it is not asked in vain at 3 a.m. */
export function paramsProblem(action: ActionName, params: PolicyAction["params"]): string | null {
  const planning = playbooks[action].plan(SAMPLES[ACTION_FACTS[action].target === "pod" ? "pod" : "task"], params, {
    incident: "sample",
    rule: "sample",
  });
  return planning.kind === "refused" ? planning.because : null;
}
