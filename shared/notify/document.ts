import type { Alert, FieldValue } from "#shared/domain/alert.ts";
import type { Decision } from "#shared/domain/decision.ts";
import type { Accuser } from "#shared/domain/queue-entry.ts";
import type { Receipt } from "#shared/domain/receipt.ts";
import { ownerName, type Workload } from "#shared/domain/workload.ts";
import { logEventLink } from "#shared/notify/links.ts";
import { fieldText, type Status, said } from "#shared/notify/parts.ts";
import type { IncidentView } from "#shared/notify/view.ts";

export const NOTIFICATION_SCHEMA = "falco-responder/notification/1";

const FIELDS = 64;
const FIELD_CHARS = 1_024;
const ALL_FIELDS_CHARS = 16_000;
/** Decisions, receipts and tags that are listed; a target has one of each per action. */
const LISTED = 20;

/** The JSON of a notification: infra/schemas/notification.json. Times are ISO 8601; every text of others is redacted, visible and bounded. */
export function notificationDocument(view: IncidentView, status: Status, text: string) {
  return {
    schema: NOTIFICATION_SCHEMA,
    incident: short(view.incident),
    phase: view.phase,
    rule: view.rule === null ? null : short(view.rule),
    decision: status.decision,
    outcome: status.outcome,
    cluster: view.cluster === null ? null : { name: short(view.cluster.name), kind: view.cluster.kind, region: short(view.cluster.region) },
    alert: view.alert === null ? null : alertOf(view.alert),
    source: view.accuser === null ? null : sourceOf(view.accuser, view.logRegion),
    tell: view.tell === null ? null : short(view.tell),
    workload: view.workload === null ? null : workloadOf(view.workload),
    decisions: view.decisions.slice(0, LISTED).map(decisionOf),
    receipts: view.receipts.slice(0, LISTED).map(receiptOf),
    count: view.count,
    firstAlertAt: iso(view.firstAlertAtMs),
    lastAlertAt: iso(view.lastAlertAtMs),
    text,
  };
}

const short = (text: string): string => said(text, 512).said;

/** Null, too, for a number that is no time. */
const iso = (ms: number | null): string | null => (ms === null || !(Math.abs(ms) <= 8.64e15) ? null : new Date(ms).toISOString());

function alertOf(alert: Alert) {
  const fields: Record<string, string | number | boolean | null> = {};
  let room = ALL_FIELDS_CHARS;
  let omitted = 0;
  for (const [name, value] of Object.entries(alert.fields)) {
    if (room < 0 || Object.keys(fields).length >= FIELDS) {
      omitted += 1;
      continue;
    }
    const key = said(name, 128).said;
    room -= key.length + sizeOf(value);
    if (room < 0) omitted += 1;
    else Object.defineProperty(fields, key, { value: fieldOf(name, value), enumerable: true, configurable: true, writable: true });
  }
  return {
    id: short(alert.id),
    rule: short(alert.rule),
    priority: alert.priority,
    time: alert.time === null ? null : short(alert.time),
    source: alert.source === null ? null : short(alert.source),
    tags: alert.tags.slice(0, LISTED).map((tag) => said(tag, 128).said),
    hostname: alert.hostname === null ? null : short(alert.hostname),
    output: alert.output === null ? null : said(alert.output, 2_000).said,
    containerId: alert.containerId === null ? null : short(alert.containerId),
    fields,
    fieldsOmitted: omitted,
  };
}

/** As it counts against the room: a long text is cut. */
const sizeOf = (value: FieldValue): number =>
  Math.min(typeof value === "string" ? value.length : JSON.stringify(value).length, FIELD_CHARS);

const fieldOf = (name: string, value: FieldValue): string | number | boolean | null =>
  typeof value === "number" || typeof value === "boolean" || value === null
    ? value
    : said(fieldText(name, value, 2 * FIELD_CHARS), FIELD_CHARS).said;

const sourceOf = (accuser: Accuser, region: string) => ({
  account: short(accuser.account),
  logGroup: short(accuser.logGroup),
  logStream: short(accuser.logStream),
  eventId: short(accuser.eventId),
  verified: accuser.verified,
  because: accuser.because === null ? null : short(accuser.because),
  link: logEventLink(accuser, region),
});

/** Labels and annotations stay inside: they may hold anything. */
const workloadOf = (workload: Workload) => ({
  kind: workload.kind,
  id: short(workload.uid),
  namespace: workload.kind === "task" || workload.namespace === null ? null : short(workload.namespace),
  name: short(workload.kind === "task" ? workload.taskArn.slice(workload.taskArn.lastIndexOf("/") + 1) : workload.name),
  service: workload.kind === "task" && workload.service !== null ? short(workload.service) : null,
  taskDefinition: workload.kind === "task" ? short(`${workload.family}:${workload.revision}`) : null,
  owner: short(ownerName(workload) ?? "none"),
  node: workload.kind === "pod" && workload.node !== null ? short(workload.node) : null,
  container: workload.container === null ? null : short(workload.container.name),
  image: workload.container === null || workload.container.image === null ? null : short(workload.container.image),
});

const decisionOf = (decision: Decision) => ({
  kind: decision.kind,
  action: typeof decision.action === "string" ? decision.action : decision.action.action,
  rule: short(decision.rule),
  because: short(decision.because),
});

const receiptOf = (receipt: Receipt) => ({
  action: receipt.action,
  target: short(receipt.target),
  outcome: receipt.outcome,
  because: short(receipt.because),
  requestedAt: iso(receipt.requestedAtMs),
  verifiedAt: iso(receipt.verifiedAtMs),
  undoable: receipt.undo.possible,
  /** It tells of the undoing of the action. */
  undoing: receipt.undoing === true,
  timed: receipt.timed ?? null,
  subject: receipt.subject === undefined ? null : short(receipt.subject),
  remarks: (receipt.remarks ?? []).slice(0, LISTED).map(short),
  evidence: receipt.evidence.kind === "kept" ? short(receipt.evidence.key) : null,
});
