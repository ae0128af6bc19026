import { ACTION_FACTS, type ActionName } from "#shared/domain/action.ts";
import type { PolicyAction } from "#shared/domain/policy.ts";
import type { ObjectWorkload, PodWorkload, TaskWorkload, Workload } from "#shared/domain/workload.ts";
import { playbooks } from "#shared/playbooks/index.ts";

const verified = { cluster: "sample", owner: { kind: "Sample", name: "sample", uid: null }, labels: {} } as const;
const container = { name: "sample", id: "0123456789ab", image: null } as const;
const CLUSTER = "arn:aws:ecs:us-east-1:111122223333:cluster/sample";
const TASK = "arn:aws:ecs:us-east-1:111122223333:task/sample/0123456789abcdef0123456789abcdef";
const INSTANCE = "arn:aws:ecs:us-east-1:111122223333:container-instance/sample/0123456789abcdef0123456789abcdef";

/** Workloads to which nothing but a wrong parameter can object; of pods a Deployment's, or a Job's. */
const SAMPLES: { readonly task: TaskWorkload; readonly pod: PodWorkload; readonly object: ObjectWorkload } = {
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
    owner: { kind: "Deployment", name: "sample", uid: "00000000-0000-4000-8000-000000000001", apiVersion: "apps/v1" },
    uid: "00000000-0000-4000-8000-000000000000",
    namespace: "sample",
    name: "sample",
    node: "sample",
    phase: "Running",
    annotations: {},
    serviceAccount: "sample",
    priorityClass: null,
    hostNetwork: false,
    mirror: false,
    deleting: false,
  },
  object: {
    ...verified,
    owner: null,
    container: null,
    kind: "object",
    uid: "00000000-0000-4000-8000-000000000000",
    apiVersion: "rbac.authorization.k8s.io/v1",
    resource: "roles",
    namespace: "sample",
    name: "sample",
    annotations: {},
    deleting: false,
  },
};

const JOB_POD: PodWorkload = {
  ...SAMPLES.pod,
  owner: { kind: "Job", name: "sample", uid: "00000000-0000-4000-8000-000000000001", apiVersion: "batch/v1" },
};

const samplesFor = (action: ActionName): readonly [Workload, ...Workload[]] => {
  const { target } = ACTION_FACTS[action];
  if (target === "pod") return [SAMPLES.pod, JOB_POD];
  return [target === "any" ? SAMPLES.task : SAMPLES[target]];
};

/** An action that refuses every target is a mistake wherever a policy names it: people would learn it at 3 a.m. Null: it acts. */
export const neverActs = (action: ActionName): { readonly because: string; readonly instead: string } | null =>
  playbooks[action].never ?? null;

/** What the playbook itself says of these parameters; null: nothing. Asked at package time, so that it is not asked in vain at 3 a.m. */
export function paramsProblem(action: ActionName, params: PolicyAction["params"]): string | null {
  const { subject } = ACTION_FACTS[action];
  if (subject?.from === "alert" && params[subject.param] !== undefined) return `${subject.param} comes from the alert: remove it`;
  // What only an alert can say, as an address of documentation (RFC 5737).
  const asAimed = subject?.from === "alert" ? { ...params, [subject.param]: "192.0.2.1" } : params;
  const [first, ...others] = samplesFor(action);
  const answerFor = (workload: Workload) => playbooks[action].plan(workload, asAimed, { incident: "sample", rule: "sample" });
  const answer = answerFor(first);
  if (answer.kind === "planned" || others.some((one) => answerFor(one).kind === "planned")) return null;
  return answer.because;
}
