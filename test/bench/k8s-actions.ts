import { readFileSync } from "node:fs";
import { CoreV1Api, type KubeConfig } from "@kubernetes/client-node";
import { Pool } from "undici";
import { systemClock } from "#shared/adapters/clock.ts";
import { clusterAccess } from "#shared/adapters/cluster-access.ts";
import { kubernetesOpeners } from "#shared/adapters/openers-kubernetes.ts";
import type { Receipt } from "#shared/domain/receipt.ts";
import { respondToBatch } from "#shared/pipeline/respond/batch.ts";
import type { ClusterAccess } from "#shared/ports/cluster-access.ts";
import type { Table } from "#shared/ports/table.ts";
import { createDeployment, isUp, kubeConfig, type LabPod, podsOf, startControlPlane, waitFor } from "../../lab/lab.ts";
import { podEntry, policyOf, World } from "../fakes/world.ts";
import { kubeCluster } from "../playbooks/builders.ts";
import { median } from "./bundle.ts";
import { BATCH, record } from "./ecs-alerts.ts";
import { type Wire, wiretapped } from "./k8s-wire.ts";
import type { BenchRow } from "./row.ts";

const DEPLOYMENTS = 10;
const PODS_OF_EACH = 10;
const PODS = DEPLOYMENTS * PODS_OF_EACH;
/** As serverless.yml has it (respondConcurrency): so many invocations of respond-kubernetes at once, each with a batch. */
const FUNCTIONS = 10;
const ROUNDS = 5;
const WARM_UP = 2;
/** Controllers of the lab make a hundred pods anew in ten seconds: few rounds of what is not compared with the goal. */
const ROUNDS_ALONE = 3;

interface Took {
  /** Until the last of them was told to go: its DELETE was answered. */
  readonly toldMs: number;
  /** Until the last of them was seen gone and has its receipt; of bare calls the same as `toldMs`. */
  readonly wallMs: number;
  readonly cpuMs: number;
  /** Told to go, and not seen gone within respond's 5 s: sweep would look again. */
  readonly unseen: number;
}

interface Round {
  readonly ours: Took;
  readonly bare: Took;
  /** Requests of ours, by method and resource. */
  readonly asked: Wire["asked"];
}

const rate = (ms: number): number => (PODS * 1_000) / ms;

/**
 * Pods deleted per second over bare DELETE calls, as many of them under way at once, on the lab's API server, whose controllers replace them
 * meanwhile. Ours: the deployed batch loop with the real adapters: resolve by the alert, decide, evidence, claim with its budgets, rehearsal,
 * DELETE with the uid, looking until it is gone (5 s at most), receipt; the functions are warm and share one process. Every pod is told to go once, and only those, or the
 * run throws.
 */
export async function k8sActions(): Promise<readonly BenchRow[]> {
  const plane = await openPlane();
  const namespace = `bench-${process.pid}`;
  const farms = Array.from({ length: DEPLOYMENTS }, (_, n) => `web-${n}`);
  try {
    for (const farm of farms) await createDeployment(plane.admin, namespace, farm, { count: PODS_OF_EACH });
    const whole = () => allUp(plane.admin, namespace, farms);
    const functions = Array.from({ length: FUNCTIONS }, () => accessTo(plane));
    const bare = new Pool(new URL(plane.server).origin, { connections: FUNCTIONS * BATCH, connect: { ca: pem(plane) } });
    const side = async (ours: readonly ClusterAccess[], round: number): Promise<Round> => {
      const acted = await checked(await whole(), (pods) => responded(pods, plane, ours));
      const called = await checked(await whole(), (pods) => deletedBare(pods, plane, bare, ours.length * BATCH));
      const rates = [acted.took.toldMs, acted.took.wallMs, called.took.toldMs].map((ms) => `${rate(ms).toFixed(1)}/s`);
      console.error(`  ${ours.length} at once, round ${round}: told ${rates[0]}, gone ${rates[1]}, bare ${rates[2]}`);
      return { ours: acted.took, bare: called.took, asked: acted.wire.asked };
    };
    const rounds: Round[] = [];
    for (let round = -WARM_UP; round < ROUNDS; round++) {
      const one = await side(functions, round);
      if (round >= 0) rounds.push(one);
    }
    const alone: Round[] = [];
    for (let round = 0; round < ROUNDS_ALONE; round++) alone.push(await side(functions.slice(0, 1), round));
    await bare.close();
    const told = (of: readonly Round[], who: "ours" | "bare"): number => median(of.map((round) => rate(round[who].toldMs)));
    const gone = (of: readonly Round[]): number => median(of.map(({ ours }) => rate(ours.wallMs)));
    const calls = [...(rounds.at(-1)?.asked ?? [])].map(([what, n]) => `${n} ${what}`).join(", ");
    const setting = `${PODS} pods of ${DEPLOYMENTS} Deployments on KWOK nodes, replaced meanwhile; ledger in memory; median of ${ROUNDS} rounds`;
    const unseen = rounds.reduce((sum, { ours }) => sum + ours.unseen, 0);
    return [
      {
        name: "k8s_actions_per_second",
        value: told(rounds, "ours"),
        unit: "pods/s",
        compared: `bare DELETE calls, ${FUNCTIONS * BATCH} at once: ${told(rounds, "bare").toFixed(0)}/s; until the last DELETE is answered, of ${FUNCTIONS} batches of ${BATCH} at once, as deployed; ${setting}; wanted >= 50, or >= 0.5 of bare`,
      },
      {
        name: "k8s_actions_vs_bare",
        value: median(rounds.map(({ ours, bare: called }) => called.toldMs / ours.toldMs)),
        unit: "of bare",
        compared: `the same as a ratio; ${calls}`,
      },
      {
        name: "k8s_actions_vs_bare_cpu",
        value: median(rounds.map(({ ours, bare: called }) => called.cpuMs / ours.cpuMs)),
        unit: "of bare",
        compared: `per CPU second of ours, receipts included: ${median(rounds.map(({ ours }) => ours.cpuMs / PODS)).toFixed(1)} ms for a pod`,
      },
      {
        name: "k8s_gone_per_second",
        value: gone(rounds),
        unit: "pods/s",
        compared: `the same until the last is seen gone (KWOK: 0.3 s after its DELETE at least) and has its receipt; not seen within 5 s: ${unseen} of ${PODS * ROUNDS}`,
      },
      {
        name: "k8s_gone_one_function",
        value: gone(alone),
        unit: "pods/s",
        compared: `one function, one batch of ${BATCH} after the other, each until its last pod is seen gone; bare DELETE calls, ${BATCH} at once: ${told(alone, "bare").toFixed(0)}/s`,
      },
    ];
  } finally {
    await plane.admin
      .makeApiClient(CoreV1Api)
      .deleteNamespace({ name: namespace })
      .catch(() => undefined);
    await plane.stop();
  }
}

interface Plane {
  readonly server: string;
  readonly caData: string;
  readonly token: string;
  readonly admin: KubeConfig;
  stop(): Promise<void>;
}

const pem = ({ caData }: Pick<Plane, "caData">): Buffer => Buffer.from(caData, "base64");

/** The one that FALCO_RESPONDER_TEST_KUBE names, or one of its own. */
async function openPlane(): Promise<Plane> {
  const file = process.env["FALCO_RESPONDER_TEST_KUBE"];
  if (file !== undefined) {
    const there = JSON.parse(readFileSync(file, "utf8")) as Omit<Plane, "admin" | "stop"> & { readonly adminToken: string };
    return { ...there, admin: kubeConfig(there.server, there.caData, there.adminToken), stop: () => Promise.resolve() };
  }
  const { server, caData, responderToken, admin, stop } = await startControlPlane({ tell: (line) => console.error(line) });
  return { server, caData, token: responderToken, admin, stop };
}

/** What respond-kubernetes reaches as deployed, with connections of its own. */
function accessTo({ token }: Plane): ClusterAccess {
  return clusterAccess(kubernetesOpeners({ read: () => Promise.resolve(JSON.stringify({ token })) }));
}

/** One pod of each Deployment, then the next of each: as their alerts come. */
async function allUp(admin: KubeConfig, namespace: string, farms: readonly string[]): Promise<readonly LabPod[]> {
  const there = await waitFor(
    `${PODS} pods run`,
    async () => {
      const pods = await Promise.all(farms.map((farm) => podsOf(admin, namespace, farm)));
      return pods.every((ofOne) => ofOne.length === PODS_OF_EACH && ofOne.every(isUp)) ? pods : null;
    },
    { deadlineMs: 120_000, everyMs: 500 },
  );
  // They are no part of it, and to select one pod's the server reads all of a namespace: rounds must not grow slower by them.
  await admin.makeApiClient(CoreV1Api).deleteCollectionNamespacedEvent({ namespace });
  return Array.from({ length: PODS_OF_EACH }, (_, nth) => there.flatMap((pods) => pods[nth] ?? [])).flat();
}

async function checked(
  pods: readonly LabPod[],
  work: (pods: readonly LabPod[]) => Promise<Took>,
): Promise<{ readonly took: Took; readonly wire: Wire }> {
  let took: Took = { toldMs: 0, wallMs: 0, cpuMs: 0, unseen: 0 };
  const wire = await wiretapped(async () => {
    took = await work(pods);
  });
  const wanted = pods.map(({ uid }) => uid).sort();
  if (JSON.stringify([...wire.deleted].sort()) !== JSON.stringify(wanted))
    throw new Error(`${wire.deleted.length} DELETE calls, of ${new Set(wire.deleted).size} pods, for ${wanted.length} pods`);
  return { took, wire };
}

async function responded(pods: readonly LabPod[], { server, caData }: Plane, functions: readonly ClusterAccess[]): Promise<Took> {
  // No budget holds anybody back: what they cost is measured, not what they spare.
  const world = new World(policyOf(undefined, { budgets: { windowSeconds: 600, owner: PODS, cluster: 4 * PODS, fleet: 4 * PODS } }));
  const cluster = { ...kubeCluster, access: { by: "token", server, caData, tokenSecret: "bench" } } as const;
  world.registry = { ...world.registry, clusters: [cluster] };
  const timeMs = Date.now() - 10_000;
  const about = { timeMs, time: new Date(timeMs).toISOString() };
  const records = pods.map((pod, n) => record(n, podEntry(world, pod, { about }), pod.uid));
  const batches = Array.from({ length: Math.ceil(records.length / BATCH) }, (_, n) => records.slice(n * BATCH, (n + 1) * BATCH));
  const one = async (access: ClusterAccess): Promise<void> => {
    const table = apart(world.table);
    const ports = { ...world.respondPorts(), table, clock: systemClock, access, redelivery: { after: () => Promise.resolve() } };
    for (let batch = batches.shift(); batch !== undefined; batch = batches.shift()) {
      const { batchItemFailures } = await respondToBatch(batch, ports, new AbortController().signal);
      if (batchItemFailures.length > 0) throw new Error(`${batchItemFailures.length} alerts of a batch failed`);
    }
  };
  const startMs = Date.now();
  const took = await timed(async () => void (await Promise.all(functions.map(one))));
  const receipts = world.bodies<{ readonly receipt: Receipt }>("receipt").map(({ receipt }) => receipt);
  const acted = receipts.filter(({ outcome, evidence }) => (outcome === "done" || outcome === "requested") && evidence.kind === "kept");
  if (acted.length !== pods.length) throw new Error(`${acted.length} of ${pods.length} pods were told to go, with evidence kept`);
  const toldMs = Math.max(...acted.map(({ requestedAtMs }) => (requestedAtMs ?? Number.NaN) - startMs));
  return { ...took, toldMs, unseen: acted.filter(({ outcome }) => outcome === "requested").length };
}

/** The same items, for a function that meets the others only there. */
const apart = (table: Table): Table => ({
  get: (key, signal) => table.get(key, signal),
  query: (pk, prefix, signal, most) => table.query(pk, prefix, signal, most),
  due: (until, limit, signal) => table.due(until, limit, signal),
  transact: (writes, signal, token) => table.transact(writes, signal, token),
  putAll: (items, signal) => table.putAll(items, signal),
});

async function deletedBare(pods: readonly LabPod[], { token }: Plane, pool: Pool, atOnce: number): Promise<Took> {
  const left = [...pods];
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const worker = async (): Promise<void> => {
    for (let one = left.shift(); one !== undefined; one = left.shift()) {
      const { namespace, name, uid } = one;
      const body = JSON.stringify({ apiVersion: "v1", kind: "DeleteOptions", gracePeriodSeconds: 1, preconditions: { uid } });
      const answer = await pool.request({ method: "DELETE", path: `/api/v1/namespaces/${namespace}/pods/${name}`, headers, body });
      await answer.body.dump();
      if (answer.statusCode !== 200) throw new Error(`a bare DELETE was answered with ${answer.statusCode}`);
    }
  };
  return await timed(async () => void (await Promise.all(Array.from({ length: atOnce }, worker))));
}

async function timed(work: () => Promise<void>): Promise<Took> {
  const before = process.cpuUsage();
  const start = performance.now();
  await work();
  const wallMs = performance.now() - start;
  const { user, system } = process.cpuUsage(before);
  return { toldMs: wallMs, wallMs, cpuMs: (user + system) / 1_000, unseen: 0 };
}
