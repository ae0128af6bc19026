import type { Notice } from "#shared/domain/notice.ts";
import type { EscalationStep } from "#shared/domain/policy.ts";
import { type EscalationBody, escalationItem, readEscalation, stepDueMs } from "#shared/ledger/escalation.ts";
import type { IncidentBody, ReceiptBody } from "#shared/ledger/incident.ts";
import { iso, unpack } from "#shared/ledger/items.ts";
import { incidentPk, metaKey, receiptKey } from "#shared/ledger/keys.ts";
import { noticeWrites } from "#shared/ledger/notices.ts";
import { type OrderBody, readOrder } from "#shared/ledger/order.ts";
import type { ClaimPorts } from "#shared/pipeline/respond/ports.ts";
import type { Item, Write } from "#shared/ports/table.ts";

/** told: those of the next step. over: nothing is left to answer. left: not now, or another did it. */
export type Escalated = "told" | "over" | "left";

/** Tells those of the next step that an action failed, or that nobody knows what became of it, as long as nobody has answered. */
export async function escalate(found: Item, ports: ClaimPorts, signal: AbortSignal): Promise<Escalated> {
  const { table, clock } = ports;
  const item = await table.get(found, signal);
  if (item === null) return "left";
  const body = readEscalation(item);
  const nowMs = clock.now();
  const dueMs = stepDueMs(body.sinceMs, body.steps, body.told);
  if (dueMs === null || dueMs > nowMs) return "left";
  const over = await isAnswered(body, ports, signal);
  const next = over ? body : { ...body, told: body.told + 1 };
  const when = { kind: "version", version: item.version } as const;
  const put: Write = { op: "put", item: escalationItem(next, item.version + 1, nowMs, over), when };
  const step = body.steps[body.told];
  const notes = over || step === undefined ? [] : outcomeNotes(body, step, ports, nowMs);
  const { ok } = await table.transact([put, ...notes], signal);
  return !ok ? "left" : over ? "over" : "told";
}

/** Somebody decided something about the incident since, the incident was closed, or the outcome is another by now. */
async function isAnswered(
  { incident, target, key, outcome, sinceMs }: EscalationBody,
  { table }: ClaimPorts,
  signal: AbortSignal,
): Promise<boolean> {
  const meta = await table.get(metaKey(incident), signal);
  if (meta === null || unpack<IncidentBody>(meta, "incident").state === "closed") return true;
  const item = await table.get(receiptKey(incident, target, key), signal);
  if (item === null || unpack<ReceiptBody>(item, "receipt").receipt.outcome !== outcome) return true;
  const orders = (await table.query(incidentPk(incident), "ORDER#", signal)).map(readOrder);
  return orders.some(({ by, decidedAtMs }) => by !== null && decidedAtMs !== null && decidedAtMs >= sinceMs);
}

function outcomeNotes(body: EscalationBody, step: EscalationStep, { registry }: ClaimPorts, nowMs: number): readonly Write[] {
  const { incident, target, key, outcome, because, sinceMs, told, steps } = body;
  const words = outcome === "failed" ? "failed" : "may or may not have happened";
  const notice: Notice = {
    kind: "incident-unanswered",
    subject: incident,
    severity: "critical",
    title: `${key} ${words}, and nobody has answered for ${minutes(nowMs - sinceMs)} (incident ${incident})`,
    lines: [`Target ${target}, since ${iso(sinceMs)}: ${because}`, stepLine(told, steps)],
    remedy: `npm run responder -- show ${incident} --stage ${registry.stage ?? "dev"}`,
  };
  return noticeWrites(notice, `${target} ${key} ${sinceMs} ${told}`, step.notify, nowMs);
}

/** What is told of a question that nobody answers. */
export function questionNotes(order: OrderBody, step: EscalationStep, { registry }: ClaimPorts, nowMs: number): readonly Write[] {
  const { incident, target, key, rule, askedAtMs, atMs, escalated = 0, escalation = [] } = order;
  const notice: Notice = {
    kind: "incident-unanswered",
    subject: incident,
    severity: "critical",
    title: `Nobody has answered for ${minutes(nowMs - askedAtMs)} whether ${key} may be done (incident ${incident})`,
    lines: [`Target ${target}, asked ${iso(askedAtMs)} by rule "${rule}", over ${iso(atMs)}.`, stepLine(escalated, escalation)],
    remedy: `npm run responder -- approve ${incident} --stage ${registry.stage ?? "dev"} (or deny)`,
  };
  return noticeWrites(notice, `${target} ${key} ${askedAtMs} ${escalated}`, step.notify, nowMs);
}

const minutes = (ms: number): string => `${Math.floor(ms / 60_000)} min`;
const stepLine = (told: number, steps: readonly EscalationStep[]): string => `Step ${told + 1} of ${steps.length} of the escalation.`;
