import { messageOf } from "#shared/domain/error.ts";
import type { ChannelConfig, Registry } from "#shared/domain/registry.ts";
import { incidentPk } from "#shared/ledger/keys.ts";
import { type NoteItem, type NoticeItem, type OwedNote, readNote, toldOf } from "#shared/ledger/notes.ts";
import { noticeOf, readNotice } from "#shared/ledger/notices.ts";
import { type NoticeView, renderNoticeSlack, renderNoticeSns } from "#shared/notify/notice.ts";
import { renderSlack } from "#shared/notify/slack.ts";
import { renderSns } from "#shared/notify/sns.ts";
import type { IncidentView } from "#shared/notify/view.ts";
import { begin, covered, dead, later, MOST_ATTEMPTS, sent } from "#shared/pipeline/notify/attempts.ts";
import { loadView } from "#shared/pipeline/notify/incident-view.ts";
import type { Channel, Delivery, OutgoingMessage } from "#shared/ports/channel.ts";
import type { Clock } from "#shared/ports/clock.ts";
import type { Item, Key, Table } from "#shared/ports/table.ts";
import type { Telemetry } from "#shared/ports/telemetry.ts";

export interface NotifyPorts {
  readonly table: Table;
  readonly channel: Channel;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly registry: Registry;
}

/** retry: stays owed, sweep sends it again. dead: needs a person, alarmed. skipped: final, held by another, not yet due, or told already. */
export interface NotifyReport {
  readonly sent: number;
  readonly retry: number;
  readonly dead: number;
  readonly skipped: number;
}

type Fate = keyof NotifyReport;

/** So many messages of one channel are under way at once. Slack takes about one a second (https://docs.slack.dev/apis/web-api/rate-limits). */
const PER_CHANNEL = 8;
/** Well within the lease, whatever a channel does. */
const SEND_MS = 12_000;

/**
 * Sends the notes under these keys, each at most once at a time whoever else tries. Channels do not wait for one another, nor one note for
 * another's trouble. Channel trouble is in the report; trouble with the ledger is thrown when all others are done (calling again is harmless).
 */
export async function deliverNotes(keys: readonly Key[], ports: NotifyPorts, signal: AbortSignal): Promise<NotifyReport> {
  const report = { sent: 0, retry: 0, dead: 0, skipped: 0 };
  const troubles: unknown[] = [];
  const channels = Object.values(Object.groupBy(unique(keys), channelOf));
  await Promise.all(
    channels.map(async (ofChannel = []) => {
      const pace = { isThrottled: false };
      const queue = Object.values(Object.groupBy(ofChannel, ({ pk }) => pk));
      const worker = async (): Promise<void> => {
        for (let ofIncident = queue.shift(); ofIncident !== undefined; ofIncident = queue.shift()) {
          // One after the other, and `decision` before `outcome` in the alphabet as in time: nobody reads the end of a story first.
          for (const key of ofIncident.sort((a, b) => (a.sk < b.sk ? -1 : 1))) {
            try {
              report[await deliverNote(key, pace, ports, signal)] += 1;
            } catch (thrown) {
              ports.telemetry.error("A note could not be worked on; it stays owed", {
                note: key.sk,
                incident: key.pk,
                because: messageOf(thrown),
              });
              troubles.push(thrown);
            }
          }
        }
      };
      await Promise.all(Array.from({ length: Math.min(PER_CHANNEL, queue.length) }, worker));
    }),
  );
  if (troubles.length > 0)
    throw troubles.length === 1 ? troubles[0] : new AggregateError(troubles, `${troubles.length} notes could not be worked on`);
  return report;
}

const channelOf = ({ sk }: Key): string => sk.split("#")[1] ?? "";
const unique = (keys: readonly Key[]): Key[] => [...new Map(keys.map((key) => [JSON.stringify([key.pk, key.sk]), key])).values()];

/** `pace`: of the note's channel in this call. Once the receiver asks for patience, the rest stays pending for sweep. */
async function deliverNote(key: Key, pace: { isThrottled: boolean }, ports: NotifyPorts, signal: AbortSignal): Promise<Fate> {
  const { table, clock } = ports;
  if (pace.isThrottled || signal.aborted) return "skipped";
  const item = await table.get(key, signal);
  const notice = readNotice(item);
  if (notice !== null) return await deliverNotice(notice, pace, ports, signal);
  const found = readNote(item);
  const note = found === null ? null : begin(found, clock.now());
  if (found === null || note === null) return "skipped";
  const siblings = note.phase === "decision" ? [] : await siblingsOf(note, table, signal);
  if (siblings.some(isOwedDecision) || !(await store(note, found.version, table, signal))) return "skipped";

  const view = note.attempts > MOST_ATTEMPTS ? null : await loadView(note, ports, signal);
  const told = toldOf(view?.receipts ?? []);
  if (view !== null && siblings.some((other) => other.told === told)) {
    await store(covered(note, clock.now()), note.version, table, signal);
    return "skipped";
  }
  const delivery = await attempt(note, (config) => (view === null ? null : render(view, config)), ports, signal);
  if (delivery.kind === "retry" && delivery.afterMs !== null) pace.isThrottled = true;
  const settled = settle(note, delivery, clock.now());
  return await close(settled.state === "sent" ? { ...settled, told } : settled, note, delivery, ports, signal);
}

/** What the system itself tells: the note has all of it. */
async function deliverNotice(found: NoticeItem, pace: { isThrottled: boolean }, ports: NotifyPorts, signal: AbortSignal): Promise<Fate> {
  const { table, clock, registry } = ports;
  const note = begin(found, clock.now());
  if (note === null || !(await store(note, found.version, table, signal))) return "skipped";
  const notice = noticeOf(note);
  const view = { notice, atMs: notice.atMs, stage: registry.stage ?? null };
  const delivery = await attempt(note, (config) => renderNotice(view, config), ports, signal);
  if (delivery.kind === "retry" && delivery.afterMs !== null) pace.isThrottled = true;
  return await close(settle(note, delivery, clock.now()), note, delivery, ports, signal);
}

async function close(settled: OwedNote, note: OwedNote, delivery: Delivery, ports: NotifyPorts, signal: AbortSignal): Promise<Fate> {
  // Lost: the lease ended meanwhile and another has it. What was sent was sent, and is sent once more with the same incident.
  if (!(await store(settled, note.version, ports.table, signal)))
    ports.telemetry.warn("A note's lease ended before its send did", about(note));
  return tell(settled, delivery, ports);
}

async function store(note: OwedNote, readVersion: number, table: Table, signal: AbortSignal): Promise<boolean> {
  const item: Item = note;
  return (await table.transact([{ op: "put", item, when: { kind: "version", version: readVersion } }], signal)).ok;
}

/** What else this channel was or is to be told about the same target of the incident. */
async function siblingsOf({ incident, channel, target, sk }: NoteItem, table: Table, signal: AbortSignal): Promise<readonly NoteItem[]> {
  const items = await table.query(incidentPk(incident), `NOTE#${channel}#`, signal);
  return items.map(readNote).filter((note) => note !== null && note.sk !== sk && note.target === target) as NoteItem[];
}

const isOwedDecision = ({ phase, state }: NoteItem): boolean => phase === "decision" && (state === "pending" || state === "sending");

async function attempt(
  note: OwedNote,
  render: (config: ChannelConfig) => OutgoingMessage | null,
  ports: NotifyPorts,
  signal: AbortSignal,
): Promise<Delivery> {
  if (note.attempts > MOST_ATTEMPTS)
    return { kind: "permanent", because: `given up after ${MOST_ATTEMPTS} attempts: ${note.because ?? "no answer"}` };
  const config = ports.registry.notifications.channels.find(({ name }) => name === note.channel);
  if (config === undefined) return { kind: "permanent", because: `falco-responder.yml names no channel "${note.channel}" (any more)` };
  const message = render(config);
  if (message === null) return { kind: "permanent", because: "the incident is no longer in the ledger" };
  return await ports.channel.send(message, AbortSignal.any([signal, AbortSignal.timeout(SEND_MS)]));
}

const clickableIn = (view: IncidentView, { buttons }: { readonly buttons?: false }): IncidentView =>
  buttons === false ? { ...view, clickable: false } : view;

/** The message of one channel: the same story in that channel's form. */
function render(view: IncidentView, config: ChannelConfig): OutgoingMessage {
  return config.kind === "sns"
    ? { kind: "sns", topicArn: config.topicArn, ...renderSns(view) }
    : { kind: "slack", urlSecret: config.urlSecret, payload: renderSlack(clickableIn(view, config)) };
}

function renderNotice(view: NoticeView, config: ChannelConfig): OutgoingMessage {
  return config.kind === "sns"
    ? { kind: "sns", topicArn: config.topicArn, ...renderNoticeSns(view) }
    : { kind: "slack", urlSecret: config.urlSecret, payload: renderNoticeSlack(view) };
}

function settle<N extends OwedNote>(note: N, delivery: Delivery, nowMs: number): N {
  if (delivery.kind === "sent") return sent(note, nowMs);
  return delivery.kind === "permanent" ? dead(note, delivery.because, nowMs) : later(note, delivery.because, delivery.afterMs, nowMs);
}

const about = (note: OwedNote) => ({
  ...(note.phase === "notice" ? { notice: note.pk } : { incident: note.incident, alert: note.alert }),
  channel: note.channel,
  phase: note.phase,
  attempts: note.attempts,
});

function tell(note: OwedNote, delivery: Delivery, { telemetry }: NotifyPorts): Fate {
  const outcome = delivery.kind === "permanent" ? "dead" : delivery.kind;
  telemetry.count("Notifications", 1, { outcome });
  if (delivery.kind === "sent") {
    telemetry.info("Told", { ...about(note), reference: delivery.reference });
    return "sent";
  }
  const fields = { ...about(note), because: delivery.because };
  if (delivery.kind === "retry") telemetry.warn("Could not tell, will try again", fields);
  else {
    telemetry.count("NotificationFailed", 1);
    telemetry.error("Can never tell: a person must look", fields);
  }
  return outcome;
}
