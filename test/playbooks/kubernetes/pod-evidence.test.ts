import { expect, test } from "vitest";
import { PipelineError } from "#shared/domain/error.ts";
import { podEvidence, podEvidenceNeeds } from "#shared/playbooks/kubernetes/evidence.ts";
import { DEPLOYMENT, EVENT, NODE, POD } from "#shared/playbooks/kubernetes/kinds.ts";
import { withoutSecrets } from "#shared/playbooks/kubernetes/without-secrets.ts";
import type { KubeObject } from "#shared/ports/kubernetes.ts";
import { grantsOf, said } from "../../../infra/rbac/rules.ts";
import { never } from "../builders.ts";
import { NodeStage } from "./node-stage.ts";
import { LABELS, NAMESPACE, NODE_NAME, UID } from "./traffic-stage.ts";

const noHurry = new AbortController().signal;
const gather = (stage: NodeStage, bound = noHurry) => podEvidence(stage.workload(), stage.reach, never, bound);

/** What must not be found again, wherever it was planted. */
const SECRET = "Hunter2Hunter2x";
const NAMED = `DB_PASSWORD=${SECRET}`;

test("what is kept of a pod is the pod, its node, its owners, its events, its logs and the policies that select it", async () => {
  const stage = new NodeStage();
  stage.kube.log({ namespace: NAMESPACE, name: "web-1" }, "app", "a line");
  stage.policy("shop-only", { podSelector: { matchLabels: { app: "web" } } });
  stage.policy("of-others", { podSelector: { matchLabels: { app: "other" } } });
  const event = (name: string, uid: string, message: string, lastTimestamp: string) =>
    stage.kube.put(EVENT, {
      metadata: { name },
      involvedObject: { uid },
      message,
      reason: "Started",
      type: "Normal",
      count: 2,
      lastTimestamp,
    } as never);
  event("a", UID, "older", "2026-03-01T11:00:00Z");
  event("b", UID, `newer, ${NAMED}`, "2026-03-01T11:30:00Z");
  event("c", "a-former-pod", "of another pod of that name", "2026-03-01T10:00:00Z");
  const kept = await gather(stage);
  expect(kept).toMatchObject({
    pod: { metadata: { uid: UID, labels: LABELS }, spec: { nodeName: NODE_NAME } },
    node: { metadata: { name: NODE_NAME } },
    owners: [{ metadata: { name: "web-5d4f" } }, { metadata: { name: "web" } }],
    logs: [{ container: "app", previous: false, text: "a line", cut: false }],
    serviceAccount: "default",
    networkPolicies: ["shop-only"],
    missing: [],
  });
  expect(kept.events.map(({ message, reason, count }) => ({ message, reason, count }))).toEqual([
    { message: "newer, DB_PASSWORD=[redacted]", reason: "Started", count: 2 },
    { message: "older", reason: "Started", count: 2 },
  ]);
  expect(
    [...new Set(stage.rights)].every((right) =>
      podEvidenceNeeds.rbac.some((rule) => grantsOf([rule]).map(said).includes(right.replace(" /", " "))),
    ),
  ).toBe(true);
});

test("every right that it declares is used by a pod of some owner, and no other", async () => {
  const used = new Set<string>();
  for (const owner of [
    (stage: NodeStage) => stage.kube.deployment("one"),
    (stage: NodeStage) => stage.kube.cronJob("two"),
    (stage: NodeStage) => stage.kube.controller("StatefulSet", "three"),
    (stage: NodeStage) => stage.kube.controller("DaemonSet", "four"),
  ]) {
    const stage = new NodeStage();
    stage.remove(POD, "web-1");
    stage.run({ name: "web-1", uid: UID, controller: owner(stage) });
    await gather(stage);
    for (const right of stage.rights) used.add(right.replace(" /", " "));
  }
  expect([...used].toSorted()).toEqual([...new Set(grantsOf(podEvidenceNeeds.rbac).map(said))].toSorted());
});

const secretive = (metadata: object = {}): KubeObject => ({
  metadata: {
    name: "web-1",
    namespace: NAMESPACE,
    uid: UID,
    resourceVersion: "1",
    labels: LABELS,
    annotations: {
      "kubectl.kubernetes.io/last-applied-configuration": `{"env":[{"value":"${SECRET}"}]}`,
      "objectset.rio.cattle.io/applied": SECRET,
      "tool.example/whole": `${"x".repeat(600)}${SECRET}`,
      "vault.example/token": SECRET,
      "note.example/said": `run with ${NAMED} please`,
      "note.example/plain": "team web",
    },
    managedFields: [{ manager: SECRET }],
    ...metadata,
  } as KubeObject["metadata"],
  spec: {
    nodeName: NODE_NAME,
    volumes: [
      { name: "s", secret: { secretName: "db-password" } },
      { name: "c", csi: { driver: "files.example", volumeAttributes: { accountKey: SECRET, share: "web" } } },
    ],
    containers: [
      {
        name: "app",
        image: "registry.test/web@sha256:aa",
        command: ["/bin/app", "--password", SECRET, "--listen", ":80"],
        args: [`--token=${SECRET}`, "--verbose"],
        env: [
          { name: "MODE", value: SECRET },
          { name: "FROM", valueFrom: { secretKeyRef: { name: "db", key: "password" } } },
        ],
        envFrom: [{ secretRef: { name: "all-of-it" } }],
        livenessProbe: {
          httpGet: { path: "/healthz", httpHeaders: [{ name: "X-Probe", value: SECRET }] },
          exec: { command: ["sh", "-c", `curl -u admin:${SECRET} http://localhost`] },
        },
      },
    ],
  },
  status: {
    containerStatuses: [
      { name: "app", containerID: `containerd://${"c".repeat(64)}`, lastState: { terminated: { message: `died: ${NAMED}` } } },
    ],
  },
});

test("no secret that is planted in environment, arguments, annotations, headers, volumes, status, node or owners is in it", async () => {
  const stage = new NodeStage();
  const { spec, status, metadata } = secretive();
  stage.edit((pod) => ({ spec, status, metadata: { ...metadata, uid: UID, ownerReferences: pod.metadata.ownerReferences } }));
  stage.touch(() => ({ annotations: { "cloud.example/api-key": SECRET } }));
  stage.change(DEPLOYMENT, "web", () => ({ spec: { replicas: 2, template: { metadata, spec } } }));
  const kept = await gather(stage);
  expect(kept.missing).toEqual(["log of app: nothing is there"]);
  expect(JSON.stringify(kept)).not.toContain(SECRET);
});

test("what is no secret stays: names, where values come from, commands, labels, ids", () => {
  const kept = withoutSecrets(secretive()) as KubeObject;
  expect(kept).toMatchObject({
    metadata: {
      labels: LABELS,
      annotations: {
        "kubectl.kubernetes.io/last-applied-configuration": expect.stringMatching(/^\[not kept\] \(\d+ characters\)$/),
        "note.example/said": "run with DB_PASSWORD=[redacted] please",
        "note.example/plain": "team web",
      },
    },
    spec: {
      volumes: [{ secret: { secretName: "db-password" } }, { csi: { volumeAttributes: { share: "web" } } }],
      containers: [
        {
          name: "app",
          image: "registry.test/web@sha256:aa",
          command: "/bin/app --password [redacted] --listen :80",
          args: "--token=[redacted] --verbose",
          env: [
            { name: "MODE", value: "[not kept]" },
            { name: "FROM", valueFrom: { secretKeyRef: { name: "db", key: "password" } } },
          ],
          envFrom: [{ secretRef: { name: "all-of-it" } }],
          livenessProbe: { httpGet: { path: "/healthz", httpHeaders: [{ name: "X-Probe", value: "[not kept]" }] } },
        },
      ],
    },
    status: { containerStatuses: [{ containerID: `containerd://${"c".repeat(64)}` }] },
  });
  expect(kept.metadata).not.toHaveProperty("managedFields");
});

test("an object that its owner made too large costs the rest nothing", async () => {
  const stage = new NodeStage();
  const args = Array.from({ length: 200 }, (_, n) => ({ name: `c${n}`, args: ["word ".repeat(300)] }));
  stage.edit(({ spec }) => ({ spec: { ...spec, initContainers: args } }));
  const kept = await gather(stage);
  expect(kept.pod).toEqual({ metadata: expect.objectContaining({ name: "web-1", uid: UID }) });
  expect(kept.missing).toContainEqual(expect.stringMatching(/^pod: \d+ characters, more than 100000$/));
  expect(kept.node).toMatchObject({ metadata: { name: NODE_NAME } });
  expect(JSON.stringify(kept).length).toBeLessThan(500_000);
});

test("a log of control characters is not longer than others, and its newest lines are kept", async () => {
  const stage = new NodeStage();
  const lines = Array.from({ length: 90 }, (_, n) => `${n} ${"\u0001".repeat(2_000)}`);
  stage.kube.log({ namespace: NAMESPACE, name: "web-1" }, "app", lines.join("\n"));
  const [log] = (await gather(stage)).logs;
  expect(log?.cut).toBe(true);
  expect(log?.text.endsWith(lines.at(-1) ?? "")).toBe(true);
  expect(JSON.stringify(log).length).toBeLessThan(310_000);
  stage.kube.log({ namespace: NAMESPACE, name: "web-1" }, "app", "\u0001".repeat(250_000));
  const [line] = (await gather(stage)).logs;
  expect(line?.text.length).toBeGreaterThan(10_000);
  expect(JSON.stringify(line).length).toBeLessThan(310_000);
});

test("each part is missing by itself, with its reason", async () => {
  const stage = new NodeStage();
  const list = stage.kube.list.bind(stage.kube);
  stage.kube.list = (kind, where) =>
    kind === EVENT ? Promise.reject(new PipelineError("kube_forbidden", "no events")) : list(kind, where);
  stage.kube.fail("logs", new PipelineError("kube_unreachable", "no kubelet"));
  stage.remove(NODE, NODE_NAME);
  const kept = await gather(stage);
  expect(kept).toMatchObject({ pod: { metadata: { uid: UID } }, node: null, events: [], logs: [], networkPolicies: [] });
  expect(kept.missing.toSorted()).toEqual(["events: no events", "log of app: no kubelet"]);
});

test("what does not answer within the bound is missing, the rest is kept, and nobody's call is called off", async () => {
  const stage = new NodeStage();
  stage.kube.log({ namespace: NAMESPACE, name: "web-1" }, "app", "a line");
  const hurry = new AbortController();
  const list = stage.kube.list.bind(stage.kube);
  stage.kube.list = (kind, where) => {
    if (kind !== EVENT) return list(kind, where);
    setTimeout(() => hurry.abort(new Error("its time is over")), 20);
    return new Promise(() => undefined);
  };
  const kept = await gather(stage, hurry.signal);
  expect(kept).toMatchObject({ pod: { metadata: { uid: UID } }, logs: [{ text: "a line" }], events: [] });
  expect(kept.missing).toEqual(["events: its time is over"]);
});

test("logs of a successor of its name are not the offender's", async () => {
  const stage = new NodeStage();
  stage.kube.log({ namespace: NAMESPACE, name: "web-1" }, "app", "a line");
  const read = stage.kube.logs.bind(stage.kube);
  stage.kube.logs = (at, options) => {
    stage.edit(({ metadata }) => ({ metadata: { ...metadata, uid: "another" } }));
    return read(at, options);
  };
  const workload = stage.workload();
  const kept = await podEvidence(workload, stage.reach, never, noHurry);
  expect(kept.logs).toEqual([]);
  expect(kept.missing).toEqual(["logs: the pod went while they were read"]);
});

test("a pod that is gone, and a server that cannot be reached, are said", async () => {
  const stage = new NodeStage();
  const workload = stage.workload();
  stage.remove(POD, "web-1");
  expect(await podEvidence(workload, stage.reach, never, noHurry)).toMatchObject({ pod: null, missing: ["pod: it is gone"] });
  stage.kube.fail("get", new PipelineError("kube_unreachable", "away"));
  const later = new AbortController().signal;
  expect(await podEvidence(workload, stage.reach, later, noHurry)).toMatchObject({ pod: null, missing: ["pod: away"] });
});

test("a bug of ours is not taken for something missing", async () => {
  const stage = new NodeStage();
  stage.kube.fail("list", new TypeError("a bug"));
  await expect(gather(stage)).rejects.toThrow("a bug");
});
