import type { PolicyAction } from "#shared/domain/policy.ts";
import { NODE, POD } from "#shared/playbooks/kubernetes/kinds.ts";
import { hex } from "../../fakes/kubernetes/pod-object.ts";
import { policyOf as compiled, registry } from "../../fakes/world.ts";
import { pause } from "./cases-guards.ts";
import { said } from "./effects.ts";
import { type Case, deleted } from "./run.ts";
import { type Acts, actionOf, asking, editMetadata, HERE, LABELS, protecting, type Stage, withRule } from "./stage.ts";
import { CORDON, cordoned, given, ISOLATE, labelled, quarantined, TERMINATE, walled } from "./wanted.ts";

const MARK = "falco-responder.io/protected";
const deliver = (scene: Acts): Promise<void> => scene.deliver();
const wait =
  (ms: number) =>
  ({ stage }: Acts): void =>
    stage.world.later(ms);

/** Another pod has taken the offender's place, under its name. */
export const replaced = ({ kube, offender, owner }: Stage): void => {
  kube.remove(offender);
  kube.run({ name: offender.name, node: HERE, controller: owner, labels: LABELS });
};
const restarted = ({ kube, offender }: Stage): void =>
  kube.change(offender, { containers: offender.containers.map((one) => ({ ...one, id: hex("restarted"), lastId: null })) });

/** The alert asks, a person says yes, something happens, and what was approved is carried out. */
const approval = (
  name: string,
  fact: string,
  refuse: (stage: Stage) => void,
  because: RegExp,
  [action, done]: readonly [PolicyAction["action"], Case["done"]] = [TERMINATE, ({ offender }) => [deleted(offender)]],
): Case => ({
  name: `approved ${action}: ${name}`,
  fact,
  given: (stage) => {
    stage.policy = protecting({ labels: { [MARK]: "true" } }, withRule({ mode: "approve", actions: [actionOf(action)] }));
    stage.afterwards.push((scene) => scene.say("approve"));
  },
  refuse: (stage) => void stage.afterwards.push(() => refuse(stage), deliver),
  because,
  act: (stage) => void stage.afterwards.push(deliver),
  ...(done === undefined ? {} : { done }),
});

export const approvals: readonly Case[] = [
  approval("the pod was replaced meanwhile", "its uid", replaced, /^refused: approved at \S+, and not done: the pod is gone/),
  approval("the container was restarted meanwhile", "its id", restarted, /^refused: approved at \S+, and not done: /),
  approval(
    "the pod was marked since",
    "its label",
    (stage) => editMetadata(stage, { labels: { ...LABELS, [MARK]: "true" } }),
    /^refused: approved at \S+, and not done: the label falco-responder\.io\/protected protects it/,
  ),
  approval(
    "its cluster left the registry",
    "the registry",
    (stage) => {
      stage.registry = { ...registry, clusters: [] };
    },
    /is no longer in falco-responder\.yml/,
  ),
  approval(
    "the policy only observes since",
    "mode",
    (stage) => {
      stage.policy = { ...stage.policy, mode: "observe" };
    },
    /^refused: approved at \S+, and not done: the policy no longer enforces/,
  ),
  approval(
    "the kill switch is on since",
    "paused",
    (stage) => pause(stage, true),
    /^refused: approved at \S+, and not done: the kill switch is on/,
    [ISOLATE, quarantined],
  ),
  {
    name: `approved ${TERMINATE}: too late`,
    fact: "a ms after its time was over",
    given: (stage) => {
      stage.policy = withRule({ mode: "approve" });
    },
    refuse: (stage) => void stage.afterwards.push(wait(compiled().approvalSeconds * 1_000), (scene) => scene.say("approve"), deliver),
    because: /^to the person: nothing of this incident waits for approval/,
    act: (stage) => void stage.afterwards.push(wait(compiled().approvalSeconds * 1_000 - 1), (scene) => scene.say("approve"), deliver),
  },
];

const DAY = 24 * 3_600_000;
const swept = (scene: Acts): Promise<void> => scene.sweep();
const wallTaken = (stage: Stage): string => walled(stage).replace("create", "delete");

/** What the end of a quarantine by time does: the pod never gets its labels back, and the garbage collector takes the policy with it. */
const ended = (stage: Stage): readonly string[] => [...quarantined(stage), deleted(stage.offender)];

export const expiries: readonly Case[] = [
  {
    name: "expiry: a quarantine whose end people are to decide",
    fact: "on_expiry",
    given: (stage) => void stage.afterwards.push(wait(DAY), swept, wait(120_000), swept),
    refuse: given(ISOLATE, { on_expiry: "ask" }),
    because: /^undo refused: its time was over at \S+: a person decides, and it stays as it is until then/,
    spared: quarantined,
    act: given(ISOLATE, { on_expiry: "delete" }),
    done: ended,
  },
  {
    name: "expiry: the kill switch is on when a quarantine's time is over",
    fact: "paused",
    given: given(ISOLATE),
    refuse: (stage) => void stage.afterwards.push(() => pause(stage, true), wait(DAY), swept),
    because: /^order given: its time is over, and the kill switch is on/,
    spared: quarantined,
    act: (stage) => void stage.afterwards.push(() => pause(stage, false), wait(DAY), swept, wait(120_000), swept),
    done: ended,
  },
  {
    name: "expiry: somebody released the pod from quarantine before",
    fact: "our label",
    given: given(ISOLATE),
    refuse: (stage) => void stage.afterwards.push(() => editMetadata(stage, { labels: LABELS }), wait(DAY), swept),
    because: /^undo refused: somebody released the pod from quarantine since: it was not deleted/,
    spared: quarantined,
    act: (stage) => void stage.afterwards.push(wait(DAY), swept, wait(120_000), swept),
    done: ended,
  },
  {
    name: "expiry: a second before its time",
    fact: "the time",
    given: given(ISOLATE, { expires_after: "2h" }),
    refuse: (stage) => void stage.afterwards.push(wait(2 * 3_600_000 - 30_000), swept),
    because: /^order given: \(nothing said\)/,
    spared: quarantined,
    act: (stage) => void stage.afterwards.push(wait(2 * 3_600_000), swept, wait(120_000), swept),
    done: ended,
  },
];

const undo = (scene: Acts): Promise<void> => scene.say("undo");
const released = ({ offender }: Stage): string => said.patch(POD, offender, "metadata.labels", "metadata.annotations");
const uncordoned = (): string => said.patch(NODE, { namespace: null, name: HERE }, "metadata.annotations", "spec.unschedulable");

const undoing = (
  name: string,
  fact: string,
  action: Parameters<typeof asking>,
  refuse: (stage: Stage) => void,
  because: RegExp,
  before: (stage: Stage) => readonly string[],
  back: (stage: Stage) => readonly string[],
  rest: (stage: Stage) => readonly string[] = () => [],
): Case => ({
  name: `undo ${action[0]}: ${name}`,
  fact,
  given: (stage) => {
    stage.policy = asking(...action);
  },
  refuse: (stage) => void stage.afterwards.push(() => refuse(stage), undo, deliver),
  because,
  spared: (stage) => [...before(stage), ...rest(stage)],
  act: (stage) => void stage.afterwards.push(undo, deliver),
  done: (stage) => [...before(stage), ...back(stage)],
});

export const undos: readonly Case[] = [
  undoing(
    "somebody gave the pod labels of their own",
    "its labels",
    [ISOLATE],
    (stage) => editMetadata(stage, { labels: { app: "forensics" } }),
    /^undo refused: not overwritten: label app/,
    quarantined,
    (stage) => [released(stage), wallTaken(stage)],
    (stage) => [said.patch(POD, stage.offender, "metadata.annotations"), wallTaken(stage)],
  ),
  undoing(
    "another pod has the name",
    "its uid",
    [ISOLATE],
    replaced,
    /^undo skipped: the pod is gone, and NetworkPolicy \S+ with it: there is nothing to give back/,
    quarantined,
    (stage) => [released(stage), wallTaken(stage)],
  ),
  undoing(
    "somebody changed the label",
    "its value",
    ["kubernetes:label", { labels: { suspect: "yes" } }],
    (stage) => editMetadata(stage, { labels: { ...LABELS, suspect: "no" } }),
    /^undo refused: /,
    labelled,
    labelled,
  ),
  undoing(
    "somebody else has cordoned the node since",
    "our mark on it",
    [CORDON],
    ({ kube }) => {
      const node = kube.object(NODE, null, HERE);
      if (node !== null) kube.put(NODE, { ...node, metadata: { ...node.metadata, annotations: {} } });
    },
    /^undo refused: node node-1 is cordoned without the mark of this incident: somebody else's, it stands/,
    cordoned,
    () => [uncordoned()],
  ),
];
