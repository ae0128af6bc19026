import { messageOf, PipelineError } from "#shared/domain/error.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import type { Heartbeat, SensorNode } from "#shared/domain/sensor.ts";
import { pack, unpack } from "#shared/ledger/items.ts";
import { sensorsKey } from "#shared/ledger/keys.ts";
import { noticeWrites } from "#shared/ledger/notices.ts";
import type { ClaimPorts } from "#shared/pipeline/respond/ports.ts";
import { type Hearing, listen } from "#shared/pipeline/sweep/hearing.ts";
import { nodesOf } from "#shared/pipeline/sweep/nodes.ts";
import { blindTelling, type Telling, tellingsOf } from "#shared/pipeline/sweep/sensor-notices.ts";
import { heardOf } from "#shared/policy/sensor-names.ts";
import { judgeSensors, NEW_STATE, type SensorsState, silentAfterMs, type Verdict } from "#shared/policy/sensors.ts";
import type { Item, Write } from "#shared/ports/table.ts";

/** Delivery, and a sweep that was late: what is older than the limit by so much is not read. */
const MARGIN_MS = 3 * 60_000;
/** A run has a minute, and the next comes after one. */
const LONGEST_WAIT_MS = 45_000;
/** Of a transaction, beside the state itself. */
const MOST_NOTES = 99;

export interface SensorReport {
  /** Nodes of the clusters that could be asked. */
  readonly nodes: number;
  readonly silent: number;
  readonly dropping: number;
  /** Clusters of which it cannot be told. */
  readonly blind: number;
}

const NOTHING: SensorReport = { nodes: 0, silent: 0, dropping: 0, blind: 0 };

/**
 * Whether the sensor of every node is heard. Whoever has missed one heartbeat already is looked at again within the same run, when it has
 * missed them all: waiting for the next run would be a minute more for an attacker. One cluster's trouble keeps no other waiting.
 */
export async function watchSensors(ports: ClaimPorts, signal: AbortSignal): Promise<SensorReport> {
  const reports = await Promise.all(
    ports.registry.clusters.map(async (cluster) => {
      if (cluster.heartbeat === undefined) return NOTHING;
      try {
        return await watch(cluster, cluster.heartbeat, ports, signal);
      } catch (thrown) {
        ports.telemetry.error("The sensors of a cluster could not be looked at", { cluster: cluster.name, because: messageOf(thrown) });
        ports.telemetry.count("SensorsUnwatched", 1);
        return NOTHING;
      }
    }),
  );
  const sum = (of: (report: SensorReport) => number): number => reports.reduce((total, report) => total + of(report), 0);
  return { nodes: sum((r) => r.nodes), silent: sum((r) => r.silent), dropping: sum((r) => r.dropping), blind: sum((r) => r.blind) };
}

async function watch(cluster: Cluster, heartbeat: Heartbeat, ports: ClaimPorts, signal: AbortSignal): Promise<SensorReport> {
  const { clock, telemetry } = ports;
  const verdict = await look(cluster, heartbeat, ports, signal);
  const waitMs = verdict.nextMs === null ? null : verdict.nextMs - clock.now();
  let last = verdict;
  if (waitMs !== null && waitMs <= LONGEST_WAIT_MS) {
    await clock.sleep(Math.max(0, waitMs), signal);
    last = await look(cluster, heartbeat, ports, signal);
  }
  const { state } = last;
  const silent = Object.keys(state.silent).length;
  telemetry.count("SilentSensors", silent);
  const dropping = Object.keys(state.dropping).length;
  return { nodes: state.nodes.length, silent, dropping, blind: state.blind === null ? 0 : 1 };
}

async function look(cluster: Cluster, heartbeat: Heartbeat, ports: ClaimPorts, signal: AbortSignal): Promise<Verdict> {
  const { table, clock } = ports;
  const key = sensorsKey(cluster.name);
  const item = await table.get(key, signal);
  const asked = await ask(cluster, heartbeat, ports, signal);
  const fromMs = clock.now() - silentAfterMs(heartbeat) - MARGIN_MS;
  const hearing = await listen(cluster, fromMs, clock.now(), table, signal);
  const nowMs = clock.now();
  const before = item === null ? NEW_STATE : unpack<SensorsState>(item, "sensors");
  const first = judgeSensors(before, asked.nodes, hearing.heard, hearing.heartbeats, heartbeat, nowMs);
  const { verdict, remarks } = await withoutStopped(first, before, cluster, ports, signal);
  const told = [
    ...tellingsOf(cluster.name, verdict, remarks, nowMs),
    ...blind(cluster, heartbeat, verdict, before, asked.because, hearing, nowMs),
  ];
  await store(item, before, verdict.state, told, cluster, ports, nowMs, signal);
  return verdict;
}

/** Null: the cluster cannot be asked, and why. */
async function ask(
  cluster: Cluster,
  heartbeat: Heartbeat,
  { access, telemetry }: ClaimPorts,
  signal: AbortSignal,
): Promise<{ readonly nodes: readonly SensorNode[] | null; readonly because: string | null }> {
  try {
    return { nodes: await nodesOf(cluster, heartbeat, access, signal), because: null };
  } catch (thrown) {
    if (!(thrown instanceof PipelineError)) throw thrown;
    telemetry.warn("A cluster cannot be asked for its nodes: who is silent there cannot be told", {
      cluster: cluster.name,
      because: messageOf(thrown),
    });
    return { nodes: null, because: messageOf(thrown) };
  }
}

/**
 * ECS keeps an instance for a while whose machine is stopping or was terminated: EC2 knows better. Where it cannot be asked, the sensor is
 * silent: doubt must not hide it.
 */
async function withoutStopped(
  verdict: Verdict,
  before: SensorsState,
  cluster: Cluster,
  { access, telemetry }: ClaimPorts,
  signal: AbortSignal,
): Promise<{ readonly verdict: Verdict; readonly remarks: ReadonlyMap<string, string> }> {
  const remarks = new Map<string, string>();
  const machines = verdict.silent.map(({ id }) => id).filter((id) => id.startsWith("i-"));
  if (cluster.kind !== "ecs" || machines.length === 0) return { verdict, remarks };
  let states: ReadonlyMap<string, string>;
  try {
    states = await (await access.network(cluster)).states(machines, signal);
  } catch (thrown) {
    if (!(thrown instanceof PipelineError)) throw thrown;
    telemetry.warn("EC2 cannot be asked for silent machines", { cluster: cluster.name, because: messageOf(thrown) });
    for (const id of machines) remarks.set(id, "whether its machine runs could not be asked");
    return { verdict, remarks };
  }
  const gone = new Set(machines.filter((id) => states.get(id) !== "running" && states.get(id) !== "pending"));
  const silent = Object.fromEntries(
    Object.entries(verdict.state.silent).filter(([id]) => !gone.has(id) || before.silent[id] !== undefined),
  );
  return {
    verdict: { ...verdict, silent: verdict.silent.filter(({ id }) => !gone.has(id)), state: { ...verdict.state, silent } },
    remarks,
  };
}

function blind(
  cluster: Cluster,
  heartbeat: Heartbeat,
  { blind: reason, state }: Verdict,
  before: SensorsState,
  because: string | null,
  { heard }: Hearing,
  nowMs: number,
): readonly Telling[] {
  if (reason === null || state.blind === null) return [];
  const find = heardOf(heard);
  const quiet = reason !== "unknown-nodes" ? [] : before.nodes.filter((id) => isQuiet(find({ id, names: [], sinceMs: 0 })?.heardMs));
  return [blindTelling(cluster.name, reason, state.blind.sinceMs, { because, quiet, heartbeat }, nowMs)];

  function isQuiet(heardMs: number | undefined): boolean {
    return heardMs === undefined || nowMs - heardMs >= silentAfterMs(heartbeat);
  }
}

/** The state and what is told of its change are one: whoever comes second tells nothing. */
async function store(
  item: Item | null,
  before: SensorsState,
  state: SensorsState,
  told: readonly Telling[],
  cluster: Cluster,
  { table, registry }: ClaimPorts,
  nowMs: number,
  signal: AbortSignal,
): Promise<void> {
  const notes = told.flatMap(({ notice, once }) => noticeWrites(notice, once, registry.notifications.system ?? [], nowMs));
  const fresh: Write[] = [];
  for (const write of notes)
    if (write.op === "put" && (await table.get({ pk: write.item.pk, sk: write.item.sk }, signal)) === null) fresh.push(write);
  const same = item !== null && JSON.stringify(before) === JSON.stringify(state);
  if (same && fresh.length === 0) return;
  const when = item === null ? ({ kind: "absent" } as const) : ({ kind: "version", version: item.version } as const);
  const next = pack(sensorsKey(cluster.name), "sensors", (item?.version ?? 0) + 1, nowMs, state);
  // More than fit stand first: dying in between tells them twice, and not never.
  for (let at = MOST_NOTES; at < fresh.length; at += MOST_NOTES) await table.transact(fresh.slice(at, at + MOST_NOTES), signal);
  await table.transact([{ op: "put", item: next, when }, ...fresh.slice(0, MOST_NOTES)], signal);
}
