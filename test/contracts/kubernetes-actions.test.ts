import { readFileSync, writeFileSync } from "node:fs";
import type { V1Pod } from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ACTIONS, type ActionName, fits } from "#shared/domain/action.ts";
import type { PodWorkload } from "#shared/domain/workload.ts";
import { podFacts } from "#shared/playbooks/kubernetes/facts.ts";
import { POD, SECRET } from "#shared/playbooks/kubernetes/kinds.ts";
import { workloadOf as workloadOfPod } from "#shared/playbooks/kubernetes/resolve.ts";
import { OBJECT_KINDS } from "#shared/playbooks/kubernetes/resolve-object.ts";
import type { Params } from "#shared/playbooks/playbook.ts";
import { type Kubelet, openKubelet } from "./kube-kubelet.ts";
import { objectsIn } from "./kube-objects.ts";
import { OWNERS, type OwnerKind, podOf } from "./kube-owners.ts";
import { filled, tableOf } from "./kube-page.ts";
import { type KubeStage, never, openKubeStage } from "./kube-stage.ts";
import { KNOWN, type Seen, tryOn } from "./kube-try.ts";

const PAGE = new URL("../../docs/kubernetes-actions.md", import.meta.url);
const file = process.env["FALCO_RESPONDER_TEST_KUBE"];

const ON_PODS = ACTIONS.filter((name) => fits(name, "pod") && name !== "aws:invoke-lambda");
/** Each with what it must be told to act here: no network plugin runs, and no alert says whom the pod talks to. */
const PARAMS: Partial<Readonly<Record<ActionName, Params>>> = {
  "kubernetes:label": { labels: { suspect: "yes" } },
  "kubernetes:annotation": { annotations: { suspect: "yes" } },
  "kubernetes:networkpolicy": { unproven: "allow" },
  "kubernetes:quarantine": { unproven: "allow" },
  "calico:networkpolicy": { unproven: "allow", remote: "198.51.100.7" },
  "cilium:networkpolicy": { unproven: "allow", remote: "198.51.100.7" },
};

/** Refusals name who owns the pod: they stand on the page as a person would see them. */
const NAMES: Readonly<Record<OwnerKind, string>> = {
  Deployment: "web",
  ReplicaSet: "cache",
  StatefulSet: "db",
  DaemonSet: "agent",
  Job: "import",
  CronJob: "nightly",
  foreign: "game",
  standalone: "tool",
  static: "proxy",
};

/** One row. `also`: what of its parameters is not as in the others of its action. */
interface Case {
  readonly action: ActionName;
  readonly also: Params;
}
const CASES: readonly Case[] = ON_PODS.flatMap((action): readonly Case[] => [
  { action, also: {} },
  ...(action === "kubernetes:label" || action === "kubernetes:annotation" ? [{ action, also: { level: "node" } }] : []),
  ...(action === "kubernetes:terminate" ? [{ action, also: { min_healthy_replicas: "50%" } }] : []),
]);
const titleOf = ({ action, also }: Case): string =>
  [`\`${action}\``, ...Object.entries(also).map(([key, value]) => `\`${key}: ${value}\``)].join(", ");

describe.skipIf(file === undefined)("every action, on the real API server under the shipped RBAC and bounds", () => {
  let stage: KubeStage;
  let kubelet: Kubelet;
  const rows = new Map<string, readonly Seen[]>();
  beforeAll(async () => {
    stage = openKubeStage(file ?? "");
    kubelet = await openKubelet();
    await stage.serveNetworkKinds();
  });
  afterAll(async () => {
    await stage?.close();
    await kubelet?.close();
  });
  const odd = (columns: readonly string[], seen: readonly Seen[]) =>
    seen.flatMap(({ cell, because }, n) => (KNOWN.test(cell) ? [] : [`${columns[n]}: ${cell}${because === null ? "" : `: ${because}`}`]));

  test("the rights are the responder's: it can make no pod, and see no Secret", async () => {
    const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "probe", namespace: "default" }, spec: { containers: [] } };
    await expect(stage.api.create(POD, pod, { dryRun: true }, never)).rejects.toMatchObject({ code: "kube_forbidden" });
    await expect(stage.api.list(SECRET, { namespace: "default" }, never)).rejects.toMatchObject({ code: "kube_forbidden" });
    expect(await stage.api.list(POD, { namespace: "default" }, never)).not.toBeNull();
  });

  test.concurrent.each(CASES.map((one, n) => [titleOf(one).replaceAll("`", ""), one, n] as const))(
    "%s, on a pod of every kind of owner",
    { timeout: 300_000 },
    async (_title, one, n) => {
      const namespace = `table-${process.pid}-${n}`;
      await stage.namespace(namespace);
      const seen = await Promise.all(OWNERS.map((owner) => seenOn(owner, one, namespace)));
      rows.set(titleOf(one), seen);
      expect(odd(OWNERS, seen)).toEqual([]);
    },
  );

  /** Each pod has a node of its own: what is done to that is not felt elsewhere. */
  async function seenOn(owner: OwnerKind, { action, also }: Case, namespace: string): Promise<Seen> {
    const name = NAMES[owner];
    const node = await stage.node(`${namespace}-${name}`, action === "kubernetes:log" ? kubelet : undefined);
    const pod = await podOf(owner, name, namespace, node, stage.admin);
    return await tryOn(action, await workloadOf(pod, stage), { ...PARAMS[action], ...also }, stage.reach);
  }

  test("kubernetes:delete, on an object of every kind that an alert may lead to", async () => {
    const namespace = `table-${process.pid}-objects`;
    await stage.namespace(namespace);
    const seen: Seen[] = [];
    for (const [, object] of await objectsIn(namespace, stage)) seen.push(await tryOn("kubernetes:delete", object, {}, stage.reach));
    rows.set("objects", seen);
    expect(
      odd(
        OBJECT_KINDS.map(({ kind }) => kind),
        seen,
      ),
    ).toEqual([]);
  });

  test("the page shows what was seen", () => {
    const objects = OBJECT_KINDS.map(({ kind }, n) => ({ title: kind, cells: rows.get("objects")?.slice(n, n + 1) ?? [] }));
    const tables = {
      owners: tableOf(
        "action",
        OWNERS,
        CASES.map((one) => ({ title: titleOf(one), cells: rows.get(titleOf(one)) ?? [] })),
      ),
      objects: tableOf("kind", ["`kubernetes:delete`"], objects),
    };
    expect([rows.size, rows.get("objects")?.length]).toEqual([CASES.length + 1, OBJECT_KINDS.length]);
    const page = readFileSync(PAGE, "utf8");
    const wanted = filled(page, tables);
    for (const table of Object.values(tables)) expect(wanted).toContain(table);
    if (process.env["FALCO_RESPONDER_WRITE_DOCS"] === "1") writeFileSync(PAGE, wanted);
    else expect(page, "write it anew: FALCO_RESPONDER_WRITE_DOCS=1 with this test").toBe(wanted);
  });
});

async function workloadOf(pod: V1Pod, { api, cluster }: KubeStage): Promise<PodWorkload> {
  const found = await api.get(POD, pod.metadata?.namespace ?? "", pod.metadata?.name ?? "", never);
  if (found === null) throw new Error(`no pod ${pod.metadata?.name}`);
  const facts = podFacts(found);
  const [container] = facts.containers;
  return await workloadOfPod(facts, { name: "app", id: container?.id ?? "", image: null }, cluster, api, never);
}
