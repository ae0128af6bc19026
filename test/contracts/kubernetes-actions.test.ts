import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { V1Pod } from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ACTIONS, type ActionName, fits } from "#shared/domain/action.ts";
import type { PodWorkload } from "#shared/domain/workload.ts";
import { playbooks } from "#shared/playbooks/index.ts";
import { podFacts } from "#shared/playbooks/kubernetes/facts.ts";
import { POD } from "#shared/playbooks/kubernetes/kinds.ts";
import { workloadOf as workloadOfPod } from "#shared/playbooks/kubernetes/resolve.ts";
import type { Kept, Params, Plan, Reach } from "#shared/playbooks/playbook.ts";
import { OWNERS, type OwnerKind, podOf } from "./kube-owners.ts";
import { type KubeStage, openKubeStage } from "./kube-stage.ts";

const PAGE = new URL("../../docs/kubernetes-actions.md", import.meta.url);
const START = "<!-- filled by test/contracts/kubernetes-actions.test.ts -->";
const END = "<!-- end -->";

const ON_PODS = ACTIONS.filter((name) => fits(name, "pod") && name !== "aws:invoke-lambda");
const PARAMS: Partial<Readonly<Record<ActionName, Params>>> = {
  "kubernetes:label": { labels: { suspect: "yes" } },
  "kubernetes:annotation": { annotations: { suspect: "yes" } },
  "kubernetes:networkpolicy": { allow_cidr: ["192.0.2.0/24"] },
  "kubernetes:quarantine": { unproven: "allow" },
  "calico:networkpolicy": { remote: "198.51.100.7" },
  "cilium:networkpolicy": { remote: "198.51.100.7" },
  "kubernetes:drain": { max_wait_period: 5 },
};
/** A look comes after so long, and the last after so many. */
const LOOK_MS = 250;
const LOOKS = 60;

const never = new AbortController().signal;
const file = process.env["FALCO_RESPONDER_TEST_KUBE"];

/** What became of an action on a pod of such an owner, in a few words: the cell of the table. */
interface Seen {
  readonly cell: string;
  /** Why it refused. */
  readonly because: string | null;
}

async function tryOn(action: ActionName, workload: PodWorkload, reach: Reach): Promise<Seen> {
  const { plan: planOf, prepare, execute, verify, undo } = playbooks[action];
  const planning = planOf(workload, PARAMS[action] ?? {}, { incident: "0123456789abcdef", rule: "table" });
  if (planning.kind === "refused") return { cell: "refuses", because: planning.because };
  const { plan } = planning;
  const prepared = (await prepare?.(plan, reach, never)) ?? { kind: "ready" as const, kept: {}, remarks: [] };
  if (prepared.kind !== "ready") return { cell: prepared.kind === "refused" ? "refuses" : "nothing to do", because: prepared.because };
  const execution = await execute(plan, prepared.kept, reach, never);
  if (execution.kind !== "accepted" && execution.kind !== "done") return { cell: execution.kind, because: execution.because };
  const kept = execution.kept ?? prepared.kept;
  const became = execution.kind === "done" ? "done" : await looked(() => verify(plan, kept, reach, never));
  if (became !== "done" || !undo.possible) return { cell: became, because: null };
  return { cell: `done, ${await takenBack(plan, kept, reach)}`, because: null };
}

async function looked(verify: () => ReturnType<(typeof playbooks)[ActionName]["verify"]>): Promise<string> {
  for (let look = 0; look < LOOKS; look++) {
    const seen = await verify();
    if (seen.kind !== "pending") return seen.kind === "done" ? "done" : `${seen.kind}: ${seen.because}`;
    await sleep(LOOK_MS);
  }
  return `not seen within ${(LOOKS * LOOK_MS) / 1_000} s`;
}

async function takenBack({ action, ...plan }: Plan, kept: Kept, reach: Reach): Promise<string> {
  const { undo } = playbooks[action];
  if (!undo.possible) return "";
  for (let look = 0; look < LOOKS; look++) {
    const seen = await undo.run({ action, ...plan }, kept, reach.nowMs(), reach, never);
    if (seen.kind === "undone") {
      const again = await undo.run({ action, ...plan }, kept, reach.nowMs(), reach, never);
      return again.kind === "nothing" ? "undone" : `undone, and then ${again.kind}: ${again.because}`;
    }
    if (seen.kind !== "requested") return `${seen.kind}: ${seen.because}`;
    await sleep(LOOK_MS);
  }
  return "undo requested";
}

describe.skipIf(file === undefined)("every action on a pod of every kind of owner, on the real API server under the shipped RBAC", () => {
  let stage: KubeStage;
  const cells = new Map<string, Seen>();
  beforeAll(() => {
    stage = openKubeStage(file ?? "");
  });
  afterAll(async () => await stage?.close());

  test.each(ON_PODS)("%s", { timeout: 300_000 }, async (action) => {
    const namespace = `table-${action.replace(":", "-")}-${process.pid}`;
    await stage.namespace(namespace);
    // Whoever acts on nodes has some of their own: what it does there is not felt elsewhere.
    const node = await stage.node(`${namespace}-node`);
    await Promise.all(
      OWNERS.map(async (owner) => {
        const name = owner.toLowerCase();
        const pod = await podOf(owner, name, namespace, node, stage.admin);
        cells.set(`${action} ${owner}`, { cell: "", because: "" });
        const workload = await workloadOf(pod, stage);
        // One after another where they share the node.
        if (!NODE_ACTIONS.includes(action)) cells.set(`${action} ${owner}`, await tryOn(action, workload, stage.reach));
        else waiting.push([owner, workload]);
      }),
    );
    for (const [owner, workload] of waiting.splice(0)) cells.set(`${action} ${owner}`, await tryOn(action, workload, stage.reach));
    const odd = OWNERS.map((owner) => [owner, cells.get(`${action} ${owner}`)?.cell ?? ""] as const).filter(
      ([, cell]) => !KNOWN.test(cell),
    );
    expect(odd).toEqual([]);
  });
  const waiting: [OwnerKind, PodWorkload][] = [];

  test("the page shows what was seen", () => {
    const page = readFileSync(PAGE, "utf8");
    const [before, rest] = [page.slice(0, page.indexOf(START) + START.length), page.slice(page.indexOf(END))];
    const wanted = `${before}\n\n${tableOf(cells)}\n\n${rest}`;
    if (process.env["FALCO_RESPONDER_WRITE_DOCS"] === "1") writeFileSync(PAGE, wanted);
    expect(cells.size).toBe(ON_PODS.length * OWNERS.length);
    expect(page.includes(START), `docs/kubernetes-actions.md has no ${START}`).toBe(true);
    expect(readFileSync(PAGE, "utf8"), "write it anew: FALCO_RESPONDER_WRITE_DOCS=1 with this test").toBe(wanted);
  });
});

const NODE_ACTIONS: readonly ActionName[] = ["kubernetes:cordon", "kubernetes:drain"];
/** Whatever else is seen is a fault. */
const KNOWN = /^(done|done, undone|refuses|nothing to do)$/;

/** Cells, and below them why what refuses does so: each reason once. */
function tableOf(cells: ReadonlyMap<string, Seen>): string {
  const reasons: string[] = [];
  const cellOf = (action: ActionName, owner: OwnerKind): string => {
    const { cell, because } = cells.get(`${action} ${owner}`) ?? { cell: "", because: null };
    if (because === null) return cell;
    const said = because
      .replaceAll("|", "/")
      .replaceAll(`-${process.pid}`, "")
      .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "<uid>");
    if (!reasons.includes(said)) reasons.push(said);
    return `${cell} (${reasons.indexOf(said) + 1})`;
  };
  const rows = ON_PODS.map((action) => `| \`${action}\` | ${OWNERS.map((owner) => cellOf(action, owner)).join(" | ")} |`);
  return [
    `| action | ${OWNERS.join(" | ")} |`,
    `|---|${OWNERS.map(() => "---").join("|")}|`,
    ...rows,
    "",
    ...reasons.map((reason, n) => `${n + 1}. ${reason}`),
  ].join("\n");
}

async function workloadOf(pod: V1Pod, { reach, cluster }: KubeStage): Promise<PodWorkload> {
  const api = await reach.access.kubernetes(cluster);
  const found = await api.get(POD, pod.metadata?.namespace ?? "", pod.metadata?.name ?? "", never);
  if (found === null) throw new Error(`no pod ${pod.metadata?.name}`);
  const facts = podFacts(found);
  const [container] = facts.containers;
  return await workloadOfPod(facts, { name: "app", id: container?.id ?? "", image: null }, cluster, api, never);
}
