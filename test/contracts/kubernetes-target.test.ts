import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AUDIT } from "#shared/domain/alert.ts";
import type { Resolution } from "#shared/domain/workload.ts";
import { look, resolve } from "#shared/playbooks/index.ts";
import { podFacts } from "#shared/playbooks/kubernetes/facts.ts";
import * as kinds from "#shared/playbooks/kubernetes/kinds.ts";
import { OBJECT_KINDS } from "#shared/playbooks/kubernetes/resolve-object.ts";
import type { KubernetesApi } from "#shared/ports/kubernetes.ts";
import { type Accusation, entry, found, testClock } from "../playbooks/builders.ts";
import { leastOf } from "./kube-least.ts";
import { OWNERS, type OwnerKind, podOf } from "./kube-owners.ts";
import { type KubeStage, openKubeStage } from "./kube-stage.ts";
import { NOBODY, signal } from "./kubernetes-world.ts";
import { openTestKube, type TestKube } from "./test-kube.ts";

const file = process.env["FALCO_RESPONDER_TEST_KUBE"];

/** What a person calls the owner of a pod of each. */
const TOP: Partial<Readonly<Record<OwnerKind, string>>> = { foreign: "ConfigMap", static: "Node" };

/** Whom an alert accuses, found on the real API server by the responder, with the rights that are shipped and no more. */
describe.skipIf(file === undefined)("targets on the real API server under the shipped RBAC", () => {
  const namespace = `target-${process.pid}`;
  let stage: KubeStage;
  let node: string;
  let admin: KubernetesApi;
  beforeAll(async () => {
    stage = openKubeStage(file ?? "");
    const kube = JSON.parse(readFileSync(file ?? "", "utf8")) as TestKube;
    admin = openTestKube(kube, kube.adminToken);
    await stage.namespace(namespace);
    node = await stage.node(`${namespace}-node`);
  }, 120_000);
  afterAll(async () => {
    for (const name of [namespace, `${namespace}-other`])
      for (const kind of [kinds.CLUSTER_ROLE_BINDING, kinds.CLUSTER_ROLE]) {
        const left = await admin.get(kind, null, name, signal);
        if (left !== null) await admin.delete(kind, { namespace: null, name, uid: left.metadata.uid }, {}, signal);
      }
    await stage?.close();
  });

  const seen = (accusation: Accusation): Promise<Resolution> =>
    resolve(entry(stage.cluster, accusation), stage.cluster, stage.reach.access, testClock(), signal);

  test.each(OWNERS)("a pod of %s, by its names or by its node alone, with its owner", { timeout: 120_000 }, async (kind) => {
    const name = kind.toLowerCase();
    const made = await podOf(kind, name, namespace, node, stage.admin);
    const object = await admin.get(kinds.POD, namespace, made.metadata?.name ?? "", signal);
    if (object === null) throw new Error("no pod");
    const pod = podFacts(object);
    const containerId = pod.containers[0]?.id?.slice(0, 12) ?? "";
    const names = { "k8s.ns.name": namespace, "k8s.pod.name": pod.name };
    const by = [
      { containerId, fields: names },
      { containerId, fields: { ...names, "k8s.pod.uid": pod.uid } },
      { containerId, hostname: node },
    ];
    for (const accusation of by) {
      const workload = found(await seen(accusation));
      expect(workload).toMatchObject({ kind: "pod", uid: pod.uid, node, mirror: kind === "static" });
      if (kind === "standalone") expect(workload.owner).toBeNull();
      else expect(workload.owner).toMatchObject({ kind: TOP[kind] ?? kind, name: kind === "static" ? node : name });
      expect(await look(workload, stage.cluster, stage.reach.access, signal)).toMatchObject({ kind: "found" });
    }
    for (const wrong of [
      { containerId: "0".repeat(12), fields: names },
      { containerId, fields: { ...names, "k8s.pod.uid": NOBODY } },
      { containerId, hostname: "lab-node-1" },
    ])
      expect(await seen(wrong)).toMatchObject({ kind: "unverified" });
  });

  test.each(OBJECT_KINDS.map((kind) => [kind.resource, kind] as const))("an object of %s, by its uid", async (resource, kind) => {
    const place = kind.namespaced ? namespace : null;
    const make = async (name: string) => {
      const metadata = { name, ...(place === null ? {} : { namespace: place }) };
      const apiVersion = kind.group === "" ? kind.version : `${kind.group}/${kind.version}`;
      const made = await admin.create(kind, { apiVersion, kind: kind.kind, metadata, ...leastOf(kind, name) }, {}, signal);
      if (made.kind !== "created") throw new Error(`${resource} ${name}: ${JSON.stringify(made)}`);
      return made.object;
    };
    const [accused, other] = [await make(namespace), await make(`${namespace}-other`)];
    const audit = (uid: string): Promise<Resolution> => {
      const fields = {
        "ka.verb": "create",
        "ka.response.code": "201",
        "ka.target.resource": resource,
        "ka.target.name": accused.metadata.name,
        "ka.target.namespace": place,
        "jevt.value[/responseObject/metadata/uid]": uid,
      };
      const plain = entry(stage.cluster, { fields });
      const about = { ...plain, alert: { ...plain.alert, source: AUDIT, fields } };
      return resolve(about, stage.cluster, stage.reach.access, testClock(), signal);
    };
    const workload = found(await audit(accused.metadata.uid));
    expect(workload).toMatchObject({ kind: "object", uid: accused.metadata.uid, resource, namespace: place });
    expect(await look(workload, stage.cluster, stage.reach.access, signal)).toMatchObject({ kind: "found" });
    expect(await audit(other.metadata.uid)).toMatchObject({ kind: "unverified", because: expect.stringContaining("another uid") });
  });
});
