import type { ChannelConfig } from "#shared/domain/registry.ts";
import { expiry, KEEP_INCIDENT_S, pack, unpack } from "#shared/ledger/items.ts";
import { threadKey } from "#shared/ledger/keys.ts";
import type { NoteItem } from "#shared/ledger/notes.ts";
import { retold, type ThreadBody, type ToldTarget } from "#shared/ledger/threads.ts";
import { renderSlack } from "#shared/notify/slack.ts";
import { rankOf, renderCard } from "#shared/notify/slack-card.ts";
import { tellStory } from "#shared/notify/story.ts";
import type { IncidentView } from "#shared/notify/view.ts";
import { loadView } from "#shared/pipeline/notify/incident-view.ts";
import { clickableIn } from "#shared/pipeline/notify/messages.ts";
import type { NotifyPorts } from "#shared/pipeline/notify/ports.ts";
import type { Delivery, SlackCall } from "#shared/ports/channel.ts";
import type { Item } from "#shared/ports/table.ts";

type BotChannel = Extract<ChannelConfig, { kind: "slack-bot" }>;
type Send = (call: SlackCall, payload: { readonly text: string; readonly blocks: readonly unknown[] }) => Promise<Delivery>;

/** A card and a reply each. */
export const CALLS = 2;

/**
 * Slack by bot token: the incident's one message is posted, or updated in place, which pings nobody; the whole story goes into its thread.
 * What needs a person is shown in the channel as well. Its `ts` is stored between the two calls: a crash before that may post the message
 * once more, a crash after it may repeat the reply, never more.
 */
export async function tellInThread(
  note: NoteItem,
  view: IncidentView,
  { pauseMs, send }: { readonly pauseMs: number; readonly send: Send },
  config: BotChannel,
  ports: NotifyPorts,
  signal: AbortSignal,
): Promise<Delivery> {
  const { table, clock } = ports;
  const key = threadKey(note.incident, config.name);
  const item = await table.get(key, signal);
  const before = item === null ? null : unpack<ThreadBody>(item, "thread");
  const targets = retold(before?.targets ?? [], toldOf(note, view));
  const payload = renderCard(clickableIn(await mostPressing(targets, note, view, ports, signal), config), targets);

  const updated = before === null ? null : await send({ kind: "update", ts: before.ts }, payload);
  const isAnew = updated === null || updated.kind === "gone";
  if (!isAnew && updated.kind !== "sent") return updated;
  const card = isAnew ? await send({ kind: "post" }, payload) : updated;
  if (card.kind !== "sent") return card;
  const ts = card.reference ?? before?.ts;
  if (ts === undefined) return { kind: "retry", because: "Slack took the message and gave it no ts", afterMs: null };
  if (updated?.kind === "gone") ports.telemetry.warn("A message was posted anew", { incident: note.incident, because: updated.because });
  const kept = await keep(key, item, { ts, targets }, ports, signal);

  await clock.sleep(pauseMs, signal);
  // Shown in the channel only when the card before it was not: the card that is posted now pings by itself.
  const broadcast = !isAnew && note.gist?.urgent === true;
  return await send({ kind: "reply", ts: kept, broadcast }, renderSlack(clickableIn(view, config)));
}

function toldOf({ target, alert, phase }: NoteItem, view: IncidentView): ToldTarget {
  const { headline, status } = tellStory(view);
  return { target, alert, phase, rank: rankOf(status), headline };
}

/** The card tells of the target that needs attention most, as it is now. */
async function mostPressing(
  targets: readonly ToldTarget[],
  note: NoteItem,
  view: IncidentView,
  ports: NotifyPorts,
  signal: AbortSignal,
): Promise<IncidentView> {
  const [first] = targets;
  if (first === undefined || first.target === note.target) return view;
  const { target, alert, phase } = first;
  return (await loadView({ ...note, target, alert, phase }, ports, signal)) ?? view;
}

/** The ts to answer under: another's, when it was faster. */
async function keep(
  key: ReturnType<typeof threadKey>,
  before: Item | null,
  body: ThreadBody,
  { table, clock }: NotifyPorts,
  signal: AbortSignal,
): Promise<string> {
  const nowMs = clock.now();
  const item = pack(key, "thread", (before?.version ?? 0) + 1, nowMs, body, { expires: expiry(nowMs, KEEP_INCIDENT_S) });
  const when = before === null ? ({ kind: "absent" } as const) : ({ kind: "version", version: before.version } as const);
  if ((await table.transact([{ op: "put", item, when }], signal)).ok) return body.ts;
  const theirs = await table.get(key, signal);
  return theirs === null ? body.ts : unpack<ThreadBody>(theirs, "thread").ts;
}
