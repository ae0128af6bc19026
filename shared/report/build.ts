import { cleanText } from "#shared/audit/clean.ts";
import { actionKey, keyOf } from "#shared/domain/action.ts";
import type { Fields } from "#shared/domain/alert.ts";
import { ownerName, workloadName } from "#shared/domain/workload.ts";
import type { AlertBody, TargetBody } from "#shared/ledger/incident.ts";
import { iso } from "#shared/ledger/items.ts";
import type { NoteItem } from "#shared/ledger/notes.ts";
import type { OrderBody } from "#shared/ledger/order.ts";
import type { Material } from "#shared/report/material.ts";
import type { ActionPart, AlertPart, IncidentReport, QuestionPart, TargetPart, ToldPart } from "#shared/report/report.ts";
import { timelineOf } from "#shared/report/timeline.ts";

/** The report of what was read. Pure; every text of an alert, an API or a person is redacted here. */
export function reportOf(material: Material): IncidentReport {
  const { about, count, alertsLeftOut, policies, record, nowMs } = material;
  const alerts = material.alerts.map((body) => alertPart(body, about.cluster));
  const told = material.notes.map(toldPart).sort((a, b) => (a.at < b.at ? -1 : 1));
  const actions = actionParts(material, told).sort((a, b) => (a.settledAt < b.settledAt ? -1 : 1));
  const questions = material.orders.map(questionPart).sort((a, b) => (a.askedAt < b.askedAt ? -1 : 1));
  const parts = { alerts, actions, questions, told };
  return {
    schema: "falco-responder/report/1",
    madeAt: iso(nowMs),
    incident: about.incident,
    state: about.state,
    cluster: about.cluster,
    who: cleanText(about.who),
    rule: about.rule,
    generation: about.generation,
    openedAt: iso(about.firstAlertAtMs),
    closedAt: isoOr(about.closedAtMs),
    count,
    alertsLeftOut,
    targets: material.targets.map(targetPart),
    policies,
    ...parts,
    timeline: timelineOf(about, material.alerts, parts),
    record,
  };
}

const isoOr = (ms: number | null | undefined): string | null => (ms === null || ms === undefined ? null : iso(ms));
const cleanOr = (text: string | null): string | null => (text === null ? null : cleanText(text));

function alertPart(body: AlertBody, cluster: string | null): AlertPart {
  const { alert, accuser } = body;
  return {
    id: alert.id,
    rule: cleanText(alert.rule),
    priority: alert.priority,
    time: cleanOr(alert.time),
    node: cleanOr(alert.hostname),
    output: cleanOr(alert.output),
    containerId: alert.containerId,
    processes: processesOf(alert.fields),
    user: textOf(alert.fields["user.name"] ?? alert.fields["user.uid"]),
    accuser: {
      verified: accuser.verified,
      because:
        accuser.because ??
        `this log group and stream are registered for cluster ${cluster ?? "(none)"}, and nothing in the alert contradicts it`,
      account: accuser.account,
      logGroup: accuser.logGroup,
      logStream: accuser.logStream,
      eventId: accuser.eventId,
      eventAt: isoOr(accuser.eventTimeMs),
      wholeAt: body.wholeAt,
    },
    count: body.count,
    receivedAt: isoOr(body.receivedMs),
    decidedAt: iso(body.decidedAtMs),
    matched: body.rules,
    decisions: body.decisions.map(({ kind, action, rule, because }) => ({
      kind,
      action: typeof action === "string" ? action : actionKey(action.action, action.params),
      rule,
      because: cleanText(because),
    })),
    target: body.target,
    under: body.under ?? null,
  };
}

const MOST_ANCESTORS = 20;

function processesOf(fields: Fields): AlertPart["processes"] {
  const one = (name: string, pid: string, command: string) => {
    const found = textOf(fields[name]);
    return found === null ? [] : [{ name: found, pid: textOf(fields[pid]), command: textOf(fields[command]) }];
  };
  const ancestors = Array.from({ length: MOST_ANCESTORS }, (_, depth) => depth + 2).flatMap((depth) =>
    one(`proc.aname[${depth}]`, `proc.apid[${depth}]`, `proc.acmdline[${depth}]`),
  );
  return [...one("proc.name", "proc.pid", "proc.cmdline"), ...one("proc.pname", "proc.ppid", "proc.pcmdline"), ...ancestors];
}

const textOf = (value: unknown): string | null =>
  value === undefined || value === null ? null : cleanText(typeof value === "string" ? value : JSON.stringify(value));

function targetPart({ workload, how }: TargetBody): TargetPart {
  return {
    uid: workload.uid,
    name: workloadName(workload),
    kind: workload.kind,
    cluster: workload.cluster,
    owner: ownerName(workload),
    image: workload.container?.image ?? null,
    how: cleanText(how),
  };
}

function questionPart(order: OrderBody): QuestionPart {
  const { verb, key, target, state, askedAtMs, atMs, by, decidedAtMs, because } = order;
  return {
    verb,
    action: key,
    target,
    state,
    askedAt: iso(askedAtMs),
    by,
    decidedAt: isoOr(decidedAtMs),
    because: cleanOr(because),
    until: state === "awaiting" || verb === "expire" ? iso(atMs) : null,
  };
}

const toldPart = ({ channel, phase, target, state, at, attempts, because }: NoteItem): ToldPart => ({
  channel,
  phase,
  target,
  state,
  at,
  attempts,
  because: cleanOr(because),
});

function actionParts({ receipts, claims, alerts }: Material, told: readonly ToldPart[]): ActionPart[] {
  return receipts.map(({ receipt, under, at }): ActionPart => {
    const key = keyOf(receipt.action, receipt.subject);
    const claim = claims.find((one) => one.target === receipt.target && actionKey(one.action, one.plan.params) === key);
    const undoing = receipt.undoing === true;
    const by = alerts.find(({ alert }) => alert.id === claim?.alert) ?? null;
    const { evidence, undo } = receipt;
    const outcomeTold = told.find(
      ({ phase, state, target, at: toldAt }) => phase === "outcome" && state === "sent" && target === receipt.target && toldAt >= at,
    );
    const verifiedMs = receipt.verifiedAtMs;
    return {
      action: key,
      target: receipt.target,
      undoing,
      outcome: receipt.outcome,
      because: cleanText(receipt.because),
      claimedAt: undoing ? null : isoOr(claim?.claimedAtMs),
      requestedAt: isoOr(receipt.requestedAtMs),
      verifiedAt: isoOr(verifiedMs),
      settledAt: at,
      evidence:
        evidence.kind === "kept"
          ? evidence
          : { kind: evidence.kind, because: evidence.kind === "failed" ? cleanText(evidence.because) : null },
      remarks: (receipt.remarks ?? []).map((remark) => cleanText(remark)),
      undo: cleanText(undo.possible ? undo.says : undo.because),
      under: under ?? null,
      latency: {
        syscallToReceived: undoing ? null : span(by?.alert.timeMs, by?.receivedMs),
        receivedToDecided: undoing ? null : span(by?.receivedMs, by?.decidedAtMs),
        decidedToRequested: undoing ? null : span(by?.decidedAtMs, receipt.requestedAtMs),
        requestedToVerified: undoing ? null : span(receipt.requestedAtMs, verifiedMs),
        verifiedToTold: span(verifiedMs, outcomeTold === undefined ? null : Date.parse(outcomeTold.at)),
      },
    };
  });
}

const span = (from: number | null | undefined, to: number | null | undefined): number | null =>
  typeof from === "number" && typeof to === "number" ? to - from : null;
