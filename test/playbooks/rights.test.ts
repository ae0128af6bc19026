import { expect, test } from "vitest";
import { LANES } from "#shared/domain/action.ts";
import { sensorNeeds } from "#shared/pipeline/sweep/nodes.ts";
import { evidenceNeeds } from "#shared/playbooks/ecs/evidence.ts";
import { lookAtTaskNeeds, resolveTaskNeeds } from "#shared/playbooks/ecs/resolve.ts";
import { playbooks } from "#shared/playbooks/index.ts";
import { resolvePodNeeds } from "#shared/playbooks/kubernetes/resolve.ts";
import type { Needs, Right } from "#shared/playbooks/playbook.ts";
import { clusterRights } from "../../infra/ecs-rights.ts";
import { rightsOfLane, rightsToLook } from "../../infra/needs.ts";
import { ecsCluster } from "./builders.ts";

const around = [resolveTaskNeeds, lookAtTaskNeeds, resolvePodNeeds, evidenceNeeds];
const needs: readonly Needs[] = [...around, ...Object.values(playbooks).map((playbook) => playbook.needs)];

const scope = {
  clusters: [{ ...ecsCluster, taskRoles: ["shop-*"], taskLogGroups: ["/ecs/shop"] }],
  userFunctions: ["arn:aws:lambda:eu-west-1:111122223333:function:hook"],
  ownRoles: ["111122223333:role/falco-responder*"],
};
const allowsOf = (rights: readonly Right[]) => clusterRights(rights, scope).filter(({ Effect }) => Effect === "Allow");
const declared = needs
  .flatMap(({ iam, look }) => [...iam, ...look])
  .flatMap(({ actions, on }) => actions.map((action) => ({ action, on })));
const distinct = [...new Map(declared.map((right) => [`${right.action} on ${right.on}`, right])).entries()];

/** How AWS writes each kind; the others have no resource of their own. */
const ARNS: Readonly<Record<Right["on"], RegExp>> = {
  cluster: /:ecs:eu-west-1:111122223333:cluster\/shop"/,
  "container-instance": /:ecs:eu-west-1:111122223333:container-instance\/shop\/\*"/,
  service: /:ecs:eu-west-1:111122223333:service\/shop\/\*"/,
  task: /:ecs:eu-west-1:111122223333:task\/shop\/\*"/,
  "task-definition": /^"\*"$/,
  "any-interface": /^"\*"$/,
  "scalable-target": /:application-autoscaling:eu-west-1:111122223333:scalable-target\/\*"/,
  "network-interface": /:ec2:eu-west-1:111122223333:network-interface\/\*"/,
  "security-group": /:ec2:eu-west-1:111122223333:security-group\/\*"/,
  "task-role": /:iam::111122223333:role\/shop-\*"/,
  "task-log-group": /:logs:eu-west-1:111122223333:log-group:\/ecs\/shop:log-stream:\*"/,
  "user-function": /"arn:aws:lambda:eu-west-1:111122223333:function:hook"/,
};
/** Narrower is not to be had: infra/ecs-rights.ts says why. */
const ON_ANYTHING = ["application-autoscaling:DescribeScalableTargets", "ecs:ListTasks"];

test.each(distinct)("%s is granted there and nowhere else", (_name, { action, on }) => {
  const statements = allowsOf([{ actions: [action], on }]);
  expect(statements).toHaveLength(1);
  const [{ Action, Resource, Condition } = {}] = statements;
  expect(Action).toEqual([action]);
  const shown = [Resource].flat().map((resource) => JSON.stringify(resource));
  expect(shown).toHaveLength(1);
  if (ON_ANYTHING.includes(action)) {
    expect(shown).toEqual(['"*"']);
    expect(JSON.stringify(Condition)).toMatch(/"ecs:cluster"|"aws:RequestedRegion"/);
  } else {
    expect(shown[0]).toMatch(ARNS[on]);
  }
});

test("each lane has the rights that stand beside its playbooks, and no more", () => {
  const names = (rights: readonly Right[]) => [...new Set(rights.flatMap(({ actions }) => actions))].toSorted();
  for (const lane of LANES) {
    const rights = rightsOfLane(lane);
    expect(
      allowsOf(rights)
        .flatMap(({ Action }) => Action)
        .toSorted(),
    ).toEqual(names(rights));
  }
  const ofLanes = LANES.flatMap((lane) => names(rightsOfLane(lane)));
  expect([...new Set(ofLanes)].toSorted()).toEqual([...new Set(declared.map(({ action }) => action))].toSorted());
  // What is verified late is verified by the lane before; which nodes there are only sweep asks.
  expect([...ofLanes, ...names(sensorNeeds.look)]).toEqual(expect.arrayContaining([...names(rightsToLook)]));
});

test("what changes roles or machines is in the wide lane only, and what stops services is not in it", () => {
  const lanesWith = (action: string) => LANES.filter((lane) => rightsOfLane(lane).some(({ actions }) => actions.includes(action)));
  for (const action of ["iam:PutRolePolicy", "iam:DeleteRolePolicy", "ec2:ModifyNetworkInterfaceAttribute"])
    expect(lanesWith(action)).toEqual(["wide"]);
  for (const action of ["ecs:UpdateService", "ecs:UpdateContainerInstancesState", "ecs:TagResource"])
    expect(lanesWith(action)).toEqual(["ecs"]);
  expect(lanesWith("lambda:InvokeFunction")).toEqual(["ecs", "kubernetes"]);
});

test("sweep looks and changes nothing", () => {
  const names = rightsToLook.flatMap(({ actions }) => actions);
  expect(names.length).toBeGreaterThan(0);
  expect(names.filter((name) => !/:(Describe|Get|List)/.test(name))).toEqual([]);
});

test("a right whose scope nobody has thought of is refused, not granted on everything", () => {
  expect(() => clusterRights([{ actions: ["ec2:TerminateInstances"], on: "any-interface" }], scope)).toThrow("ec2:TerminateInstances");
  expect(() => clusterRights([{ actions: ["ec2:DescribeNetworkInterfaces"], on: "any-interface" }], scope)).not.toThrow();
});
