import type { ActionName } from "#shared/domain/action.ts";
import { messageOf } from "#shared/domain/error.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import type { ReceiptBody } from "#shared/ledger/incident.ts";
import { expiry, iso, KEEP_HELPER_S, pack, unpack } from "#shared/ledger/items.ts";
import { choreKey, incidentPk } from "#shared/ledger/keys.ts";
import type { ClaimPorts } from "#shared/pipeline/respond/ports.ts";
import { readClaim } from "#shared/pipeline/respond/settle.ts";
import { type Ours, oursIn } from "#shared/playbooks/kubernetes/leftovers.ts";
import type { Table } from "#shared/ports/table.ts";

/** Every cluster is searched once in so long. */
const EVERY_MS = 3_600_000;
/** What was made a moment ago may have a claim that is not settled yet, or lose its owner now. */
const YOUNG_MS = 15 * 60_000;
const MOST_TOLD = 20;

interface ChoreBody {
  readonly lookedAtMs: number;
}

/**
 * Looks in the Kubernetes clusters for what bears our marks and no claim stands for: an undo that was cut short, a pod that ended before its
 * policy. Touches nothing: it is told by log and metric, and people remove it. Returns how many were found in the clusters searched now.
 */
export async function lookForLeftovers(ports: ClaimPorts, signal: AbortSignal): Promise<number> {
  const clusters = ports.registry.clusters.filter(({ kind }) => kind !== "ecs");
  let found = 0;
  for (const cluster of clusters) if (await isDue(cluster, ports, signal)) found += await search(cluster, ports, signal);
  return found;
}

/** Taken by whoever writes it first: the next run looks an hour later, whatever becomes of this one. */
async function isDue({ name }: Cluster, { table, clock }: ClaimPorts, signal: AbortSignal): Promise<boolean> {
  const key = choreKey("leftovers", name);
  const there = await table.get(key, signal);
  const nowMs = clock.now();
  if (there !== null && unpack<ChoreBody>(there, "chore").lookedAtMs + EVERY_MS > nowMs) return false;
  const when = there === null ? ({ kind: "absent" } as const) : ({ kind: "version", version: there.version } as const);
  const item = pack<ChoreBody>(
    key,
    "chore",
    (there?.version ?? 0) + 1,
    nowMs,
    { lookedAtMs: nowMs },
    { expires: expiry(nowMs, KEEP_HELPER_S) },
  );
  return (await table.transact([{ op: "put", item, when }], signal)).ok;
}

async function search(cluster: Cluster, { access, table, clock, telemetry }: ClaimPorts, signal: AbortSignal): Promise<number> {
  let marked: readonly Ours[];
  try {
    marked = await oursIn(await access.kubernetes(cluster), signal);
  } catch (thrown) {
    telemetry.warn("A cluster could not be searched for leftovers", { cluster: cluster.name, because: messageOf(thrown) });
    return 0;
  }
  const old = marked.filter(({ atMs }) => atMs === null || clock.now() - atMs > YOUNG_MS);
  const left: Ours[] = [];
  for (const one of old) if (one.orphaned || !(await isStanding(one, table, signal))) left.push(one);
  for (const { resource, namespace, name, incident, atMs } of left.slice(0, MOST_TOLD))
    telemetry.warn(
      "Something of ours is left in a cluster and no action stands for it: look at it, then remove it (docs/kubernetes-actions.md)",
      {
        cluster: cluster.name,
        resource,
        namespace,
        name,
        incident,
        since: atMs === null ? null : iso(atMs),
      },
    );
  telemetry.count("Leftovers", left.length);
  return left.length;
}

const ISOLATES: readonly ActionName[] = [
  "kubernetes:quarantine",
  "kubernetes:networkpolicy",
  "calico:networkpolicy",
  "cilium:networkpolicy",
];

/** Is there an action, done or under way and not taken back, that it belongs to? */
async function isStanding({ target, incident }: Ours, table: Table, signal: AbortSignal): Promise<boolean> {
  if (target !== null) {
    const claims = (await table.query(`CLAIM#${target}`, "", signal)).map((item) => readClaim(item).claim);
    return claims.some(
      ({ action, state }) => ISOLATES.includes(action) && (state === "executing" || state === "requested" || state === "done"),
    );
  }
  if (incident === null) return false;
  const receipts = (await table.query(incidentPk(incident), "RECEIPT#", signal)).map(
    (item) => unpack<ReceiptBody>(item, "receipt").receipt,
  );
  const nodes = receipts.filter(({ action }) => action === "kubernetes:cordon" || action === "kubernetes:drain");
  const back = nodes.filter(({ undoing, outcome }) => undoing === true && (outcome === "done" || outcome === "skipped"));
  return nodes.some(
    (one) =>
      one.undoing !== true &&
      one.outcome !== "refused" &&
      one.outcome !== "failed" &&
      !back.some(({ action, target: uid }) => action === one.action && uid === one.target),
  );
}
