import { describe, expect, test } from "vitest";
import type { ObjectWorkload } from "#shared/domain/workload.ts";
import { playbooks } from "#shared/playbooks/index.ts";
import * as kinds from "#shared/playbooks/kubernetes/kinds.ts";
import { apiVersionOf, OBJECT_KINDS } from "#shared/playbooks/kubernetes/resolve-object.ts";
import type { Kind } from "#shared/ports/kubernetes.ts";
import { kubeCluster } from "../builders.ts";
import { because, NAMESPACE, OCCASION, type OwnerKind, StopStage } from "./stop-stage.ts";
import { declared } from "./traffic-stage.ts";

const DELETE = "kubernetes:delete";
const { CONFIG_MAP, POD, SERVICE_ACCOUNT } = kinds;

function objectOf(stage: StopStage, kind: Kind, name: string): ObjectWorkload {
  const found = stage.see(kind, name);
  if (found === null) throw new Error(`no ${kind.kind} ${name}`);
  return {
    kind: "object",
    cluster: kubeCluster.name,
    uid: found.metadata.uid,
    owner: null,
    container: null,
    apiVersion: apiVersionOf(kind),
    resource: kind.resource,
    namespace: kind.namespaced ? NAMESPACE : null,
    name,
    labels: {},
    annotations: {},
    deleting: false,
  };
}

/** A delete of an object that is there. */
function deletion(stage: StopStage, kind: Kind, name: string) {
  const planning = playbooks[DELETE].plan(objectOf(stage, kind, name), {}, OCCASION);
  if (planning.kind === "refused") throw new Error(planning.because);
  stage.kube.requests.length = 0;
  return stage.steps(planning.plan);
}

/** A stage with an object of this kind beside a Deployment's pods. */
function having(kind: Kind, metadata: object = {}): StopStage {
  const stage = new StopStage("Deployment");
  stage.kube.put(kind, { metadata: { name: "made", ...(kind.namespaced ? { namespace: NAMESPACE } : {}), ...metadata } } as never);
  return stage;
}

describe(DELETE, () => {
  test.each(OBJECT_KINDS.map((kind) => [kind.kind, kind] as const))(
    "deletes a %s, once, by its uid; it does not come back",
    async (_name, kind) => {
      const stage = having(kind);
      const step = deletion(stage, kind, "made");
      expect(await step.verify()).toMatchObject({ kind: "pending", begun: false });
      const { kept } = await step.done();
      expect(stage.writes).toEqual([`delete ${kind.group}/${kind.resource}`]);
      if (kind === POD) expect(stage.kube.deleteCalls).toMatchObject([{ graceSeconds: 1 }]);
      stage.tick();
      expect(await step.verify(kept)).toMatchObject({ kind: "done" });
      expect((await step.execute(kept)).kind).toBe("gone");
      expect(await step.prepare()).toMatchObject({ kind: "nothing" });
      expect(playbooks[DELETE].undo).toMatchObject({ possible: false, because: expect.stringContaining("does not come back") });
    },
  );

  test("its plan refuses what is no object, parameters, and kinds that are no target: namespaces, Secrets, nodes, another group", () => {
    const stage = having(CONFIG_MAP);
    const { plan } = playbooks[DELETE];
    const map = objectOf(stage, CONFIG_MAP, "made");
    expect(plan(map, {}, OCCASION).kind).toBe("planned");
    expect(because(plan(map, { force: true }, OCCASION))).toContain('"force" is not known');
    expect(because(plan({ ...map, kind: "pod" } as never, {}, OCCASION))).toContain("the target is a pod");
    for (const [resource, apiVersion] of [
      ["namespaces", "v1"],
      ["secrets", "v1"],
      ["nodes", "v1"],
      ["configmaps", "example.com/v1"],
    ] as const)
      expect(because(plan({ ...map, resource, apiVersion }, {}, OCCASION))).toContain("is no kind that is ever deleted here");
  });

  test("another object of the name is not touched, before and after it was prepared", async () => {
    const stage = having(CONFIG_MAP);
    const step = deletion(stage, CONFIG_MAP, "made");
    const { kept } = await step.ready();
    stage.replaced(CONFIG_MAP, "made");
    expect(await step.prepare()).toMatchObject({ kind: "nothing" });
    expect((await step.execute(kept)).kind).toBe("conflict");
    expect(stage.see(CONFIG_MAP, "made")).not.toBeNull();
    expect(await step.verify(kept)).toMatchObject({ kind: "done", because: expect.stringContaining("another one has its name") });
  });

  test("finalizers hold it, are told, and stay", async () => {
    const stage = having(SERVICE_ACCOUNT, { finalizers: ["example.com/hold"] });
    const step = deletion(stage, SERVICE_ACCOUNT, "made");
    const { kept, remarks } = await step.done();
    expect(remarks.join(" ")).toContain("It stays until its finalizers (example.com/hold) are removed");
    stage.tick(3);
    expect(await step.verify(kept)).toMatchObject({ kind: "pending", begun: true });
    expect(await step.prepare()).toMatchObject({ kind: "nothing", because: expect.stringContaining("already being deleted") });
  });

  test.each([
    ["Deployment", kinds.DEPLOYMENT],
    ["ReplicaSet", kinds.REPLICA_SET],
    ["StatefulSet", kinds.STATEFUL_SET],
    ["DaemonSet", kinds.DAEMON_SET],
    ["Job", kinds.JOB],
    ["CronJob", kinds.CRON_JOB],
  ] as readonly (readonly [OwnerKind, Kind])[])(
    "with a %s go its pods, which are counted; a protected one spares it",
    async (owner, kind) => {
      const stage = new StopStage(owner);
      const step = deletion(stage, kind, "web");
      expect(await step.remarks()).toMatch(/3 pods of it go with it/);
      stage.protects = (workload) => (workload.labels["keep"] === "yes" ? "the label keep protects it" : null);
      stage.kube.change({ namespace: NAMESPACE, name: "web-1" }, { labels: { app: "web", keep: "yes" } });
      expect(await step.refusal()).toMatch(/1 protected pod would go too/);
    },
  );

  test("what others lose by it is told", async () => {
    const remarks = async (kind: Kind, more: object = {}) => await deletion(having(kind, more), kind, "made").remarks();
    expect(await remarks(kinds.CLUSTER_ROLE_BINDING)).toContain("Those whom it names lose what it gave them");
    expect(await remarks(kinds.ROLE)).toContain("the bindings stay, and give their rights to the next one of its name");
    expect(await remarks(kinds.SERVICE)).toContain("the load balancer that it may have, are given up");
    expect(await remarks(CONFIG_MAP, { annotations: { "argocd.argoproj.io/tracking-id": "x" } })).toContain("Argo CD: it will put it back");
    const claims = new StopStage("StatefulSet");
    expect(await deletion(claims, kinds.STATEFUL_SET, "web").remarks()).toContain("Its volume claims stay");
    claims.spec(kinds.STATEFUL_SET, "web", { persistentVolumeClaimRetentionPolicy: { whenDeleted: "Delete" } });
    expect(await deletion(claims, kinds.STATEFUL_SET, "web").remarks()).toContain("Its volume claims are DELETED with it");
    const account = having(SERVICE_ACCOUNT, { name: "default" });
    expect(await deletion(account, SERVICE_ACCOUNT, "default").remarks()).toContain("4 pods that run as it lose the API");
  });

  test("a role of Kubernetes' own, and the mirror of a static pod, are refused; their twins are not", async () => {
    const own = having(kinds.CLUSTER_ROLE, { labels: { "kubernetes.io/bootstrapping": "rbac-defaults" } });
    expect(await deletion(own, kinds.CLUSTER_ROLE, "made").refusal()).toMatch(/Kubernetes' own roles.*next best/);
    expect((await deletion(having(kinds.CLUSTER_ROLE), kinds.CLUSTER_ROLE, "made").prepare()).kind).toBe("ready");
    const mirror = having(POD, { annotations: { "kubernetes.io/config.mirror": "x" } });
    expect(await deletion(mirror, POD, "made").refusal()).toContain("mirrors a static pod");
  });

  test("what admission says no to is refused before, and failed after", async () => {
    const stage = having(CONFIG_MAP);
    const step = deletion(stage, CONFIG_MAP, "made");
    stage.kube.admit = () => "kept by policy";
    expect(await step.refusal()).toMatch(/\("kept by policy"\); next best: delete it by hand/);
    expect(await step.execute({})).toMatchObject({ kind: "failed" });
  });

  test("uses the rights that it declares, and no other", async () => {
    const used = new Set<string>();
    for (const kind of OBJECT_KINDS) {
      const stage = having(kind);
      const step = deletion(stage, kind, "made");
      await step.done();
      await step.verify();
      for (const right of stage.rights) used.add(right);
    }
    expect([...used].toSorted()).toEqual(declared(DELETE));
  });
});
