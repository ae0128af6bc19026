import { describe, expect, test } from "vitest";
import { PipelineError } from "#shared/domain/error.ts";
import { playbooks } from "#shared/playbooks/index.ts";
import { POD, SERVICE_ACCOUNT } from "#shared/playbooks/kubernetes/kinds.ts";
import { INCIDENT } from "#shared/playbooks/kubernetes/marks.ts";
import { because, NAMESPACE, OCCASION, OWNERS, type OwnerKind, StopStage } from "./stop-stage.ts";
import { declared } from "./traffic-stage.ts";

const REVOKE = "kubernetes:revoke-tokens";
const TOKEN = { volumes: [{ name: "t", projected: { sources: [{ serviceAccountToken: { path: "token" } }] } }] };
const OWNER = { apiVersion: "example.com/v1", kind: "Shop", name: "main", uid: "o" };
const ACCOUNT = {
  metadata: {
    name: "app",
    namespace: NAMESPACE,
    labels: { team: "shop" },
    annotations: { "eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/shop-app", note: "x" },
    ownerReferences: [OWNER],
  },
  automountServiceAccountToken: false,
  imagePullSecrets: [{ name: "registry" }],
  secrets: [{ name: "app-token-1" }],
};

/** A stage whose pods run as "app", which is there as above unless said otherwise. */
function stageOf(owner: OwnerKind = "Deployment", account: object = ACCOUNT, serviceAccount = "app"): StopStage {
  const stage = new StopStage(owner, { pod: { serviceAccount } });
  for (const pod of stage.pods) stage.spec(POD, pod.name, { serviceAccountName: serviceAccount, ...TOKEN });
  stage.kube.put(SERVICE_ACCOUNT, account as never);
  return stage;
}

const account = (stage: StopStage, name = "app") => stage.see(SERVICE_ACCOUNT, name);

describe(REVOKE, () => {
  test.each(OWNERS)("of a pod of %s: the service account is a new one, as the former was, and says by whom", async (owner) => {
    const stage = stageOf(owner);
    const former = account(stage)?.metadata.uid;
    const step = await stage.action(REVOKE);
    const { kept, remarks } = await step.ready();
    expect(await step.verify(kept)).toMatchObject({ kind: "pending", begun: false });
    const execution = await step.execute(kept);
    expect(execution).toMatchObject({ kind: "accepted", remarks: [] });
    expect(stage.writes).toEqual(["delete /serviceaccounts", "create /serviceaccounts"]);
    const { metadata, ...rest } = account(stage) ?? {};
    expect(metadata?.uid).not.toBe(former);
    expect(rest).toMatchObject({
      automountServiceAccountToken: false,
      imagePullSecrets: [{ name: "registry" }],
      secrets: [{ name: "app-token-1" }],
    });
    expect(metadata).toMatchObject({
      labels: { team: "shop" },
      ownerReferences: [OWNER],
      annotations: { ...ACCOUNT.metadata.annotations, [INCIDENT]: OCCASION.incident },
    });
    expect(await step.verify(kept)).toMatchObject({ kind: "done" });
    expect(remarks.join(" ")).toMatch(
      owner === "none" ? /No other pod runs as it now/ : /2 other pods run as it \(.*web.*\) and lose the API too: restart them/,
    );
    expect(remarks.join(" ")).toMatch(/gets a new token in the same way while it runs: end it too.*revoke them at IAM \(role shop-app\)/);
    // Again: nothing more is deleted.
    await step.execute(kept);
    expect(stage.writes).toHaveLength(2);
  });

  test("its plan refuses what is no pod, what it does not know, a pod without one, and the namespace's default", async () => {
    const stage = stageOf();
    const workload = await stage.workload();
    expect(because(playbooks[REVOKE].plan({ ...workload, kind: "task" } as never, {}, OCCASION))).toContain("the target is a task");
    expect(because(await stage.planning(REVOKE, { defaults: true }))).toContain('"defaults" is not known');
    expect(because(await stage.planning(REVOKE, { include_default: "yes" }))).toContain("true or false");
    expect(because(await stage.planning(REVOKE, {}, { serviceAccount: null }))).toContain("runs as no service account");
    const others = { serviceAccount: "default" };
    expect(because(await stage.planning(REVOKE, {}, others))).toMatch(
      /default service account, which others may share.*include_default: true/,
    );
    expect((await stage.planning(REVOKE, { include_default: true }, others)).kind).toBe("planned");
  });

  test("the default one: a bare one is renewed, one that bears something is refused", async () => {
    const bare = { metadata: { name: "default", namespace: NAMESPACE } };
    const stage = stageOf("none", bare, "default");
    const step = await stage.action(REVOKE, { include_default: true });
    const { kept } = await step.done();
    expect(await step.verify(kept)).toMatchObject({ kind: "done" });
    const bearing = stageOf("none", { ...bare, imagePullSecrets: [{ name: "registry" }] }, "default");
    expect(await (await bearing.action(REVOKE, { include_default: true })).refusal()).toMatch(
      /bears imagePullSecrets.*a bare one in its place first/,
    );
  });

  test("the control plane makes the default one first: that is as good", async () => {
    const stage = stageOf("none", { metadata: { name: "default", namespace: NAMESPACE } }, "default");
    stage.meanwhile = (verb) => {
      if (verb === "create") stage.kube.put(SERVICE_ACCOUNT, { metadata: { name: "default", namespace: NAMESPACE } });
    };
    const step = await stage.action(REVOKE, { include_default: true });
    const { kept, execution } = await step.done();
    expect(execution.remarks).toEqual([]);
    expect(await step.verify(kept)).toMatchObject({ kind: "done" });
  });

  test("somebody makes another one first: the tokens are refused, and the difference is told", async () => {
    const stage = stageOf();
    stage.meanwhile = (verb) => {
      if (verb === "create") stage.kube.put(SERVICE_ACCOUNT, { metadata: { name: "app", namespace: NAMESPACE } });
    };
    const { execution } = await (await stage.action(REVOKE)).done();
    expect(execution.remarks?.join()).toContain("is not as the former one: look at it");
  });

  test("there is none: nothing to do; being deleted, with finalizers, or too big to keep: refused", async () => {
    const stage = stageOf();
    const step = await stage.action(REVOKE);
    for (const [metadata, why] of [
      [{ deletionTimestamp: "2026-03-01T12:00:00Z" }, /is already being deleted; next best: kubernetes:terminate/],
      [{ finalizers: ["example.com/hold"] }, /finalizers \(example.com\/hold\): deleted, it would hold its name/],
      [{ annotations: { note: "x".repeat(70_000) } }, /too big to be kept/],
    ] as const) {
      stage.kube.put(SERVICE_ACCOUNT, { ...ACCOUNT, metadata: { ...ACCOUNT.metadata, ...metadata } } as never);
      expect(await step.refusal()).toMatch(why);
    }
    stage.remove(SERVICE_ACCOUNT, "app");
    expect(await step.prepare()).toMatchObject({ kind: "nothing" });
  });

  test("a protected pod that runs as it spares it; without it, it is renewed", async () => {
    const stage = stageOf();
    const step = await stage.action(REVOKE);
    stage.protects = (workload) => (workload.labels["keep"] === "yes" ? "the label keep protects it" : null);
    expect((await step.prepare()).kind).toBe("ready");
    stage.mark(POD, "web-2", { labels: { app: "web", keep: "yes" } });
    expect(await step.refusal()).toMatch(/1 protected pod would lose the API too/);
  });

  test.each(["delete", "create"] as const)("a server that would not take the %s: refused before anything is touched", async (verb) => {
    const stage = stageOf();
    const step = await stage.action(REVOKE);
    stage.kube.admit = (asked, { resource }) => (asked === verb && resource === "serviceaccounts" ? "not here" : null);
    expect(await step.refusal()).toMatch(/\("not here"\); next best: kubernetes:terminate/);
    expect(account(stage)).not.toBeNull();
  });

  test("changed since it was prepared: nothing is done, for what is made anew would not be what was there", async () => {
    const stage = stageOf();
    const step = await stage.action(REVOKE);
    const { kept } = await step.ready();
    stage.kube.put(SERVICE_ACCOUNT, { ...account(stage), imagePullSecrets: [{ name: "another" }] } as never);
    expect(await step.execute(kept)).toMatchObject({ kind: "conflict" });
    expect(stage.writes).toEqual([]);
    // Written, and as it was: renewed.
    stage.kube.put(SERVICE_ACCOUNT, { ...account(stage), imagePullSecrets: [{ name: "registry" }] } as never);
    expect((await step.execute(kept)).kind).toBe("accepted");
  });

  test("after a crash between the delete and the create, executing again makes it from what was kept", async () => {
    const stage = stageOf();
    const step = await stage.action(REVOKE);
    const { kept } = await step.ready();
    stage.kube.fail("create", new PipelineError("kube_unreachable", "lost"));
    await expect(step.execute(kept)).rejects.toMatchObject({ retryable: true });
    expect(account(stage)).toBeNull();
    expect(await step.verify(kept)).toMatchObject({
      kind: "pending",
      begun: false,
      partly: true,
      because: expect.stringContaining("cannot start"),
    });
    expect((await step.execute(kept)).kind).toBe("accepted");
    expect(account(stage)).toMatchObject({ imagePullSecrets: [{ name: "registry" }] });
    expect(await step.verify(kept)).toMatchObject({ kind: "done" });
  });

  test("when it cannot be made anew, that is told, and never as if nothing had happened", async () => {
    const stage = stageOf();
    const step = await stage.action(REVOKE);
    const { kept } = await step.ready();
    stage.kube.admit = (verb) => (verb === "create" ? "quota" : null);
    expect(await step.execute(kept)).toMatchObject({
      kind: "accepted",
      remarks: ['It could NOT be made anew (the API server says "quota"): pods that run as it cannot start. Make it by hand.'],
    });
    stage.kube.fail("create", new PipelineError("kube_forbidden", "may not"));
    expect((await step.execute(kept)).remarks?.join()).toContain("NOT be made anew");
    stage.kube.namespacesGone.add(NAMESPACE);
    expect((await step.execute(kept)).remarks?.join()).toContain("its namespace is going");
    expect(await step.verify(kept)).toMatchObject({ partly: true });
  });

  test("an offender that mounts no token is told; one with a secret that may hold one is not", async () => {
    const stage = stageOf();
    const step = await stage.action(REVOKE);
    expect(await step.remarks()).not.toContain("mounts no token");
    stage.spec(POD, "web-0", { volumes: [] });
    expect(await step.remarks()).toContain("The offender mounts no token of it");
    stage.spec(POD, "web-0", { volumes: [{ name: "s", secret: { secretName: "app-token-1" } }] });
    expect(await step.remarks()).not.toContain("mounts no token");
  });

  test("a role that is none is not shown", async () => {
    const stage = stageOf();
    stage.mark(SERVICE_ACCOUNT, "app", { annotations: { "eks.amazonaws.com/role-arn": "<https://evil.example>" } });
    expect(await (await stage.action(REVOKE)).remarks()).toMatch(/revoke them at IAM\.$/);
  });

  test("tokens do not come back, and it says so", () => {
    expect(playbooks[REVOKE].undo).toMatchObject({ possible: false, because: expect.stringContaining("do not become valid again") });
  });

  test("uses the rights that it declares, and no other", async () => {
    const stage = stageOf();
    const step = await stage.action(REVOKE);
    const { kept } = await step.done();
    await step.verify(kept);
    expect(stage.rights).toEqual(declared(REVOKE));
  });
});
