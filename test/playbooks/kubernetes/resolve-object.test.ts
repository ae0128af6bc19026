import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AUDIT, type Fields, type FieldValue } from "#shared/domain/alert.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { QueueEntry } from "#shared/domain/queue-entry.ts";
import { ownerName, type Resolution } from "#shared/domain/workload.ts";
import { look, resolve } from "#shared/playbooks/index.ts";
import * as kinds from "#shared/playbooks/kubernetes/kinds.ts";
import { OBJECT_KINDS, resolveObjectNeeds } from "#shared/playbooks/kubernetes/resolve-object.ts";
import type { Kind, KubeObject } from "#shared/ports/kubernetes.ts";
import { fakeAccess } from "../../fakes/cluster-access.ts";
import { FakeKubernetes } from "../../fakes/kubernetes.ts";
import { ecsCluster, entry, found, kubeCluster, never, testClock } from "../builders.ts";

const UID = "jevt.value[/responseObject/metadata/uid]";

function world(kind: Kind = kinds.ROLE_BINDING) {
  const kube = new FakeKubernetes();
  const put = (name: string, more: object = {}) =>
    kube.put(kind, { metadata: { name, labels: { app: name }, ...(kind.namespaced ? { namespace: "shop" } : {}) }, ...more });
  return { kube, put, accused: put("intruder"), neighbour: put("neighbour") };
}

const about = ({ metadata }: KubeObject, kind: Kind = kinds.ROLE_BINDING): Fields => ({
  "ka.verb": "create",
  "ka.response.code": "201",
  "ka.target.resource": kind.resource,
  "ka.target.name": metadata.name,
  "ka.target.namespace": metadata.namespace ?? "<NA>",
  [UID]: metadata.uid,
});

function auditEntry(fields: Fields, cluster = kubeCluster): QueueEntry {
  const plain = entry(cluster, { fields });
  return { ...plain, alert: { ...plain.alert, source: AUDIT, fields } };
}

const seen = (kube: FakeKubernetes, fields: Fields): Promise<Resolution> =>
  resolve(auditEntry(fields), kubeCluster, fakeAccess({ kubernetes: kube }), testClock(), never);

async function refusal(kube: FakeKubernetes, fields: Fields): Promise<string> {
  const resolution = await seen(kube, fields);
  if (resolution.kind !== "unverified") throw new Error(`expected a refusal, got ${resolution.kind}`);
  return resolution.because;
}

const without = (fields: Fields, ...keys: readonly string[]): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([key]) => !keys.includes(key)));

describe("the object that an audit alert is about", () => {
  test.each(OBJECT_KINDS.map((kind) => [kind.resource, kind] as const))("of %s is found by its uid", async (_, kind) => {
    const { kube, accused, neighbour } = world(kind);
    const workload = found(await seen(kube, about(accused, kind)));
    expect(workload).toMatchObject({
      kind: "object",
      uid: accused.metadata.uid,
      resource: kind.resource,
      namespace: kind.namespaced ? "shop" : null,
      name: "intruder",
      container: null,
      labels: { app: "intruder" },
      deleting: false,
    });
    expect(await refusal(kube, { ...about(accused, kind), [UID]: neighbour.metadata.uid })).toContain("another uid");
  });

  test("without its uid it is refused, and nothing is asked for", async () => {
    const { kube, accused } = world();
    expect(await refusal(kube, without(about(accused), UID))).toContain("let the rule print %jevt.value[/responseObject/metadata/uid]");
    for (const uid of ["<NA>", "", "x", 7, `${accused.metadata.uid} `])
      expect((await seen(kube, { ...about(accused), [UID]: uid })).kind).toBe("unverified");
    expect(kube.calls).toEqual([]);
    expect(found(await seen(kube, about(accused))).uid).toBe(accused.metadata.uid);
  });

  test.each([
    "jevt.value[/responseObject/metadata/uid]",
    "json.value[/responseObject/metadata/uid]",
    "jevt.value[/objectRef/uid]",
    "json.value[/objectRef/uid]",
  ])("%s carries it", async (field) => {
    const { kube, accused, neighbour } = world();
    const fields = without(about(accused), UID);
    expect(found(await seen(kube, { ...fields, [field]: accused.metadata.uid })).uid).toBe(accused.metadata.uid);
    expect(await refusal(kube, { ...fields, [field]: neighbour.metadata.uid })).toContain("another uid");
  });

  test("the uid that the server gave stands above the one that a client wrote into what it created", async () => {
    const { kube, accused, neighbour } = world();
    const fields = { ...about(accused), "jevt.value[/objectRef/uid]": neighbour.metadata.uid };
    expect(found(await seen(kube, fields)).uid).toBe(accused.metadata.uid);
    const reversed = { ...about(accused), [UID]: neighbour.metadata.uid, "jevt.value[/objectRef/uid]": accused.metadata.uid };
    expect(await refusal(kube, reversed)).toContain("another uid");
  });

  test("a name that only the answer has is enough; two that disagree are not", async () => {
    const { kube, accused } = world();
    const fields = without(about(accused), "ka.target.name");
    expect(found(await seen(kube, { ...fields, "ka.resp.name": "intruder" })).uid).toBe(accused.metadata.uid);
    expect(await refusal(kube, { ...about(accused), "ka.resp.name": "neighbour" })).toContain("disagree");
    expect(await refusal(kube, fields)).toContain("names no object");
  });

  test("a successor of the name is innocent", async () => {
    const { kube, put, accused } = world();
    kube.objects.clear();
    const successor = put("intruder");
    expect(await refusal(kube, about(accused))).toContain("another object of that name");
    expect(found(await seen(kube, about(successor))).uid).toBe(successor.metadata.uid);
  });

  test("one that is not there, or not served, holds", async () => {
    const { kube, accused } = world();
    const fields = about(accused);
    kube.serve(kinds.ROLE_BINDING, false);
    expect(await refusal(kube, fields)).toBe("there is no RoleBinding shop/intruder now");
    kube.serve(kinds.ROLE_BINDING);
    expect(found(await seen(kube, fields)).uid).toBe(accused.metadata.uid);
    kube.objects.clear();
    expect(await refusal(kube, fields)).toBe("there is no RoleBinding shop/intruder now");
  });

  test("one that is being deleted is gone", async () => {
    const { kube, put } = world();
    const going = put("going");
    kube.put(kinds.ROLE_BINDING, { ...going, metadata: { ...going.metadata, deletionTimestamp: "2026-03-01T12:00:00Z" } });
    expect(await seen(kube, about(going))).toMatchObject({ kind: "gone", workload: { uid: going.metadata.uid } });
  });

  test("a request that was refused, or that deleted it, accuses nothing", async () => {
    const { kube, accused } = world();
    for (const code of ["403", "409", "500", "0", "2000"]) {
      expect(await refusal(kube, { ...about(accused), "ka.response.code": code })).toContain("nothing came of it");
    }
    for (const verb of ["delete", "deletecollection"])
      expect(await refusal(kube, { ...about(accused), "ka.verb": verb })).toContain("to delete it");
    expect(kube.calls).toEqual([]);
    for (const verb of ["create", "update", "patch", "get"])
      expect(found(await seen(kube, { ...about(accused), "ka.verb": verb, "ka.response.code": "200" })).uid).toBe(accused.metadata.uid);
  });

  test("a namespace is never a target, a Secret is not read, and what is not on the list is refused with it", async () => {
    const { kube, accused } = world();
    const naming = (resource: FieldValue) => ({ ...about(accused), "ka.target.resource": resource });
    expect(await refusal(kube, naming("namespaces"))).toContain("never a target");
    expect(await refusal(kube, naming("secrets"))).toContain("may not read Secrets");
    for (const resource of ["nodes", "persistentvolumes", "networkpolicies", "RoleBindings", "rolebindings/status", "constructor", "<b>"])
      expect(await refusal(kube, naming(resource))).toBe(
        `the alert's ka.target.resource is none of ${OBJECT_KINDS.map((kind) => kind.resource).join(", ")}`,
      );
    expect(await refusal(kube, naming(null))).toContain("let the rule print %ka.target.resource");
    expect(kube.calls).toEqual([]);
    expect(found(await seen(kube, naming("rolebindings"))).uid).toBe(accused.metadata.uid);
  });

  test("a resource of that name in another API group is another kind", async () => {
    const { kube, accused } = world();
    const grouped = (group: string) => ({ ...about(accused), "jevt.value[/objectRef/apiGroup]": group });
    expect(await refusal(kube, grouped("example.com"))).toContain("API group");
    expect(found(await seen(kube, grouped("rbac.authorization.k8s.io"))).uid).toBe(accused.metadata.uid);
  });

  test("what is in no namespace is not looked for in one, and the reverse", async () => {
    const { kube, accused } = world(kinds.CLUSTER_ROLE_BINDING);
    const fields = about(accused, kinds.CLUSTER_ROLE_BINDING);
    expect(await refusal(kube, { ...fields, "ka.target.namespace": "shop" })).toContain("are in none");
    expect(found(await seen(kube, fields)).uid).toBe(accused.metadata.uid);
    const inside = world();
    expect(await refusal(inside.kube, without(about(inside.accused), "ka.target.namespace"))).toContain("says no namespace");
    expect(found(await seen(inside.kube, about(inside.accused))).uid).toBe(inside.accused.metadata.uid);
  });

  test.each<[string, Fields]>([
    ["a slash", { "ka.target.name": "a/b" }],
    ["dots that climb", { "ka.target.namespace": ".." }],
    ["a query", { "ka.target.name": "a?x=1" }],
    ["a line break", { "ka.target.name": "intruder\n" }],
    ["a list", { "ka.target.name": ["intruder"] }],
    ["an upper-case namespace", { "ka.target.namespace": "Shop" }],
  ])("a name with %s never reaches the API server", async (_, strange) => {
    const { kube, accused } = world();
    expect((await seen(kube, { ...about(accused), ...strange })).kind).toBe("unverified");
    expect(kube.calls).toEqual([]);
  });

  test("no word of the alert stands in a refusal", async () => {
    const { kube, accused } = world();
    const evil = "<!channel> *boo*";
    for (const key of Object.keys(without(about(accused), "ka.verb")))
      expect(await refusal(kube, { ...about(accused), [key]: `${evil}x` })).not.toContain("boo");
  });
});

describe("what goes on with it", () => {
  test("what a ConfigMap holds is not in the workload", async () => {
    const { kube, put } = world(kinds.CONFIG_MAP);
    const map = put("settings", { data: { password: "hunter2" } });
    expect(JSON.stringify(await seen(kube, about(map, kinds.CONFIG_MAP)))).not.toContain("hunter2");
  });

  test("who makes it again is named, and in which namespace", async () => {
    const kube = new FakeKubernetes();
    const pod = kube.run({ controller: kube.deployment("web"), priorityClass: "high" });
    const object = kube.object(kinds.POD, pod.namespace, pod.name) as KubeObject;
    const workload = found(await seen(kube, about(object, kinds.POD)));
    expect(workload).toMatchObject({ owner: { kind: "Deployment", name: "web" }, priorityClass: "high" });
    expect(ownerName(workload)).toBe("Deployment/shop/web");
  });

  test("it is looked at again by its uid alone", async () => {
    const { kube, put, accused } = world();
    const former = found(await seen(kube, about(accused)));
    const again = () => look(former, kubeCluster, fakeAccess({ kubernetes: kube }), never);
    expect(await again()).toMatchObject({ kind: "found", workload: { uid: accused.metadata.uid } });
    kube.objects.clear();
    expect(await again()).toMatchObject({ kind: "unverified" });
    put("intruder");
    expect(await again()).toMatchObject({ kind: "unverified" });
  });

  test("an API server that cannot be asked is an error, never a verdict", async () => {
    const { kube, accused } = world();
    kube.fail("get", new PipelineError("kube_unreachable", "away"));
    await expect(seen(kube, about(accused))).rejects.toMatchObject({ code: "kube_unreachable" });
  });

  test("only an audit alert of a Kubernetes cluster leads to an object", async () => {
    const { kube, accused } = world();
    const { alert, ...rest } = auditEntry(about(accused));
    const access = fakeAccess({ kubernetes: kube });
    const syscall = { ...rest, alert: { ...alert, source: "syscall" } };
    expect(await resolve(syscall, kubeCluster, access, testClock(), never)).toMatchObject({ because: "the alert names no container id" });
    const elsewhere = auditEntry(about(accused), ecsCluster);
    expect(await resolve(elsewhere, ecsCluster, access, testClock(), never)).toMatchObject({ because: "the alert names no container id" });
    expect(kube.calls).toEqual([]);
  });

  test("what is asked is what is declared", async () => {
    const declared = new Set(
      resolveObjectNeeds.rbac.flatMap(({ apiGroups, resources, verbs }) =>
        apiGroups.flatMap((group) => resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}/${resource}`))),
      ),
    );
    for (const kind of OBJECT_KINDS) {
      const { kube, accused } = world(kind);
      await seen(kube, about(accused, kind));
      for (const { verb, group, resource } of kube.requests) expect(declared).toContain(`${verb} ${group}/${resource}`);
    }
    expect([...declared].filter((right) => right.includes("secrets"))).toEqual([]);
  });
});

test("whatever the alert says, only the object of that very uid is ever found", async () => {
  const { kube, accused, neighbour } = world();
  const names = fc.option(fc.constantFrom("intruder", "neighbour", "nobody", "<NA>", ""));
  const uids = fc.option(fc.constantFrom(accused.metadata.uid, neighbour.metadata.uid, "x", "<NA>"));
  const claims = fc.record({
    "ka.target.resource": fc.constantFrom("rolebindings", "roles", "namespaces", "secrets", null),
    "ka.target.name": names,
    "ka.resp.name": names,
    "ka.target.namespace": fc.option(fc.constantFrom("shop", "bank")),
    "ka.response.code": fc.option(fc.constantFrom("201", "403")),
    [UID]: uids,
    "jevt.value[/objectRef/uid]": uids,
  });
  await fc.assert(
    fc.asyncProperty(claims, async (fields) => {
      const resolution = await seen(kube, fields as Fields);
      if (resolution.kind === "unverified") return;
      const { workload } = resolution;
      expect([fields[UID], fields["jevt.value[/objectRef/uid]"]]).toContain(workload.uid);
      expect([fields["ka.target.name"], fields["ka.resp.name"]]).toContain((workload as { name?: string }).name);
      expect(fields["ka.response.code"]).not.toBe("403");
    }),
  );
});
