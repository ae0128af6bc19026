import { PipelineError } from "#shared/domain/error.ts";
import type { PolicyRule, Threshold } from "#shared/domain/policy.ts";
import type { QueueEntry } from "#shared/domain/queue-entry.ts";
import { ownerName, type Resolution, type Workload } from "#shared/domain/workload.ts";
import { expiry, KEEP_HELPER_S, pack, unpack } from "#shared/ledger/items.ts";
import { hashOf, thresholdKey } from "#shared/ledger/keys.ts";
import type { RespondPorts } from "#shared/pipeline/respond/ports.ts";
import { targetOf } from "#shared/policy/guards.ts";
import { type Counted, countUp, type ThresholdState } from "#shared/policy/threshold.ts";

/** What the thresholds of the matching rules say of an alert. */
export interface Counts {
  /** Names of rules whose threshold is not reached: for now they do not match. */
  readonly below: ReadonlySet<string>;
  /** "rule ..: counted, 3 of 5 within 300 s", one for each rule with a threshold. */
  readonly said: readonly string[];
}

const NOTHING: Counts = { below: new Set(), said: [] };

/** Body of THRESHOLD / WINDOW. */
interface ThresholdBody extends ThresholdState {
  readonly rule: string;
}

const ATTEMPTS = 12;
/** As in shared/policy/guards.ts: a clock that is ahead by more cannot be counted with. */
const MAX_AHEAD_MS = 120_000;
/** Ingest sends no more: the highest threshold needs no more. */
const MOST_TIMES = 100;

/** Counts the alert under every rule among these that has a threshold. Repeated at will: a batch counts once. No threshold: no read. */
export async function countThresholds(
  entry: QueueEntry,
  rules: readonly PolicyRule[],
  resolution: Resolution | null,
  ports: Pick<RespondPorts, "table" | "clock">,
  signal: AbortSignal,
): Promise<Counts> {
  const counting = rules.filter(({ match }) => match.threshold !== undefined);
  if (counting.length === 0) return NOTHING;
  const below = new Set<string>();
  const said: string[] = [];
  for (const rule of counting) {
    const { threshold } = rule.match;
    if (threshold === undefined) continue;
    // Whoever may not accuse must not bring anybody nearer to being acted on.
    const count = mayCount(entry) ? await countOne(entry, rule, threshold, targetOf(resolution), ports, signal) : 0;
    if (count < threshold.count) below.add(rule.name);
    said.push(`rule "${rule.name}": counted, ${count} of ${threshold.count} within ${threshold.windowSeconds} s`);
  }
  return { below, said };
}

const mayCount = ({ accuser, tell }: QueueEntry): boolean => accuser.verified && tell === null;

async function countOne(
  entry: QueueEntry,
  rule: PolicyRule,
  { count, windowSeconds, by }: Threshold,
  target: Workload | null,
  { table, clock }: Pick<RespondPorts, "table" | "clock">,
  signal: AbortSignal,
): Promise<number> {
  const key = thresholdKey(groupOf(entry, rule, by, target));
  const batch: Counted = { key: hashOf(entry.similar ?? entry.alert.id, entry.batch).slice(0, 16), times: timesOf(entry) };
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const nowMs = clock.now();
    const found = await table.get(key, signal);
    const state: ThresholdState = found === null ? { counted: [] } : unpack<ThresholdBody>(found, "threshold");
    const reached = countUp(state, batch, count, windowSeconds * 1_000);
    if (reached.next === null) return reached.count;
    const body: ThresholdBody = { rule: rule.name, ...reached.next };
    const item = pack(key, "threshold", (found?.version ?? 0) + 1, nowMs, body, { expires: expiry(nowMs, KEEP_HELPER_S) });
    const when = found === null ? ({ kind: "absent" } as const) : ({ kind: "version", version: found.version } as const);
    if ((await table.transact([{ op: "put", item, when }], signal)).ok) return reached.count;
    await clock.sleep(Math.random() * 25 * 2 ** Math.min(attempt, 5), signal);
  }
  throw new PipelineError("ledger_contention", `a threshold's count changed ${ATTEMPTS} times while an alert was counted`);
}

/**
 * Which alerts are counted together. A value that the alert lacks is a value of its own. While no target is verified, nobody can tell whether
 * the rule's workload clauses hold: such alerts are counted apart.
 */
function groupOf({ alert, cluster }: QueueEntry, { name, match }: PolicyRule, by: readonly string[], target: Workload | null): string {
  const isApart = target === null && (match.workload !== undefined || by.includes("owner"));
  const container = alert.containerId === null ? `host ${alert.hostname ?? ""}` : shortened(alert.containerId);
  const values = by.map((name): readonly unknown[] => {
    if (name === "cluster") return [name, cluster];
    if (name === "container") return [name, cluster, container];
    if (name === "owner") return [name, cluster, target === null ? container : (ownerName(target) ?? target.uid)];
    return [name, Object.hasOwn(alert.fields, name) ? (alert.fields[name] ?? null) : null];
  });
  return hashOf("threshold", name, isApart ? "not verified" : "", JSON.stringify(values));
}

/** All containers of a Fargate task begin alike. */
const shortened = (id: string): string => (id.includes("-") ? id : id.slice(0, 12));

/** An alert without a time that can be counted with is taken to have happened when it came. */
function timesOf({ alert, times, count, receivedMs }: QueueEntry): readonly number[] {
  const given = times ?? Array.from({ length: Math.min(count, MOST_TIMES) }, () => alert.timeMs ?? receivedMs);
  return given
    .map((time) => (Number.isFinite(time) && time <= receivedMs + MAX_AHEAD_MS ? time : receivedMs))
    .sort((a, b) => a - b)
    .slice(-MOST_TIMES);
}
