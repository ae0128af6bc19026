import { actionKey } from "#shared/domain/action.ts";
import type { Decision } from "#shared/domain/decision.ts";
import { readDigest } from "#shared/ledger/digests.ts";
import type { AlertBody, IncidentBody } from "#shared/ledger/incident.ts";
import { unpack } from "#shared/ledger/items.ts";
import { orderKey, receiptKey, seenKey } from "#shared/ledger/keys.ts";
import { readNote } from "#shared/ledger/notes.ts";
import { readNotice } from "#shared/ledger/notices.ts";
import { readOrder } from "#shared/ledger/order.ts";
import { readClaim } from "#shared/pipeline/respond/settle.ts";
import { decodeEntry } from "#shared/wire/queue-entry.ts";
import type { Said } from "../model/scenario.ts";
import { type Sight, short } from "./state.ts";

/** What must be true when nothing happens any more. */
export function judgeTheEnd(sight: Sight): void {
  atRest(sight);
  everyAlertIsAccountedFor(sight);
  everyDecisionEnded(sight);
  everyMessageIsSentOrDead(sight);
  everyIsolationEnded(sight);
}

function atRest({ system, violated }: Sight): void {
  const { table, lanes } = system;
  for (const item of table.all())
    if (item.due !== undefined) violated("it comes to rest", `${item.type} ${item.sk} is still due at ${item.due}`);
  for (const { name, messages } of Object.values(lanes))
    if (messages.length > 0) violated("it comes to rest", `${name} holds ${messages.length} messages`);
  if (system.restedAtMs === null) violated("it comes to rest", "sweep never found nothing to do");
  for (const item of table.ofType("claim")) {
    const { state, over, action, target } = readClaim(item).claim;
    if (state === "executing" || (state === "requested" && over !== true && item.due !== undefined))
      violated("it comes to rest", `${action} on ${short(target)} is ${state}`);
  }
  for (const item of table.ofType("incident"))
    if (unpack<IncidentBody>(item, "incident").state !== "closed") violated("it comes to rest", `incident ${item.pk} is open`);
}

/** Exactly one of: recorded in the ledger, ignored, unreadable and kept, dead-lettered, given up by Lambda and kept. */
function everyAlertIsAccountedFor({ system, scenario, violated, count }: Sight): void {
  const { lanes, table, unreadable, ingested } = system;
  const kept = [...unreadable.values()].flatMap((body) =>
    body
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => (JSON.parse(line) as { raw?: string }).raw),
  );
  const taken = Object.values(lanes).flatMap((lane) => lane.taken.filter((body) => body.includes("queue-entry/1")));
  const dead = new Set(Object.values(lanes).flatMap((lane) => lane.dead.map(({ body }) => body)));
  for (const body of taken) {
    const { alert } = decodeEntry(body);
    const isSeen = table.peek(seenKey(alert.id)) !== null;
    if (!isSeen && !dead.has(body))
      violated("no alert is lost", `alert ${alert.id.slice(0, 8)} was queued, and is neither in the ledger nor a dead letter`);
  }
  everyBatchIsCounted({ system, violated });
  for (const said of scenario.said) {
    if (ingested.has(said.batch)) count(oneThing(said, kept, taken, violated));
    else count("alert given up and kept");
  }
}

function everyBatchIsCounted({ system: { table, reports }, violated }: Pick<Sight, "system" | "violated">): void {
  const counts = new Map<string, number>();
  for (const item of table.ofType("count")) {
    const batch = item.sk.slice("BATCH#".length);
    counts.set(batch, (counts.get(batch) ?? 0) + Number(item["count"]));
  }
  for (const [name, { batch, events, queued, coalesced, ignored, unreadable: unread }] of reports) {
    if (queued + coalesced + ignored + unread !== events)
      violated("no alert is lost", `${name}: ${events} events, ${queued} + ${coalesced} + ${ignored} + ${unread} accounted for`);
    if ((counts.get(batch) ?? 0) !== queued + coalesced)
      violated("no alert is lost", `${name}: ${queued + coalesced} alerts, ${counts.get(batch) ?? 0} counted`);
  }
}

/** What became of a line that ingest took. */
function oneThing(said: Said, kept: readonly (string | undefined)[], taken: readonly string[], violated: Sight["violated"]): string {
  const mark = /sh -c \d+(?: again \d+)?/.exec(said.line)?.[0] ?? null;
  const isKept = kept.includes(said.line);
  const isQueued = mark !== null && taken.some((body) => body.includes(`${mark}"`));
  if (said.untrue === "torn") {
    if (!isKept) violated("no alert is lost", `a torn line of ${said.batch} was not kept`);
    return "alert unreadable";
  }
  if (said.kind === "boring" && said.untrue !== "forged stream") {
    if (isQueued) violated("each alert ends as exactly one thing", `a line that no rule names was queued (${said.batch})`);
    return "alert ignored";
  }
  if (isKept) violated("each alert ends as exactly one thing", `a readable line of ${said.batch} was kept as unreadable`);
  return isQueued ? "alert queued" : "alert counted with its like";
}

/** Acted, held with its reason, asked, or told. */
function everyDecisionEnded({ system, violated, count }: Sight): void {
  const { table } = system;
  for (const item of table.ofType("alert")) {
    const { alert, decisions, target, channels } = unpack<AlertBody>(item, "alert");
    const incident = item.pk.slice("INCIDENT#".length);
    const what = `alert ${alert.id.slice(0, 8)} of ${incident}`;
    if (decisions.length === 0) count("alert told");
    for (const decision of decisions) {
      count(`decision ${decision.kind}`);
      const open = openDecision(decision, incident, target ?? "", system);
      if (open !== null) violated(open, `${what}: ${JSON.stringify(decision.action)}`);
    }
    for (const channel of channels)
      if (table.under(item.pk, `NOTE#${channel}#`).length === 0) violated("everybody is told", `${what}: nothing for ${channel}`);
  }
}

/** The rule that it breaks; null: it is over. */
function openDecision(decision: Decision, incident: string, target: string, { table }: Sight["system"]): string | null {
  if (decision.because === "") return "every decision has its reason";
  if (decision.kind !== "act" && decision.kind !== "await-approval") return null;
  const key = actionKey(decision.action.action, decision.action.params);
  if (decision.kind === "act")
    return table.peek(receiptKey(incident, target, key)) === null ? "every decision to act ends with a receipt" : null;
  const order = table.peek(orderKey(incident, "approve", target, key));
  if (order === null) return "every question is asked";
  return ["awaiting", "given"].includes(readOrder(order).state) ? "every question is answered or over" : null;
}

function everyMessageIsSentOrDead({ system, violated }: Sight): void {
  for (const item of system.table.ofType("note")) {
    const note = readNote(item) ?? readNotice(item) ?? readDigest(item);
    if (note === null || (note.state !== "sent" && note.state !== "dead"))
      violated("every message is sent or dead", `${item.pk} ${item.sk} is ${String(item["state"])}`);
    if (note?.state === "dead" && !note.because) violated("every message is sent or dead", `${item.sk} is dead without a reason`);
  }
}

/** Time never returns an offender to service: who was isolated has ended, or a person has let it go. */
function everyIsolationEnded({ system, violated, count }: Sight): void {
  const { table, world } = system;
  for (const item of table.ofType("claim")) {
    const { claim } = readClaim(item);
    if (claim.action !== "kubernetes:quarantine" || (claim.state !== "done" && claim.state !== "undone")) continue;
    if (world.ended.has(claim.target)) {
      count("isolation ended");
      continue;
    }
    const orders = table.under(`INCIDENT#${claim.incident}`, "ORDER#").map(readOrder);
    const letGo = orders.some(({ verb, target, by }) => verb === "undo" && target === claim.target && by !== null);
    const told = table.peek(receiptKey(claim.incident, claim.target, "kubernetes:quarantine", true));
    if (letGo) count("isolation taken back");
    else if (told === null || claim.state === "undone")
      violated("every isolation ends as designed", `pod ${short(claim.target)} runs on, and nobody let it go`);
  }
}
