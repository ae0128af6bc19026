import { describe, expect, test } from "vitest";
import { AUDIT } from "#shared/domain/alert.ts";
import type { ObjectWorkload } from "#shared/domain/workload.ts";
import { type DecideInput, decide } from "#shared/policy/decide.ts";
import { actionOf, alertOf, entryOf, kube, NOW, policyOf, ruleOf } from "./samples.ts";

const remove = actionOf("kubernetes:delete");

const objectOf = (over: Partial<ObjectWorkload> = {}): ObjectWorkload => ({
  kind: "object",
  cluster: "kube",
  uid: "33333333-3333-4333-8333-333333333333",
  owner: null,
  container: null,
  apiVersion: "rbac.authorization.k8s.io/v1",
  resource: "clusterrolebindings",
  namespace: null,
  name: "intruder",
  labels: {},
  annotations: {},
  deleting: false,
  ...over,
});
const podOf = (over: Partial<ObjectWorkload> = {}): ObjectWorkload =>
  objectOf({ apiVersion: "v1", resource: "pods", namespace: "shop", name: "web-1", priorityClass: null, ...over });

const alert = (over: Parameters<typeof alertOf>[0] = {}) => alertOf({ source: AUDIT, containerId: null, fields: {}, ...over });
const question = (workload: ObjectWorkload = objectOf(), over: Partial<DecideInput> = {}): DecideInput => ({
  entry: entryOf({ cluster: "kube", alert: alert() }),
  policy: policyOf([ruleOf({}, { actions: [remove] })], {
    protect: {
      clusters: [],
      namespaces: ["kube-*"],
      services: [],
      families: [],
      priorityClasses: ["system-*"],
      labels: { "falco-responder.io/protected": "true" },
    },
  }),
  rules: [0],
  cluster: kube,
  resolution: { kind: "found", workload, how: "by its uid" },
  nowMs: NOW,
  ...over,
});
const answer = (asked: DecideInput) => decide(asked).map(({ kind, because }) => [kind, because] as const);
const sensor = (pod: string) => ({ sensor: { taskArn: null, ecsCluster: null, ec2InstanceId: null, pod } });

test("an audit alert needs no container id; any other alert of the cluster does", () => {
  expect(answer(question())).toMatchObject([["await-approval", expect.anything()]]);
  const syscall = entryOf({ cluster: "kube", alert: alert({ source: "syscall" }) });
  expect(answer(question(objectOf(), { entry: syscall }))).toMatchObject([["hold", "the alert carries no container id"]]);
});

test("what approval always belongs to waits for a person, though policy, rule and action enforce", () => {
  expect(remove.mode).toBe("enforce");
  expect(answer(question())).toEqual([["await-approval", 'rule "the rule", mode approve']]);
});

describe("everything else still guards", () => {
  const entryWith = (over: Parameters<typeof entryOf>[0]) => entryOf({ cluster: "kube", alert: alert(), ...over });
  test.each<[string, DecideInput, DecideInput, string]>([
    ["a protected namespace", question(podOf({ namespace: "kube-system" })), question(podOf()), "namespace kube-system is protected"],
    [
      "a protecting label",
      question(objectOf({ labels: { "falco-responder.io/protected": "true" } })),
      question(objectOf({ labels: { "falco-responder.io/protected": "false" } })),
      "protects it",
    ],
    [
      "a protecting annotation",
      question(objectOf({ annotations: { "falco-responder.io/protected": "true" } })),
      question(objectOf({ annotations: { other: "true" } })),
      "protects it",
    ],
    [
      "a pod's protected priority class",
      question(podOf({ priorityClass: "system-node-critical" })),
      question(podOf({ priorityClass: "low" })),
      "priority class system-node-critical is protected",
    ],
    [
      "the mirror of a static pod",
      question(podOf({ annotations: { "kubernetes.io/config.mirror": "x" } })),
      question(podOf()),
      "mirrors a static pod",
    ],
    [
      "Falco's own pod",
      question(podOf({ name: "falco-1" }), { entry: entryWith(sensor("falco-1")) }),
      question(podOf({ name: "falco-1" }), { entry: entryWith(sensor("falco-2")) }),
      "Falco's own pod",
    ],
    [
      "a role that the API server makes",
      question(objectOf({ resource: "clusterroles", labels: { "kubernetes.io/bootstrapping": "rbac-defaults" } })),
      question(objectOf({ resource: "clusterroles" })),
      "the cluster's own rights",
    ],
    ["a binding of the system's", question(objectOf({ name: "system:masters" })), question(objectOf()), "the cluster's own rights"],
    [
      "the responder's own binding",
      question(objectOf({ name: "falco-responder-delete" })),
      question(objectOf()),
      "the responder's own rights",
    ],
    [
      "what we did ourselves",
      question(objectOf(), {
        entry: entryWith({ alert: alert({ fields: { "ka.user.name": "system:serviceaccount:falco-responder:falco-responder" } }) }),
      }),
      question(objectOf(), { entry: entryWith({ alert: alert({ fields: { "ka.user.name": "mallory" } }) }) }),
      "falco-responder itself",
    ],
    ["an alert that is old", question(objectOf(), { entry: entryWith({ alert: alert({ timeMs: NOW - 900_001 }) }) }), question(), "s old"],
    [
      "an object that is going",
      question(objectOf(), { resolution: { kind: "gone", workload: objectOf(), because: "the object is already being deleted" } }),
      question(),
      "already being deleted",
    ],
  ])("%s holds, and its twin acts", (_, held, acting, because) => {
    expect(answer(held)).toMatchObject([["hold", expect.stringContaining(because)]]);
    expect(answer(acting)).toMatchObject([["await-approval", expect.anything()]]);
  });
});
