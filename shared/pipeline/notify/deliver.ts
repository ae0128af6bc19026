import type { ChannelConfig } from "#shared/domain/registry.ts";
import { digestOf, readDigest } from "#shared/ledger/digests.ts";
import { incidentPk, threadKey } from "#shared/ledger/keys.ts";
import {
  type DigestItem,
  moveNote,
  type NoteItem,
  type NoticeItem,
  type OwedNote,
  readNote,
  tellsAlready,
  toldOf,
} from "#shared/ledger/notes.ts";
import { noticeOf, readNotice } from "#shared/ledger/notices.ts";
import { renderDigestSlack, renderDigestSns } from "#shared/notify/digest.ts";
import { renderEvents, renderNoticeEvent } from "#shared/notify/events.ts";
import { renderNoticeSlack, renderNoticeSns } from "#shared/notify/notice.ts";
import { renderSlackWebhook } from "#shared/notify/slack.ts";
import { renderSns } from "#shared/notify/sns.ts";
import type { IncidentView } from "#shared/notify/view.ts";
import { begin, covered, MOST_ATTEMPTS, settle } from "#shared/pipeline/notify/attempts.ts";
import { mayFold } from "#shared/pipeline/notify/fold.ts";
import { loadView } from "#shared/pipeline/notify/incident-view.ts";
import { clickableIn, type Forms, messageFor } from "#shared/pipeline/notify/messages.ts";
import { holdPlace, limitsOf, type Place, takePlace } from "#shared/pipeline/notify/pace.ts";
import type { NotifyPorts } from "#shared/pipeline/notify/ports.ts";
import { CALLS, tellInThread } from "#shared/pipeline/notify/thread.ts";
import type { Delivery } from "#shared/ports/channel.ts";
import type { Item, Key, Table } from "#shared/ports/table.ts";

/** retry: stays owed, sweep sends it again. dead: needs a person, alarmed. skipped: final, held by another, not yet due, or told already. */
export type Fate = "sent" | "retry" | "dead" | "skipped";

/** Of one channel, in one call: what is to be folded, and whether it wants to be left alone. */
export interface Line {
  isThrottled: boolean;
  readonly crowd: NoteItem[];
  /** The last that asked for a place: within a call they ask one after the other, and send at once. */
  asking: Promise<unknown>;
}

/** Well within the lease, whatever a channel does. */
const SEND_MS = 12_000;

/** Delivers what is owed under this key. Once the receiver asks for patience, the rest of the channel stays pending for sweep. */
export async function deliverNote(key: Key, line: Line, ports: NotifyPorts, signal: AbortSignal): Promise<Fate> {
  if (signal.aborted) return "skipped";
  const item = await ports.table.get(key, signal);
  const own = readNotice(item) ?? readDigest(item);
  if (own !== null) return await deliverOwn(own, line, ports, signal);
  const note = readNote(item);
  return note === null ? "skipped" : await deliverIncident(note, line, ports, signal);
}

async function deliverIncident(found: NoteItem, line: Line, ports: NotifyPorts, signal: AbortSignal): Promise<Fate> {
  const { table, clock } = ports;
  const note = begin(found, clock.now());
  if (note === null) return "skipped";
  const siblings = note.phase === "decision" ? [] : await siblingsOf(note, table, signal);
  if (siblings.some(isOwedDecision)) return "skipped";
  const config = configOf(note, ports);
  const hasThread = config?.kind === "slack-bot" && (await table.get(threadKey(note.incident, config.name), signal)) !== null;
  // What is shown to be under way must not stay so: an update of a message is never folded.
  const folds = mayFold(found) && !hasThread && found.attempts === 0;
  const place = await placeFor(config, { calls: config?.kind === "slack-bot" ? CALLS : 1, isBound: folds }, line, ports, signal);
  if (place.kind === "wait") {
    if (!folds || !place.isCrowded) return await waitUntil(found, place.untilMs, ports, signal);
    line.crowd.push(found);
    return "skipped";
  }
  // Waiting for a place took time: whoever has taken it meanwhile tells it.
  const begun = begin(found, clock.now());
  if (begun === null || !(await store(begun, found.version, table, signal))) return "skipped";
  return await tellIncident(begun, siblings, config, line, ports, signal);
}

async function tellIncident(
  note: NoteItem,
  siblings: readonly NoteItem[],
  config: ChannelConfig | undefined,
  line: Line,
  ports: NotifyPorts,
  signal: AbortSignal,
): Promise<Fate> {
  const { table, clock } = ports;
  const view = note.attempts > MOST_ATTEMPTS ? null : await loadView(note, ports, signal);
  const told = toldOf(view?.receipts ?? []);
  if (view !== null && siblings.some((other) => other.told === told)) {
    await store(covered(note, clock.now()), note.version, table, signal);
    return "skipped";
  }
  const delivery = hopeless(note, config) ?? (await tell(note, view, siblings, config, ports, signal));
  await mindPatience(delivery, note.channel, line, ports, signal);
  const settled = settle(note, delivery, clock.now());
  return await close(settled.state === "sent" ? { ...settled, told } : settled, note, delivery, ports, signal);
}

async function tell(
  note: NoteItem,
  view: IncidentView | null,
  siblings: readonly NoteItem[],
  config: ChannelConfig | undefined,
  ports: NotifyPorts,
  signal: AbortSignal,
): Promise<Delivery> {
  if (view === null || config === undefined) return { kind: "permanent", because: "the incident is no longer in the ledger" };
  if (config.kind === "slack-bot") {
    const send = (call: Parameters<typeof messageFor>[2], payload: ReturnType<Forms["slack"]>) =>
      ports.channel.send(messageFor(config, { ...NO_FORMS, slack: () => payload }, call), inTime(signal));
    return await tellInThread(note, view, { pauseMs: limitsOf(config)?.gapMs ?? 0, send }, config, ports, signal);
  }
  const isTold = tellsAlready(siblings);
  return await ports.channel.send(
    messageFor(config, {
      slack: () => renderSlackWebhook(clickableIn(view, config)),
      sns: () => renderSns(view),
      events: () => renderEvents(view, ports.clock.now(), isTold),
    }),
    inTime(signal),
  );
}

const nothing = (): never => {
  throw new Error("a bot's message has one form");
};
const NO_FORMS: Omit<Forms, "slack"> = { sns: nothing, events: nothing };

/** Notices and digests: the item has all of it. A digest is sent when its minute is over. */
async function deliverOwn(found: NoticeItem | DigestItem, line: Line, ports: NotifyPorts, signal: AbortSignal): Promise<Fate> {
  const { table, clock } = ports;
  const isGrowing = found.phase === "digest" && found.due !== undefined && Date.parse(found.due) > clock.now();
  if (isGrowing || begin(found, clock.now()) === null) return "skipped";
  const config = configOf(found, ports);
  const place = await placeFor(config, { calls: 1, isBound: false }, line, ports, signal);
  if (place.kind === "wait") return await waitUntil(found, place.untilMs, ports, signal);
  const note = begin(found, clock.now());
  if (note === null || !(await store(note, found.version, table, signal))) return "skipped";
  const delivery =
    hopeless(note, config) ?? (await ports.channel.send(messageFor(config as ChannelConfig, formsOf(note, ports)), inTime(signal)));
  await mindPatience(delivery, note.channel, line, ports, signal);
  return await close(settle(note, delivery, clock.now()), note, delivery, ports, signal);
}

function formsOf(note: NoticeItem | DigestItem, { registry }: NotifyPorts): Forms {
  const stage = registry.stage ?? null;
  if (note.phase === "digest") {
    const view = { digest: digestOf(note), stage };
    return { slack: () => renderDigestSlack(view), sns: () => renderDigestSns(view), events: () => [] };
  }
  const notice = noticeOf(note);
  const view = { notice, atMs: notice.atMs, stage };
  return { slack: () => renderNoticeSlack(view), sns: () => renderNoticeSns(view), events: () => [renderNoticeEvent(view, note.topic)] };
}

const configOf = ({ channel }: OwedNote, { registry }: NotifyPorts): ChannelConfig | undefined =>
  registry.notifications.channels.find(({ name }) => name === channel);

const inTime = (signal: AbortSignal): AbortSignal => AbortSignal.any([signal, AbortSignal.timeout(SEND_MS)]);

function hopeless(note: OwedNote, config: ChannelConfig | undefined): Delivery | null {
  if (note.attempts > MOST_ATTEMPTS)
    return { kind: "permanent", because: `given up after ${MOST_ATTEMPTS} attempts: ${note.because ?? "no answer"}` };
  return config === undefined ? { kind: "permanent", because: `falco-responder.yml names no channel "${note.channel}" (any more)` } : null;
}

async function placeFor(
  config: ChannelConfig | undefined,
  wanted: { readonly calls: number; readonly isBound: boolean },
  line: Line,
  ports: NotifyPorts,
  signal: AbortSignal,
): Promise<Place> {
  if (config === undefined) return { kind: "go" };
  const place = line.asking.then(async (): Promise<Place> => {
    if (line.isThrottled) return { kind: "wait", untilMs: ports.clock.now(), isCrowded: true };
    return await takePlace(config, wanted, ports, signal);
  });
  line.asking = place.catch(() => undefined);
  return await place;
}

/** Not an attempt: it waits for its turn, and sweep sends it. A throttled channel's notes stay as they are. */
async function waitUntil(found: OwedNote, untilMs: number, { table, clock }: NotifyPorts, signal: AbortSignal): Promise<Fate> {
  const nowMs = clock.now();
  if (untilMs > nowMs) {
    const to = { state: "pending", attempts: found.attempts, because: "others come first", dueMs: untilMs } as const;
    await store(moveNote(found, to, nowMs), found.version, table, signal);
  }
  return "skipped";
}

async function mindPatience(delivery: Delivery, channel: string, line: Line, ports: NotifyPorts, signal: AbortSignal): Promise<void> {
  if (delivery.kind !== "retry" || delivery.afterMs === null) return;
  line.isThrottled = true;
  await holdPlace(channel, delivery.afterMs, ports, signal);
}

async function store(item: Item, readVersion: number, table: Table, signal: AbortSignal): Promise<boolean> {
  return (await table.transact([{ op: "put", item, when: { kind: "version", version: readVersion } }], signal)).ok;
}

/** What else this channel was or is to be told about the same target of the incident. */
async function siblingsOf({ incident, channel, target, sk }: NoteItem, table: Table, signal: AbortSignal): Promise<readonly NoteItem[]> {
  const items = await table.query(incidentPk(incident), `NOTE#${channel}#`, signal);
  return items.map(readNote).filter((note) => note !== null && note.sk !== sk && note.target === target) as NoteItem[];
}

const isOwedDecision = ({ phase, state }: NoteItem): boolean => phase === "decision" && (state === "pending" || state === "sending");

const about = (note: OwedNote) => ({
  ...("incident" in note ? { incident: note.incident, alert: note.alert } : { notice: note.pk }),
  channel: note.channel,
  phase: note.phase,
  attempts: note.attempts,
});

async function close(settled: OwedNote, note: OwedNote, delivery: Delivery, ports: NotifyPorts, signal: AbortSignal): Promise<Fate> {
  const { table, telemetry } = ports;
  // Lost: the lease ended meanwhile and another has it. What was sent was sent, and is sent once more with the same incident.
  if (!(await store(settled, note.version, table, signal))) telemetry.warn("A note's lease ended before its send did", about(note));
  const outcome = delivery.kind === "sent" || delivery.kind === "retry" ? delivery.kind : "dead";
  telemetry.count("Notifications", 1, { outcome });
  if (delivery.kind === "sent") {
    telemetry.info("Told", { ...about(note), reference: delivery.reference });
    return "sent";
  }
  const fields = { ...about(note), because: delivery.because };
  if (outcome === "retry") telemetry.warn("Could not tell, will try again", fields);
  else {
    telemetry.count("NotificationFailed", 1);
    telemetry.error("Can never tell: a person must look", fields);
  }
  return outcome;
}
