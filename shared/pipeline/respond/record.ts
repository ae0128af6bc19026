import type { Alert } from "#shared/domain/alert.ts";
import type { DecisionKind } from "#shared/domain/decision.ts";
import type { Gist } from "#shared/domain/digest.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { QueueEntry } from "#shared/domain/queue-entry.ts";
import { versionsOf } from "#shared/domain/versions.ts";
import { dayWrite } from "#shared/ledger/day.ts";
import {
  type AlertBody,
  type ContainerBody,
  closeDueMs,
  grown,
  type IncidentBody,
  opened,
  type SeenBody,
  type SubjectBody,
  type TargetBody,
} from "#shared/ledger/incident.ts";
import { expiry, iso, KEEP_HELPER_S, KEEP_INCIDENT_S, pack, unpack } from "#shared/ledger/items.ts";
import {
  alertKey,
  containerKey,
  incidentId,
  incidentPk,
  metaKey,
  seenKey,
  subjectKey,
  subjectOf,
  targetKey,
  topicOf,
} from "#shared/ledger/keys.ts";
import { newNote } from "#shared/ledger/notes.ts";
import { orderWrites } from "#shared/pipeline/respond/ask.ts";
import { climbWrite, recurrenceFor } from "#shared/pipeline/respond/budgets.ts";
import type { RespondPorts } from "#shared/pipeline/respond/ports.ts";
import type { Verdict } from "#shared/pipeline/respond/verdict.ts";
import type { Item, Table, Write } from "#shared/ports/table.ts";

/** One alert as the ledger has it: whatever comes after goes on from here. */
export interface Recorded {
  readonly incident: string;
  readonly generation: number;
  readonly cluster: string | null;
  /** Owner and policy rule, hashed, and that rule. */
  readonly subject: string;
  readonly rule: string | null;
  readonly body: AlertBody;
  readonly target: TargetBody | null;
}

/** The incident whose action caused this alert: while it is open, nobody is told again. */
export interface Aftermath {
  readonly incident: string;
}

const ATTEMPTS = 12;
/** An item of DynamoDB holds 400 KB: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html */
const MOST_ALERT_CHARS = 100_000;

/** What an earlier delivery of this alert recorded; null: this is the first. */
export async function recorded(alertId: string, table: Table, signal: AbortSignal): Promise<Recorded | null> {
  const seen = await table.get(seenKey(alertId), signal);
  if (seen === null) return null;
  return await recordedIn(unpack<SeenBody>(seen, "seen").incident, alertId, table, signal);
}

/** An alert of an incident. Throws when the ledger does not have it: whoever names it has read of it there. */
export async function recordedIn(incident: string, alertId: string, table: Table, signal: AbortSignal): Promise<Recorded> {
  const [meta, alert] = await Promise.all([table.get(metaKey(incident), signal), table.get(alertKey(incident, alertId), signal)]);
  if (meta === null || alert === null) throw new Error(`alert ${alertId} was seen, and incident ${incident} has no record of it`);
  const about = unpack<IncidentBody>(meta, "incident");
  const body = unpack<AlertBody>(alert, "alert");
  const target = body.target === null ? null : await table.get(targetKey(incident, body.target), signal);
  return {
    incident,
    generation: about.generation,
    cluster: about.cluster,
    subject: about.subject,
    rule: about.rule,
    body,
    target: target === null ? null : unpack<TargetBody>(target, "target"),
  };
}

/**
 * Writes the alert, its incident, its target and what is to be told in one transaction, once per alert id. Tried again while others write
 * to the same incident; throws `ledger_contention` when that does not end.
 */
export async function record(verdict: Verdict, aftermath: Aftermath | null, ports: RespondPorts, signal: AbortSignal): Promise<Recorded> {
  const { table, clock } = ports;
  const { alert } = verdict.entry;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const { writes, record: written } = await plan(verdict, aftermath, ports, signal);
    const result = await table.transact(writes, signal);
    if (result.ok) return written;
    const earlier = await recorded(alert.id, table, signal);
    if (earlier !== null) return earlier;
    await clock.sleep(Math.random() * 25 * 2 ** Math.min(attempt, 5), signal);
  }
  throw new PipelineError("ledger_contention", `the incident of an alert changed ${ATTEMPTS} times while it was written`);
}

interface Planned {
  readonly writes: readonly Write[];
  readonly record: Recorded;
}

async function plan(verdict: Verdict, aftermath: Aftermath | null, ports: RespondPorts, signal: AbortSignal): Promise<Planned> {
  const { table, clock } = ports;
  const nowMs = clock.now();
  const { entry, resolution } = verdict;
  const found = resolution === null || resolution.kind === "unverified" ? null : resolution;
  const { about, writes: incidentWrites } = await incidentOf(verdict, aftermath, table, nowMs, signal);
  const { incident } = about;
  const expires = expiry(nowMs, KEEP_INCIDENT_S);
  const target: TargetBody | null =
    found === null ? null : { workload: found.workload, how: found.kind === "found" ? found.how : found.because };
  const uid = found?.workload.uid ?? null;
  const body: AlertBody = {
    alert: bounded(entry.alert),
    accuser: entry.accuser,
    count: entry.count,
    batch: entry.batch,
    tell: entry.tell,
    wholeAt: entry.wholeAt,
    rules: verdict.rules,
    decisions: verdict.decisions,
    target: uid,
    channels: verdict.channels,
    decidedAtMs: nowMs,
    receivedMs: entry.receivedMs,
    under: versionsOf(ports),
    ...(verdict.counted.length === 0 ? {} : { counted: verdict.counted }),
  };
  const seen: SeenBody = { incident };
  const writes: Write[] = [
    { op: "put", item: pack(seenKey(entry.alert.id), "seen", 1, nowMs, seen, helper(nowMs)), when: { kind: "absent" } },
    ...incidentWrites,
    { op: "put", item: pack(alertKey(incident, entry.alert.id), "alert", 1, nowMs, body, { expires }), when: null },
  ];
  if (target !== null && uid !== null) {
    // As described when it was first decided on: a later look must not overwrite it.
    if ((await table.get(targetKey(incident, uid), signal)) === null)
      writes.push({ op: "put", item: pack(targetKey(incident, uid), "target", 1, nowMs, target, { expires }), when: { kind: "absent" } });
    if (entry.cluster !== null && entry.alert.containerId !== null) {
      const container: ContainerBody = { incident, uid };
      const key = containerKey(entry.cluster, entry.alert.containerId);
      writes.push({ op: "put", item: pack(key, "container", 1, nowMs, container, helper(nowMs)), when: null });
    }
  }
  const asks = target === null ? [] : await orderWrites(about, body, target.workload, ports, signal);
  writes.push(...asks);
  if (verdict.climbs !== null) {
    const recurrence = recurrenceFor(verdict.rule, ports.policy);
    writes.push(await climbWrite(about.subject, verdict.climbs, recurrence, table, nowMs, signal));
  }
  // When that incident is over, this alert has opened another: of that one nobody has heard.
  if (incident !== aftermath?.incident) writes.push(...(await noteWrites(about, body, asks.length > 0, table, nowMs, signal)));
  return {
    writes,
    record: { incident, generation: about.generation, cluster: about.cluster, subject: about.subject, rule: about.rule, body, target },
  };
}

const helper = (nowMs: number) => ({ expires: expiry(nowMs, KEEP_HELPER_S) });

/** The open incident of the alert's subject, one alert larger, or a new one in the next generation. */
async function incidentOf(
  { entry, who, rule }: Verdict,
  aftermath: Aftermath | null,
  table: Table,
  nowMs: number,
  signal: AbortSignal,
): Promise<{ readonly about: IncidentBody; readonly writes: readonly Write[] }> {
  const caused = aftermath === null ? null : await openIncident(aftermath.incident, table, signal);
  if (caused !== null) return grow(caused, entry, nowMs);
  const subject = subjectOf(entry.cluster, who, rule);
  const current = await table.get(subjectKey(subject), signal);
  const last = current === null ? null : unpack<SubjectBody>(current, "subject");
  const open = last === null ? null : await openIncident(last.incident, table, signal);
  if (open !== null) return grow(open, entry, nowMs);
  const generation = (last?.generation ?? 0) + 1;
  const incident = incidentId(subject, generation);
  const about = opened({ incident, subject, generation, cluster: entry.cluster, who, rule }, entry.count, entry.similar, nowMs);
  const next: SubjectBody = { subject, generation, incident };
  const version = (current?.version ?? 0) + 1;
  return {
    about,
    writes: [
      {
        op: "put",
        item: pack(subjectKey(subject), "subject", version, nowMs, next, { expires: expiry(nowMs, 2 * KEEP_INCIDENT_S) }),
        when: current === null ? { kind: "absent" } : { kind: "version", version: current.version },
      },
      { op: "put", item: metaItem(about, 1, nowMs), when: { kind: "absent" } },
      dayWrite(about, nowMs),
    ],
  };
}

async function openIncident(incident: string, table: Table, signal: AbortSignal): Promise<Item | null> {
  const meta = await table.get(metaKey(incident), signal);
  return meta !== null && unpack<IncidentBody>(meta, "incident").state === "open" ? meta : null;
}

function grow(
  meta: Item,
  { count, similar }: QueueEntry,
  nowMs: number,
): { readonly about: IncidentBody; readonly writes: readonly Write[] } {
  const about = grown(unpack<IncidentBody>(meta, "incident"), count, similar, nowMs);
  const when = { kind: "version", version: meta.version } as const;
  return { about, writes: [{ op: "put", item: metaItem(about, meta.version + 1, nowMs), when }] };
}

export const metaItem = (about: IncidentBody, version: number, nowMs: number): Item =>
  pack(metaKey(about.incident), "incident", version, nowMs, about, {
    due: about.state === "open" ? iso(closeDueMs(about)) : undefined,
    expires: about.state === "open" ? undefined : expiry(nowMs, KEEP_INCIDENT_S),
  });

const PRESSING: readonly DecisionKind[] = ["act", "await-approval", "would-act", "hold"];

/** One message per incident, channel, target and kind of decision: similar alerts only count. But every question is heard. */
async function noteWrites(
  { incident, cluster }: Pick<IncidentBody, "incident" | "cluster">,
  body: AlertBody,
  asks: boolean,
  table: Table,
  nowMs: number,
  signal: AbortSignal,
): Promise<readonly Write[]> {
  const kind = PRESSING.find((one) => body.decisions.some((decision) => decision.kind === one)) ?? "tell";
  // Gist of the whole message: one question among its decisions is a question.
  const isAsked = body.decisions.some((decision) => decision.kind === "await-approval");
  const gist: Gist = { kind: isAsked ? "await-approval" : kind, rule: body.rules[0] ?? null, cluster, action: null, urgent: isAsked };
  const note = (channel: string, about: string) =>
    newNote(
      { incident, channel, phase: "decision", topic: topicOf(body.target, about), alert: body.alert.id, target: body.target, gist },
      nowMs,
    );
  const there = body.channels.length === 0 ? [] : await table.query(incidentPk(incident), "NOTE#", signal);
  const known = new Set(there.map(({ sk }) => sk));
  return body.channels.flatMap((channel): Write[] => {
    const usual = note(channel, kind);
    if (known.has(usual.sk) && !asks) return [];
    return [{ op: "put", item: known.has(usual.sk) ? note(channel, `${kind} ${body.alert.id}`) : usual, when: { kind: "absent" } }];
  });
}

/** Cut where an item could not hold it; the whole stands in the evidence, the log group and, when oversized, the unreadable bucket. */
function bounded(alert: Alert): Alert {
  if (JSON.stringify(alert).length <= MOST_ALERT_CHARS) return alert;
  const cut = (text: string): string => (text.length <= 2_000 ? text : `${text.slice(0, 2_000)}… (cut)`);
  const fields = Object.entries(alert.fields)
    .slice(0, 40)
    .map(([key, value]) => [key.slice(0, 200), typeof value === "string" ? cut(value) : cut(JSON.stringify(value))]);
  return { ...alert, output: alert.output === null ? null : cut(alert.output), fields: Object.fromEntries(fields) };
}
