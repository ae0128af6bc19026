import type { FieldValue } from "#shared/domain/alert.ts";
import type { PodFacts } from "#shared/playbooks/kubernetes/facts.ts";
import { hex } from "../../fakes/kubernetes/pod-object.ts";
import { type Case, deleted } from "./run.ts";
import { aimAt, at, HERE, idOf, type Shot, type Stage, THERE } from "./stage.ts";

/** The alert is about the first pod of StatefulSet db, whose name its successor will have. */
function database({ kube, shot }: Stage): PodFacts {
  const db = kube.run({ name: "db-0", uid: DB, node: HERE, controller: kube.controller("StatefulSet", "db"), labels: { app: "db" } });
  aimAt(shot, db);
  return db;
}
const DB = "db000000-0000-4000-8000-000000000001";
const NEXT = "db000000-0000-4000-8000-000000000002";
const databaseDeleted: Case["done"] = () => [deleted({ namespace: "shop", name: "db-0", uid: DB } as PodFacts)];
/** Somebody else deletes it, and its controller makes another of that name. */
const succeeded = ({ kube }: Stage): void => {
  kube.remove({ namespace: "shop", name: "db-0" });
  kube.run({ name: "db-0", uid: NEXT, node: HERE, controller: kube.controller("StatefulSet", "db"), labels: { app: "db" } });
};

/** The name is all that the accused and its innocent successor share. */
export const names: readonly Case[] = [
  {
    name: "name: a StatefulSet's pod was replaced under its name",
    fact: "it was replaced while the alert waited",
    given: (stage) => void database(stage),
    refuse: (stage) => {
      stage.meanwhile = () => succeeded(stage);
    },
    because: /pod shop\/db-0 has no container \S+ now: a successor of that name/,
    done: databaseDeleted,
  },
  {
    name: "name: a StatefulSet's pod was replaced, and the alert has its uid",
    fact: "it was replaced while the alert waited",
    given: (stage) => {
      database(stage);
      stage.shot.fields["k8s.pod.uid"] = DB;
    },
    refuse: (stage) => {
      stage.meanwhile = () => succeeded(stage);
    },
    because: /pod shop\/db-0 is another one now: its uid is not the alert's/,
    done: databaseDeleted,
  },
  {
    name: "name: replaced between the look and the delete",
    fact: "a successor has its name when the delete comes",
    given: (stage) => void database(stage),
    refuse: (stage) => {
      stage.around.before = () => succeeded(stage);
    },
    because: /^refused: another pod has the name: the accused one is gone, and its successor was not touched/,
    spared: () => [`${databaseDeleted(undefined as never)[0]}: conflict`],
    done: databaseDeleted,
  },
  {
    name: "name: gone between the look and the delete",
    fact: "nobody has its name when the delete comes",
    given: (stage) => void database(stage),
    refuse: (stage) => {
      stage.around.before = () => stage.kube.remove({ namespace: "shop", name: "db-0" });
    },
    because: /^skipped: the pod was already gone/,
    spared: () => [`${databaseDeleted(undefined as never)[0]}: gone`],
    done: databaseDeleted,
  },
  {
    name: "name: a pod of that name in another namespace",
    fact: "the namespace that the alert names",
    given: ({ kube }) => void kube.run({ namespace: "bank", name: "web-a", node: HERE }),
    refuse: ({ shot }) => {
      shot.fields["k8s.ns.name"] = "bank";
    },
    because: /pod bank\/web-a has no container/,
  },
  {
    name: "name: another namespace is claimed, and no pod is named",
    fact: "the namespace that the alert names",
    given: ({ shot }) => void delete shot.fields["k8s.pod.name"],
    refuse: ({ shot }) => {
      shot.fields["k8s.ns.name"] = "bank";
    },
    because: /pod shop\/web-a is in another namespace than the alert's/,
  },
  {
    name: "name: another pod is claimed, and no namespace is named",
    fact: "the pod that the alert names",
    given: ({ shot }) => void delete shot.fields["k8s.ns.name"],
    refuse: ({ shot }) => {
      shot.fields["k8s.pod.name"] = "api-a";
    },
    because: /pod shop\/web-a has another name than the alert's/,
  },
];

const id = (name: string, fact: string, value: (stage: Stage) => FieldValue, because: RegExp, given?: Case["given"]): Case => ({
  name: `id: ${name}`,
  fact,
  ...(given === undefined ? {} : { given }),
  refuse: (stage) => {
    stage.shot.fields["container.id"] = value(stage);
  },
  because,
});

/** Nameless: it is looked for by its container id on the node. */
const nameless = ({ shot }: Stage): void => {
  delete shot.fields["k8s.ns.name"];
  delete shot.fields["k8s.pod.name"];
};

/** The kubelet has restarted the container: the alert was about the one before. */
function restarted({ kube, offender }: Stage): void {
  const [container] = offender.containers;
  if (container === undefined) throw new Error("the offender has no container");
  kube.change(offender, { containers: [{ ...container, id: hex("restarted"), lastId: container.id }] });
}

export const ids: readonly Case[] = [
  id("the neighbour's", "container.id", ({ neighbour }) => idOf(neighbour), /pod shop\/web-a has no container/),
  id(
    "the pod's sandbox",
    "container.id",
    () => hex("sandbox").slice(0, 12),
    /a successor of that name, a restarted container or a sandbox/,
  ),
  id("too short to mean one", "container.id", ({ offender }) => idOf(offender, 11), /carries no container id/),
  id("a regular expression", "container.id", () => ".*", /carries no container id/),
  id("none", "container.id", () => null, /carries no container id/),
  id("the host", "container.id", () => "host", /runs on the host/),
  id(
    "the neighbour's, nameless",
    "container.id",
    ({ neighbour }) => idOf(neighbour),
    /no pod on the alert's node has a container/,
    nameless,
  ),
  {
    name: "id: two pods of the node share it",
    fact: "the twelfth digit of the other's",
    given: nameless,
    refuse: (stage) => lookalike(stage, idOf(stage.offender)),
    because: /more than one container begins with/,
    act: (stage) => lookalike(stage, `${idOf(stage.offender, 11)}${idOf(stage.offender).endsWith("0") ? "1" : "0"}`),
  },
  {
    name: "id: only of the container before its restart",
    fact: "the alert says no uid",
    given: restarted,
    refuse: () => undefined,
    because: /had container \S+ before its restart, and the alert says no uid/,
    act: ({ shot, offender }) => {
      shot.fields["k8s.pod.uid"] = offender.uid;
    },
  },
  {
    name: "id: another pod's uid",
    fact: "k8s.pod.uid",
    refuse: ({ shot, neighbour }) => {
      shot.fields["k8s.pod.uid"] = neighbour.uid;
    },
    because: /pod shop\/web-a has another uid than the alert's/,
    act: ({ shot, offender }) => {
      shot.fields["k8s.pod.uid"] = offender.uid;
    },
  },
  {
    name: "id: two fields of the alert disagree about the uid",
    fact: "k8s.pod.id",
    given: ({ shot, offender }) => {
      shot.fields["k8s.pod.uid"] = offender.uid;
    },
    refuse: ({ shot, neighbour }) => {
      shot.fields["k8s.pod.id"] = neighbour.uid;
    },
    because: /the alert's k8s\.pod\.uid and k8s\.pod\.id disagree/,
    act: ({ shot, offender }) => {
      shot.fields["k8s.pod.id"] = offender.uid;
    },
  },
];

/** Another pod on the node whose container's id begins so. */
function lookalike({ kube }: Stage, prefix: string): void {
  kube.run({
    name: "twin",
    node: HERE,
    containers: [{ name: "app", id: prefix.padEnd(64, "f"), lastId: null, image: "x", running: true }],
  });
}

const node = (name: string, fact: string, refuse: (shot: Shot) => void, because: RegExp, more: Partial<Case> = {}): Case => ({
  name: `node: ${name}`,
  fact,
  refuse: ({ shot }) => refuse(shot),
  because,
  ...more,
});

export const nodes: readonly Case[] = [
  node(
    "Falco of another node accuses",
    "hostname",
    (shot) => {
      shot.hostname = THERE;
    },
    /is on node node-1, not where the alert's sensor is/,
  ),
  node(
    "Falco calls itself by its pod's name, and runs elsewhere",
    "its pod",
    (shot) => speakingFor(shot, THERE),
    /is on node node-1, not where the alert's sensor is/,
    { act: ({ shot }) => speakingFor(shot, HERE) },
  ),
  node(
    "a hostname that would be another selector",
    "hostname",
    (shot) => {
      shot.hostname = `${HERE},metadata.name=api-a`;
    },
    /the alert's hostname is no node name/,
    { given: nameless },
  ),
  node(
    "neither pod nor node is known",
    "hostname",
    (shot) => {
      shot.hostname = "";
    },
    /names neither its pod nor its node/,
    {
      given: (stage) => {
        nameless(stage);
        stage.shot.sensor = {};
      },
    },
  ),
];

function speakingFor(shot: Shot, host: string): void {
  shot.hostname = `falco-${host}`;
  shot.sensor = { namespace_name: "falco", pod_name: `falco-${host}` };
}

const hostile = (field: string, text: string, because: RegExp): Case => ({
  name: `text: ${field} ${JSON.stringify(text)}`,
  fact: field,
  refuse: ({ shot }) => {
    shot.fields[field] = text;
  },
  because,
});

/** Whoever runs a pod writes some of what Falco reports: it goes into no path, no selector and no reason. */
export const texts: readonly Case[] = [
  hostile("k8s.pod.name", "../../kube-system/pods/coredns", /^hold: .*k8s\.pod\.name is no pod name$/),
  hostile("k8s.pod.name", "..", /k8s\.pod\.name is no pod name$/),
  hostile("k8s.pod.name", "web-a/status", /k8s\.pod\.name is no pod name$/),
  hostile("k8s.pod.name", "web-a?dryRun=All", /k8s\.pod\.name is no pod name$/),
  hostile("k8s.pod.name", "web%2da", /k8s\.pod\.name is no pod name$/),
  hostile("k8s.pod.name", "web-a\n", /k8s\.pod\.name is no pod name$/),
  hostile("k8s.ns.name", "shop/../kube-system", /k8s\.ns\.name is no namespace name$/),
  hostile("k8s.ns.name", "shop\r\nX-Remote-User: system:admin", /k8s\.ns\.name is no namespace name$/),
  hostile("k8s.pod.uid", '<script>"}', /pod shop\/web-a has another uid than the alert's$/),
];

const time = (name: string, fact: string, change: (stage: Stage) => string | null, because: RegExp): Case => ({
  name: `time: ${name}`,
  fact,
  refuse: (stage) => {
    stage.shot.time = change(stage);
  },
  because,
});

export const times: readonly Case[] = [
  time("a stale alert", "901 s ago", ({ world }) => at(world, -901_000), /901 s old, more than 900 s/),
  time("from the future", "in 121 s", ({ world }) => at(world, 121_000), /in the future/),
  time("none", "absent", () => null, /no time that can be read/),
  {
    name: "time: it grew old in the queue",
    fact: "a quarter of an hour between ingest and respond",
    refuse: (stage) => {
      stage.meanwhile = () => stage.world.later(900_000);
    },
    because: /s old, more than 900 s/,
  },
];
