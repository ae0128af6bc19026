import type { ChannelConfig } from "#shared/domain/registry.ts";
import { iso, pack, unpack } from "#shared/ledger/items.ts";
import { paceKey } from "#shared/ledger/keys.ts";
import { held, type PaceBody, type PaceLimits, turn } from "#shared/ledger/pace.ts";
import type { NotifyPorts } from "#shared/pipeline/notify/ports.ts";
import type { Item, Write } from "#shared/ports/table.ts";

/** A message waits for its place in the invocation no longer than this: beyond, sweep sends it. */
const PATIENCE_MS = 10_000;
/** Ten shards and sweep at most reserve at once; each success lets one less compete. */
const ATTEMPTS = 12;

/**
 * Slack: one message a second and channel (https://docs.slack.dev/apis/web-api/rate-limits), chat.update 50 a minute: one call in 1.2 s fits both.
 * SNS has no such limit, its readers have. A bus takes everything. A minute's messages beyond `most` are folded where they may be.
 */
export function limitsOf(config: ChannelConfig): PaceLimits | null {
  if (config.kind === "bus") return null;
  const most = config.digestAbove ?? (config.kind === "sns" ? 60 : 20);
  return { gapMs: config.kind === "sns" ? 0 : 1_200, most };
}

export type Place =
  /** Its turn is now. */
  { readonly kind: "go" } | { readonly kind: "wait"; readonly untilMs: number; readonly isCrowded: boolean };

/**
 * Takes the next place in the channel's line, which the whole deployment shares: an item that is moved on by a conditional write, so that two
 * never have the same place. Resolves when its time has come. Places of senders that died are lost, nobody waits for them.
 */
export async function takePlace(
  config: ChannelConfig,
  wanted: { readonly calls: number; readonly isBound: boolean },
  { table, clock }: NotifyPorts,
  signal: AbortSignal,
): Promise<Place> {
  const limits = limitsOf(config);
  if (limits === null) return { kind: "go" };
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const nowMs = clock.now();
    const item = await table.get(paceKey(config.name), signal);
    const next = turn(paceOf(item), limits, { ...wanted, patienceMs: PATIENCE_MS }, nowMs);
    if (next.kind === "wait") return next;
    if ((await table.transact([write(config.name, item, next.next, nowMs)], signal)).ok) {
      if (next.atMs > nowMs) await clock.sleep(next.atMs - nowMs, signal);
      return { kind: "go" };
    }
    await clock.sleep(Math.random() * 25 * attempt, signal);
  }
  return { kind: "wait", untilMs: clock.now() + PATIENCE_MS, isCrowded: false };
}

/** The receiver asked for patience: nobody of us asks before then. Best effort: who does is told again. */
export async function holdPlace(channel: string, afterMs: number, { table, clock }: NotifyPorts, signal: AbortSignal): Promise<void> {
  for (let attempt = 1; attempt <= 3; attempt++) {
    const nowMs = clock.now();
    const item = await table.get(paceKey(channel), signal);
    if ((await table.transact([write(channel, item, held(paceOf(item), nowMs + afterMs, nowMs), nowMs)], signal)).ok) return;
  }
}

const paceOf = (item: Item | null): PaceBody | null => (item === null ? null : unpack<PaceBody>(item, "pace"));

function write(channel: string, before: Item | null, body: PaceBody, nowMs: number): Write {
  const item = pack(paceKey(channel), "pace", (before?.version ?? 0) + 1, nowMs, body, { until: iso(body.nextAtMs) });
  return { op: "put", item, when: before === null ? { kind: "absent" } : { kind: "version", version: before.version } };
}
