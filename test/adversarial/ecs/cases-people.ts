import type { PolicyAction } from "#shared/domain/policy.ts";
import { pack } from "#shared/ledger/items.ts";
import { SWITCH } from "#shared/ledger/keys.ts";
import { policyOf, registry } from "../../fakes/world.ts";
import { said } from "./effects.ts";
import type { Case } from "./run.ts";
import { type Acts, actionOf, asking, protecting, QUARANTINE, type Stage, withRule } from "./stage.ts";
import { change, DRAIN, drained, given, ISOLATE, isolated, MARK, REVOKE, SCALE, scaled } from "./wanted.ts";

const approving = (action: PolicyAction["action"], params: PolicyAction["params"] = {}) =>
  withRule({ mode: "approve", actions: [actionOf(action, params)] });

/** The alert asks, a person says yes, something happens, and what was approved is carried out. */
const approval = (
  name: string,
  fact: string,
  [action, params, done]: readonly [PolicyAction["action"], PolicyAction["params"], Case["done"]],
  refuse: (stage: Stage) => void,
  because: RegExp,
): Case => ({
  name: `approved ${action}: ${name}`,
  fact,
  given: (stage) => {
    stage.policy = protecting({ labels: { [MARK]: "true" } }, approving(action, params));
    stage.afterwards.push((scene) => scene.say("approve"));
  },
  refuse: (stage) => void stage.afterwards.push(() => refuse(stage), deliver),
  because,
  act: (stage) => void stage.afterwards.push(deliver),
  ...(done === undefined ? {} : { done }),
});

const deliver = (scene: Acts): Promise<void> => scene.deliver();

const STOP = ["ecs:stop-task", {}, undefined] as const;
const TO_ZERO = [SCALE, {}, scaled] as const;

const replaced = ({ world, here, offender }: Stage): void => {
  world.ecs.forget(offender.taskArn);
  world.ecs.run({ family: "web", containerInstanceArn: here, group: "service:web" });
};
const restarted = ({ world, offender }: Stage): void =>
  world.ecs.change(offender.taskArn, { containers: offender.containers.map((one) => ({ ...one, runtimeId: "b".repeat(64) })) });
const marked = (service: string) => (stage: Stage) => change(stage, service, { tags: { [MARK]: "true" } });
const spared = (services: readonly string[]) => (stage: Stage) => {
  stage.policy = protecting({ services }, stage.policy);
};

export const approvals: readonly Case[] = [
  approval(
    "the target was replaced meanwhile",
    "ECS has another task there",
    STOP,
    replaced,
    /^refused: approved at \S+, and not done: ECS no longer/,
  ),
  approval(
    "the container was restarted meanwhile",
    "its runtimeId",
    STOP,
    restarted,
    /^refused: approved at \S+, and not done: ECS no longer/,
  ),
  approval(
    "its service is protected since",
    "protect.services",
    STOP,
    spared(["web"]),
    /^refused: approved at \S+, and not done: service web is/,
  ),
  approval(
    "its service is protected since",
    "protect.services",
    TO_ZERO,
    spared(["web"]),
    /^refused: approved at \S+, and not done: service web is/,
  ),
  approval("its service was marked since", "the service's tag", TO_ZERO, marked("web"), /the label falco-responder\/protected protects it/),
  {
    ...approval(
      "its service was marked since, and the offender is gone",
      "the service's tag",
      TO_ZERO,
      (stage) => {
        replaced(stage);
        marked("web")(stage);
      },
      /the label falco-responder\/protected protects it/,
    ),
    act: (stage) => void stage.afterwards.push(() => replaced(stage), deliver),
  },
  approval("a neighbour was marked since", "its service's tag", [DRAIN, {}, drained], marked("api"), /^refused: 1 protected task/),
  approval(
    "a neighbour is protected since",
    "protect.services",
    [ISOLATE, { security_group: QUARANTINE }, isolated],
    spared(["api"]),
    /^refused: 1 protected task/,
  ),
  approval(
    "its cluster left the registry",
    "the registry",
    [REVOKE, {}, () => [said.putPolicy("web-task")]],
    (stage) => {
      stage.registry = { ...registry, clusters: [] };
    },
    /^refused: approved at \S+, and not done: cluster shop-prod is no longer in falco-responder.yml/,
  ),
  approval(
    "the policy only observes since",
    "mode",
    STOP,
    (stage) => {
      stage.policy = { ...stage.policy, mode: "observe" };
    },
    /^refused: approved at \S+, and not done: the policy no longer enforces/,
  ),
  approval(
    "the kill switch is on since",
    "paused",
    STOP,
    ({ world }) => world.table.seed({ ...pack(SWITCH, "budget", 1, 0, {}), type: "switch", paused: true }),
    /^refused: approved at \S+, and not done: the kill switch is on/,
  ),
  {
    name: "approved ecs:stop-task: too late",
    fact: "a ms after its time was over",
    given: (stage) => {
      stage.policy = approving("ecs:stop-task");
    },
    refuse: (stage) => void stage.afterwards.push(wait(policyOf().approvalSeconds * 1_000), (scene) => scene.say("approve"), deliver),
    because: /^to the person: nothing of this incident waits for approval/,
    act: (stage) => void stage.afterwards.push(wait(policyOf().approvalSeconds * 1_000 - 1), (scene) => scene.say("approve"), deliver),
  },
  {
    name: "approved ecs:stop-task: somebody else",
    fact: "whom the person names",
    given: (stage) => {
      stage.policy = approving("ecs:stop-task");
    },
    refuse: (stage) => void stage.afterwards.push((scene) => scene.say("approve", { target: stage.neighbour.taskArn }), deliver),
    because: /^to the person: nothing fits/,
    act: (stage) => void stage.afterwards.push((scene) => scene.say("approve", { target: stage.offender.taskArn }), deliver),
  },
  {
    name: "approved ecs:stop-task: nobody has",
    fact: "a message in the lane, and no yes in the ledger",
    given: (stage) => {
      stage.policy = approving("ecs:stop-task");
    },
    refuse: (stage) => void stage.afterwards.push((scene) => lieInLane(scene), deliver),
    because: /^the order is awaiting$/,
    act: (stage) => void stage.afterwards.push((scene) => scene.say("approve"), deliver),
  },
  {
    name: "handed over: protected before the other lane gets it",
    fact: "protect.services",
    given: given(ISOLATE, { security_group: QUARANTINE }),
    refuse: (stage) => {
      stage.handingOver = () => spared(["web"])(stage);
    },
    because: /service web is protected/,
    act: (stage) => {
      stage.handingOver = () => spared(["webs"])(stage);
    },
    done: isolated,
  },
];

function wait(ms: number): (scene: Acts) => void {
  return ({ stage }) => stage.world.later(ms);
}

/** Whoever could write to the lane's queue has no say: what counts stands in the ledger. */
function lieInLane(scene: Acts): void {
  const { table, orders } = scene.stage.world;
  const incident = scene.incident();
  const [{ sk: item } = { sk: "" }] = table.ofType("order");
  const [alert] = scene.stage.world.bodies<{ readonly alert: { readonly id: string } }>("alert");
  const schema = "falco-responder/order/1";
  const lie = { lane: "ecs", group: "g" } as const;
  orders.push({ ...lie, order: { schema, kind: "order", incident, item }, dedup: "1" });
  orders.push({ ...lie, order: { schema, kind: "act", incident, alert: alert?.alert.id ?? "" }, dedup: "2" });
}

/** The action is done; something happens; a person takes it back. */
const undoing = (
  action: PolicyAction["action"],
  params: PolicyAction["params"],
  name: string,
  refuse: (stage: Stage) => void,
  because: RegExp,
  before: (stage: Stage) => readonly string[],
  back: (stage: Stage) => readonly string[],
  laterMs = 0,
): Case => ({
  name: `undo ${action}: ${name}`,
  fact: "what happened since",
  given: (stage) => {
    stage.policy = asking(action, params);
    stage.afterwards.push(wait(laterMs));
  },
  refuse: (stage) =>
    void stage.afterwards.push(
      () => refuse(stage),
      (scene) => scene.say("undo"),
      deliver,
    ),
  because,
  spared: before,
  act: (stage) => void stage.afterwards.push((scene) => scene.say("undo"), deliver),
  done: (stage) => [...before(stage), ...back(stage)],
});

const HALF_A_DAY = 12 * 3_600_000;
const POLICY = "falco-responder-revoke-sessions";
const KEY = "falco-responder/incident";
const revoked = (): readonly string[] => [said.putPolicy("web-task")];

export const undos: readonly Case[] = [
  undoing(
    SCALE,
    {},
    "somebody scaled the service",
    ({ world }) => void world.aws.services.setDesiredCount("web", 5),
    /^undo refused: not overwritten: somebody set the desired count to 5/,
    scaled,
    () => [said.setDesiredCount("web", 2)],
  ),
  undoing(
    SCALE,
    {},
    "the service is being deleted",
    (stage) => change(stage, "web", { status: "DRAINING" }),
    /^undo refused: service web is DRAINING/,
    scaled,
    () => [said.setDesiredCount("web", 2)],
  ),
  undoing(
    ISOLATE,
    { security_group: QUARANTINE },
    "somebody gave the machine another group",
    ({ world, interfaceId }) => world.aws.network.regroup(interfaceId, ["sg-00000000000000002"]),
    /^undo refused: not overwritten: .* has other groups than we gave it/,
    isolated,
    ({ interfaceId }) => [said.setGroups(interfaceId, ["sg-00000000000000001"])],
  ),
  undoing(
    DRAIN,
    {},
    "the machine is being deregistered",
    ({ world, here }) => {
      world.aws.instances.at(here).status = "DEREGISTERING";
    },
    /^undo refused: the container instance is DEREGISTERING/,
    drained,
    ({ here }) => [said.setStatus(here, "ACTIVE")],
  ),
  undoing(
    REVOKE,
    {},
    "somebody wrote into our policy",
    ({ world }) => void world.aws.roles.policies("web-task").set(POLICY, '{"Statement":[]}'),
    /^undo refused: policy .* is not as we wrote it/,
    revoked,
    () => [said.deletePolicy("web-task")],
    HALF_A_DAY,
  ),
  {
    name: `undo ${REVOKE}: stolen sessions may still last`,
    fact: "a minute less than twelve hours",
    given: given(REVOKE),
    refuse: (stage) => void stage.afterwards.push(wait(HALF_A_DAY - 60_000), (scene) => scene.say("undo"), deliver),
    because: /^undo requested: revoked sessions of role web-task may last until/,
    spared: revoked,
    act: (stage) => void stage.afterwards.push(wait(HALF_A_DAY), (scene) => scene.say("undo"), deliver),
    done: () => [...revoked(), said.deletePolicy("web-task")],
  },
  undoing(
    "ecs:tag-task",
    {},
    "somebody changed the tag",
    ({ world, offender }) => world.ecs.change(offender.taskArn, { tags: { [KEY]: "mine" } }),
    /^undo refused: somebody changed the tag/,
    ({ offender }) => [said.tag(offender.taskArn, KEY)],
    ({ offender }) => [said.untag(offender.taskArn, KEY)],
  ),
  undoing(
    "ecs:protect-task",
    { minutes: 60 },
    "somebody protected the task for longer",
    ({ world, offender }) => void world.aws.marks.protect(offender.taskArn, 600),
    /^undo refused: the task is protected until .* not as we set it/,
    ({ offender }) => [said.protect(offender.taskArn, 60)],
    ({ offender }) => [said.protect(offender.taskArn, null)],
  ),
  undoing(
    SCALE,
    {},
    "its cluster left the registry",
    (stage) => {
      stage.registry = { ...registry, clusters: [] };
    },
    /^order carried: cluster shop-prod is no longer in falco-responder.yml/,
    scaled,
    () => [said.setDesiredCount("web", 2)],
  ),
];
