import { messageOf } from "#shared/domain/error.ts";
import { deliverNote, type Fate, type Line } from "#shared/pipeline/notify/deliver.ts";
import { foldNotes } from "#shared/pipeline/notify/fold.ts";
import type { NotifyPorts } from "#shared/pipeline/notify/ports.ts";
import type { Key } from "#shared/ports/table.ts";

export type { NotifyPorts } from "#shared/pipeline/notify/ports.ts";

/** As `Fate`; folded: told by the channel's digest, which is owed instead. */
export interface NotifyReport extends Readonly<Record<Fate, number>> {
  readonly folded: number;
}

/** So many messages of one channel are under way at once: a slow answer keeps no other waiting. Their pace is `takePlace`'s. */
const PER_CHANNEL = 8;
/** From here on nothing new is begun, so that what was begun ends within the invocation; the rest is sweep's. */
const BEGIN_WITHIN_MS = 30_000;

/**
 * Sends the notes under these keys, each at most once at a time whoever else tries. Channels do not wait for one another, nor one note for
 * another's trouble. Channel trouble is in the report; trouble with the ledger is thrown when all others are done (calling again is harmless).
 */
export async function deliverNotes(keys: readonly Key[], ports: NotifyPorts, signal: AbortSignal): Promise<NotifyReport> {
  const report = { sent: 0, retry: 0, dead: 0, skipped: 0, folded: 0 };
  const troubles: unknown[] = [];
  const trouble = (thrown: unknown, fields: Readonly<Record<string, string>>): void => {
    ports.telemetry.error("A note could not be worked on; it stays owed", { ...fields, because: messageOf(thrown) });
    troubles.push(thrown);
  };
  const beginUntilMs = ports.clock.now() + BEGIN_WITHIN_MS;
  const channels = Object.entries(Object.groupBy(unique(keys), channelOf));
  await Promise.all(
    channels.map(async ([channel, ofChannel = []]) => {
      const line: Line = { isThrottled: false, crowd: [], asking: Promise.resolve() };
      const queue = Object.values(Object.groupBy(ofChannel, ({ pk }) => pk));
      const worker = async (): Promise<void> => {
        for (let ofIncident = queue.shift(); ofIncident !== undefined; ofIncident = queue.shift()) {
          // One after the other, and `decision` before `outcome` in the alphabet as in time: nobody reads the end of a story first.
          for (const key of ofIncident.sort((a, b) => (a.sk < b.sk ? -1 : 1))) {
            try {
              report[ports.clock.now() > beginUntilMs ? "skipped" : await deliverNote(key, line, ports, signal)] += 1;
            } catch (thrown) {
              trouble(thrown, { note: key.sk, incident: key.pk });
            }
          }
        }
      };
      await Promise.all(Array.from({ length: Math.min(PER_CHANNEL, queue.length) }, worker));
      try {
        const folded = await foldNotes(line.crowd, channel, ports, signal);
        report.folded += folded;
        report.skipped -= folded;
      } catch (thrown) {
        trouble(thrown, { channel });
      }
    }),
  );
  if (troubles.length > 0)
    throw troubles.length === 1 ? troubles[0] : new AggregateError(troubles, `${troubles.length} notes could not be worked on`);
  return report;
}

const channelOf = ({ sk }: Key): string => sk.split("#")[1] ?? "";
const unique = (keys: readonly Key[]): Key[] => [...new Map(keys.map((key) => [JSON.stringify([key.pk, key.sk]), key])).values()];
