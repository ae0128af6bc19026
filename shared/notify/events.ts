import { createHash } from "node:crypto";
import { actionKey, keyOf } from "#shared/domain/action.ts";
import type { Decision } from "#shared/domain/decision.ts";
import type { Receipt } from "#shared/domain/receipt.ts";
import { notificationDocument } from "#shared/notify/document.ts";
import { type NoticeView, renderNoticeSns } from "#shared/notify/notice.ts";
import { statusOf } from "#shared/notify/story.ts";
import type { IncidentView } from "#shared/notify/view.ts";

export const EVENT_SCHEMA = "falco-responder/event/1";

/** EventBridge's `detail-type`. */
export type EventKind = "Decision" | "Question" | "Receipt" | "Undo" | "Notice";

/** `detail`: JSON of `falco-responder/event/1`. `atMs`: when it became so. */
export interface RenderedEvent {
  readonly detailType: EventKind;
  readonly detail: string;
  readonly atMs: number;
}

const SAID = 512;

/**
 * One event for each decision and question of an alert (phase `decision`), and for each receipt and undo. `isTold`: receipts that an earlier
 * message of the channel told. An event has an id: the same for the same fact, however often it is put.
 */
export function renderEvents(view: IncidentView, nowMs: number, isTold: (receipt: Receipt) => boolean): readonly RenderedEvent[] {
  const { alert, cluster, workload, source, count, incident, rule, decisions, receipts } = notificationDocument(view, statusOf(view), "");
  const common = { incident, rule, cluster, alert, source, workload, count };
  const event = (detailType: EventKind, id: readonly string[], atMs: number, own: object): RenderedEvent => ({
    detailType,
    atMs,
    detail: JSON.stringify({
      schema: EVENT_SCHEMA,
      id: idOf(detailType, view.incident, ...id),
      kind: detailType,
      stage: view.stage,
      ...common,
      ...own,
    }),
  });
  const decided = view.phase === "decision" ? view.decisions : [];
  const target = view.workload?.uid ?? "";
  return [
    ...decided.map((decision, position) => {
      const asks = decision.kind === "await-approval";
      return event(asks ? "Question" : "Decision", [view.alert?.id ?? "", target, keyOfDecision(decision), decision.kind], nowMs, {
        decision: decisions[position] ?? null,
        receipt: null,
      });
    }),
    ...(view.phase === "decision" && decided.length === 0
      ? [event("Decision", [view.alert?.id ?? "", target, "tell"], nowMs, { decision: null, receipt: null })]
      : []),
    ...view.receipts.flatMap((receipt, position) => {
      if (isTold(receipt)) return [];
      const { action, subject, outcome, because, verifiedAtMs, requestedAtMs, undoing } = receipt;
      const id = [receipt.target, keyOf(action, subject), outcome, because, String(verifiedAtMs ?? requestedAtMs)];
      const own = { decision: null, receipt: receipts[position] ?? null };
      return [event(undoing === true ? "Undo" : "Receipt", id, verifiedAtMs ?? requestedAtMs ?? nowMs, own)];
    }),
  ];
}

/** What the system itself tells, as an event. */
export function renderNoticeEvent(view: NoticeView, once: string): RenderedEvent {
  const { text: _mail, schema: _other, ...notice } = JSON.parse(renderNoticeSns(view).body) as Record<string, unknown>;
  const id = idOf("Notice", view.notice.kind, view.notice.subject, once);
  return {
    detailType: "Notice",
    atMs: view.atMs,
    detail: JSON.stringify({ schema: EVENT_SCHEMA, id, stage: view.stage, ...notice, notice: notice["kind"], kind: "Notice" }),
  };
}

const keyOfDecision = (decision: Decision): string =>
  typeof decision.action === "string" ? decision.action : actionKey(decision.action.action, decision.action.params);

const idOf = (...parts: readonly string[]): string =>
  createHash("sha256")
    .update(JSON.stringify(parts.map((part) => part.slice(0, 2 * SAID))))
    .digest("hex")
    .slice(0, 32);
