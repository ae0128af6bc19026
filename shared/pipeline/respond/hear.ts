import type { QueueEntry } from "#shared/domain/queue-entry.ts";
import { readMutes } from "#shared/ledger/mute.ts";
import { judge } from "#shared/pipeline/respond/judge.ts";
import { muted, silencedRules } from "#shared/pipeline/respond/mute.ts";
import type { RespondPorts } from "#shared/pipeline/respond/ports.ts";
import type { Unmatched, Verdict } from "#shared/pipeline/respond/verdict.ts";

/** What is to become of an alert, less what people have muted. */
export async function hear(
  entry: QueueEntry,
  receiveCount: number,
  ports: RespondPorts,
  signal: AbortSignal,
): Promise<Verdict | Unmatched> {
  const [whole, mutes] = await Promise.all([judge(entry, receiveCount, ports, signal), readMutes(ports.table, signal)]);
  if (whole.entry === null) return whole;
  const silenced = silencedRules(whole, mutes, ports.clock.now());
  if (silenced.size === 0) return whole;
  ports.telemetry.count("Muted", entry.count);
  const rules = whole.rules.filter((rule) => !silenced.has(rule));
  if (rules.length === 0) return muted(whole, null, silenced);
  // A rule that nobody muted still speaks, with its own actions and channels.
  const rest = await judge({ ...entry, rules, policyVersion: ports.policy.version }, receiveCount, ports, signal);
  return muted(whole, rest.entry === null ? null : rest, silenced);
}
