import { DEPLOYMENT, JOB, POD_DISRUPTION_BUDGET, SERVICE, SERVICE_ACCOUNT } from "#shared/playbooks/kubernetes/kinds.ts";
import { said } from "./effects.ts";
import type { Case } from "./run.ts";
import { type Acts, actionOf, aimAt, asking, HERE, LABELS, protecting, SHOP, type Stage, withRule } from "./stage.ts";
import { cordoned, given } from "./wanted.ts";

const MARK = "falco-responder.io/protected";
const DOOR = { namespace: SHOP, name: "door", uid: "d0000000-0000-4000-8000-000000000001" } as const;
const OTHER = "d0000000-0000-4000-8000-000000000002";

/** The API server's audit log says that somebody made Service door; the policy asks for its delete, which a person must always approve. */
function audited(stage: Stage): void {
  const { kube, shot } = stage;
  kube.put(SERVICE, { metadata: DOOR, spec: { type: "NodePort" } });
  stage.policy = protecting({ labels: { [MARK]: "true" } }, asking("kubernetes:delete"));
  shot.source = "k8s_audit";
  shot.fields = {
    "ka.user.name": "mallory",
    "ka.verb": "create",
    "ka.target.resource": "services",
    "ka.target.name": DOOR.name,
    "ka.target.namespace": DOOR.namespace,
    "jevt.value[/responseObject/metadata/uid]": DOOR.uid,
  };
  stage.afterwards.push(approve, deliver);
}
const approve = async (scene: Acts): Promise<void> => {
  // Where nothing is asked, nobody can say yes.
  if (scene.stage.world.bodies("order").length > 0) await scene.say("approve");
};
const deliver = (scene: Acts): Promise<void> => scene.deliver();
const removed = (): readonly string[] => [said.delete(SERVICE, DOOR)];

const audit = (name: string, fact: string, field: string, value: string | null, because: RegExp): Case => ({
  name: `audit: ${name}`,
  fact,
  given: audited,
  refuse: ({ shot }) => {
    shot.fields[field] = value;
  },
  because,
  done: removed,
});

const UID_FIELD = "jevt.value[/responseObject/metadata/uid]";

export const audits: readonly Case[] = [
  audit("the uid of another object", "the uid", UID_FIELD, OTHER, /Service shop\/door has another uid than the alert's/),
  audit("no uid", "the uid", UID_FIELD, null, /the alert carries no uid of the object/),
  audit("a namespace", "ka.target.resource", "ka.target.resource", "namespaces", /a namespace is never a target/),
  audit(
    "a secret",
    "ka.target.resource",
    "ka.target.resource",
    "secrets",
    /the alert is about a Secret: the responder may not read Secrets, and deletes none/,
  ),
  audit("a path for a name", "ka.target.name", "ka.target.name", "../services/door", /the alert names no object/),
  audit(
    "our own ServiceAccount did it",
    "ka.user.name",
    "ka.user.name",
    "system:serviceaccount:falco-responder:falco-responder",
    /it was falco-responder itself/,
  ),
  audit(
    "our own role did it",
    "ka.user.name",
    "ka.user.name",
    "arn:aws:sts::111122223333:assumed-role/falco-responder-prod-kubernetes/x",
    /it was falco-responder itself/,
  ),
  audit("two fields disagree about the uid", "the other field", "json.value[/responseObject/metadata/uid]", OTHER, /disagree/),
  {
    name: "audit: the object is protected",
    fact: "its label",
    given: audited,
    refuse: ({ kube }) => void kube.put(SERVICE, { metadata: { ...DOOR, labels: { [MARK]: "true" } }, spec: {} }),
    because: /the label falco-responder\.io\/protected protects it/,
    act: ({ kube }) => void kube.put(SERVICE, { metadata: { ...DOOR, labels: { [MARK]: "no" } }, spec: {} }),
    done: removed,
  },
  {
    name: "audit: its namespace is protected",
    fact: "protect.namespaces",
    given: audited,
    refuse: (stage) => {
      stage.policy = protecting({ namespaces: ["sh*p"] }, stage.policy);
    },
    because: /namespace shop is protected/,
    act: (stage) => {
      stage.policy = protecting({ namespaces: ["sh*t"] }, stage.policy);
    },
    done: removed,
  },
  {
    name: "audit: it was replaced after a person approved",
    fact: "its uid",
    given: audited,
    refuse: (stage) => {
      stage.afterwards.splice(1, 0, () => void stage.kube.put(SERVICE, { metadata: { ...DOOR, uid: OTHER }, spec: {} }));
    },
    because: /^skipped: another object has the name: the accused one is gone, and its successor was not touched/,
    done: removed,
  },
  {
    name: "audit: nobody has approved",
    fact: "a person's yes",
    given: audited,
    refuse: (stage) => void stage.afterwards.shift(),
    because: /^await-approval/,
    done: removed,
  },
];

/** The alert is about a pod of this owner. */
const OWNED = { namespace: SHOP, name: "own-0", uid: "0e000000-0000-4000-8000-000000000001" } as const;

const wide = (action: Parameters<typeof asking>[0], params: Parameters<typeof asking>[1] = {}) => given(action, params);
const DRAIN = wide("kubernetes:drain");

const drained = ({ offender, api }: Stage): readonly string[] => [...cordoned(), said.evict(offender), said.evict(api)];

export const widely: readonly Case[] = [
  {
    name: "drain: a disruption budget allows none of the offender's kind",
    fact: "disruptionsAllowed",
    given: DRAIN,
    refuse: (stage) => budget(stage, 0),
    because: /^comes again: 1 pod evicted, 1 pod held by disruption budgets \(shop\/web-a\); node node-1 is cordoned/,
    // Asked again at every delivery, and never forced.
    spared: ({ offender, api }) => {
      const asked = `${said.evict(offender)}: budget`;
      return [...cordoned(), asked, said.evict(api), asked, asked, asked];
    },
    act: (stage) => budget(stage, 1),
    done: drained,
  },
  {
    name: "drain: the last node that takes pods",
    fact: "the other one is cordoned",
    given: DRAIN,
    refuse: ({ kube }) =>
      kube.objects.forEach(({ kind, object }) => {
        if (kind.resource === "nodes" && object.metadata.name !== HERE) kube.put(kind, { ...object, spec: { unschedulable: true } });
      }),
    because: /^refused: no pod could be placed any more/,
    done: drained,
  },
  {
    name: "scale-to-zero: another pod of the owner is protected",
    fact: "its label's value",
    given: (stage) => {
      stage.policy = protecting({ labels: { [MARK]: "true" } }, asking("kubernetes:scale-to-zero"));
    },
    refuse: (stage) => markNeighbour(stage, "true"),
    because: /the label falco-responder\.io\/protected protects it/,
    act: (stage) => markNeighbour(stage, "no"),
    done: scaled,
  },
  {
    name: "scale-to-zero: the owner itself is protected",
    fact: "its label's value",
    given: (stage) => {
      stage.policy = protecting({ labels: { [MARK]: "true" } }, asking("kubernetes:scale-to-zero"));
    },
    refuse: (stage) => markOwner(stage, "true"),
    because: /the label falco-responder\.io\/protected protects it/,
    act: (stage) => markOwner(stage, "no"),
    done: scaled,
  },
  {
    name: "scale-to-zero: a DaemonSet has no count",
    fact: "the owner's kind",
    given: given("kubernetes:scale-to-zero"),
    refuse: ({ kube, shot }) =>
      aimAt(shot, kube.run({ ...OWNED, node: HERE, labels: { app: "own" }, controller: kube.controller("DaemonSet", "own") })),
    because: /^hold: .*DaemonSet/,
    act: ({ kube, shot }) =>
      aimAt(shot, kube.run({ ...OWNED, node: HERE, labels: { app: "own" }, controller: kube.controller("StatefulSet", "own") })),
    done: () => [said.patch({ ...DEPLOYMENT, resource: "statefulsets" }, { namespace: SHOP, name: "own" }, "spec.replicas")],
  },
  {
    name: "suspend: a Deployment's pod has no Job",
    fact: "the owner's kind",
    given: given("kubernetes:suspend"),
    refuse: () => undefined,
    because: /^hold: .*(Job|Deployment)/,
    act: ({ kube, shot }) =>
      aimAt(shot, kube.run({ ...OWNED, node: HERE, labels: { app: "own" }, controller: kube.controller("Job", "own") })),
    done: () => [said.patch(JOB, { namespace: SHOP, name: "own" }, "metadata.annotations", "spec.suspend")],
  },
  {
    name: "revoke-tokens: the namespace's default account, which others use",
    fact: "whose tokens",
    given: given("kubernetes:revoke-tokens"),
    refuse: (stage) => account(stage, "default"),
    because: /^hold: .*default/,
    act: (stage) => account(stage, "own"),
    done: () => [said.delete(SERVICE_ACCOUNT, ACCOUNT), said.create(SERVICE_ACCOUNT, ACCOUNT)],
  },
  {
    name: "wide: a rule that asks for it by hand",
    fact: "the action's mode",
    refuse: (stage) => {
      stage.policy = withRule({ actions: [{ ...actionOf("kubernetes:scale-to-zero"), mode: "approve" }] });
    },
    because: /^await-approval/,
    act: given("kubernetes:scale-to-zero"),
    done: scaled,
  },
];

const ACCOUNT = { namespace: SHOP, name: "own", uid: "5a000000-0000-4000-8000-000000000001" } as const;

function account({ kube, shot }: Stage, name: string): void {
  kube.put(SERVICE_ACCOUNT, { metadata: { ...ACCOUNT, name } });
  aimAt(shot, kube.run({ ...OWNED, node: HERE, serviceAccount: name }));
}
function budget({ kube }: Stage, disruptionsAllowed: number): void {
  kube.put(POD_DISRUPTION_BUDGET, {
    metadata: { name: "web" },
    spec: { selector: { matchLabels: LABELS } },
    status: { disruptionsAllowed },
  });
}
function markNeighbour({ kube, neighbour }: Stage, value: string): void {
  kube.change(neighbour, { labels: { ...LABELS, [MARK]: value } });
}
function markOwner({ kube }: Stage, value: string): void {
  const owner = kube.object(DEPLOYMENT, SHOP, "web");
  if (owner !== null) kube.put(DEPLOYMENT, { ...owner, metadata: { ...owner.metadata, labels: { [MARK]: value } } });
}
function scaled(): readonly string[] {
  return [said.patch(DEPLOYMENT, { namespace: SHOP, name: "web" }, "spec.replicas")];
}
