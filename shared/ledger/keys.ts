import { createHash } from "node:crypto";
import type { Key } from "#shared/ports/table.ts";

/** Every key of the ledger. Texts of alerts enter keys only as hashes. The table of items: docs/architecture.md, "Ledger". */

/** 32 hex of SHA-256 over the parts, which cannot be shifted into one another. */
export const hashOf = (...parts: readonly (string | null)[]): string =>
  createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);

/** Incidents of one subject follow one another; `who` is its owner, else the workload, else the container or host. `rule` null: told only. */
export const subjectOf = (cluster: string | null, who: string, rule: string | null): string => hashOf("subject", cluster, who, rule);

/** 16 hex, the same for every delivery; short enough to be said aloud. */
export const incidentId = (subject: string, generation: number): string => hashOf("incident", subject, String(generation)).slice(0, 16);

/** Of a note: once per incident, channel, phase and topic. */
export const topicOf = (target: string | null, about: string): string => hashOf("topic", target, about).slice(0, 16);

export const subjectKey = (subject: string): Key => ({ pk: `SUBJECT#${subject}`, sk: "CURRENT" });

export const incidentPk = (incident: string): string => `INCIDENT#${incident}`;
export const metaKey = (incident: string): Key => ({ pk: incidentPk(incident), sk: "META" });
export const targetKey = (incident: string, uid: string): Key => ({ pk: incidentPk(incident), sk: `TARGET#${uid}` });
export const alertKey = (incident: string, alert: string): Key => ({ pk: incidentPk(incident), sk: `ALERT#${alert}` });
/** `key`: `actionKey`. The undoing of an action has a receipt of its own. */
export const receiptKey = (incident: string, uid: string, key: string, undoing = false): Key => ({
  pk: incidentPk(incident),
  sk: `RECEIPT#${uid}#${key}${undoing ? "#undo" : ""}`,
});
export const noteKey = (incident: string, channel: string, phase: string, topic: string): Key => ({
  pk: incidentPk(incident),
  sk: `NOTE#${channel}#${phase}#${topic}`,
});

/** A subject that is no plain short name stands as its hash. `once`: see `noticeWrites`. */
export const noticeKey = (kind: string, subject: string, channel: string, once: string): Key => ({
  pk: `NOTICE#${plainOr(kind)}#${plainOr(subject)}`,
  sk: `NOTE#${channel}#notice#${hashOf("notice", once).slice(0, 16)}`,
});

/** The message about the incident that a channel keeps up to date. */
export const threadKey = (incident: string, channel: string): Key => ({ pk: incidentPk(incident), sk: `THREAD#${channel}` });

/** When a channel may be sent to next. */
export const paceKey = (channel: string): Key => ({ pk: `PACE#${channel}`, sk: "SLOT" });

/** `minute`: ISO 8601, when the minute of the digest began. */
export const digestKey = (channel: string, minute: string): Key => ({ pk: `DIGEST#${channel}`, sk: `NOTE#${channel}#digest#${minute}` });

const plainOr = (text: string): string => (/^[\w.:/@-]{1,200}$/.test(text) ? text : hashOf("plain", text));

/** Where an alert was recorded: a repeated delivery goes on from there and decides nothing anew. */
export const seenKey = (alert: string): Key => ({ pk: `SEEN#${alert}`, sk: "RECORD" });

/** What a container was found to be: alerts that arrive when it is gone belong to the same incident. */
export const containerKey = (cluster: string, containerId: string): Key => ({
  pk: `CONTAINER#${hashOf("container", cluster, containerId.slice(0, 12))}`,
  sk: "TARGET",
});

/** `filed`: of the incident whose claim had to give its place to that of another one. */
export const claimKey = (uid: string, key: string, generation: number, filed: string | null = null): Key => ({
  pk: `CLAIM#${uid}`,
  sk: filed === null ? `${key}#${generation}` : `${key}#${generation}#${filed}`,
});

/** What a person is asked, or asks for: to approve an action, to undo it. */
export const orderKey = (incident: string, verb: string, uid: string, key: string): Key => ({
  pk: incidentPk(incident),
  sk: `ORDER#${verb}#${uid}#${key}`,
});

/** `scope`: `fleet`, `cluster/<name>`, `owner/<hash>`, or `recurrence/<subject>` and `ladder/<subject>`. */
export const budgetKey = (scope: string): Key => ({ pk: `BUDGET#${scope}`, sk: "WINDOW" });

/** The kill switch of the fleet: while it says `paused`, no claim succeeds. All of it: shared/ledger/switch.ts. */
export const SWITCH: Key = { pk: "SWITCH", sk: "FLEET" };

/** What a pause has held, so that whoever resumes is told of it. */
export const HELD_PK = "HELD";
export const heldKey = (incident: string, uid: string, key: string): Key => ({ pk: HELD_PK, sk: `${incident}#${uid}#${key}` });

/** Alerts of one policy rule that are counted together. */
export const thresholdKey = (group: string): Key => ({ pk: `THRESHOLD#${group}`, sk: "WINDOW" });

/** When sweep last did what nothing wakes it for, such as searching a cluster. */
export const choreKey = (chore: string, about: string): Key => ({ pk: `CHORE#${chore}`, sk: about });

/** Counts of similar alerts, written by ingest before queueing. */
export const countPk = (similar: string): string => `COUNT#${similar}`;
export const countKey = (similar: string, batch: string): Key => ({ pk: countPk(similar), sk: `BATCH#${batch}` });

/** Incidents in the order in which they were opened, one partition a day (UTC): `2026-11-28`. */
export const dayPk = (openedAtIso: string): string => `DAY#${openedAtIso.slice(0, 10)}`;
export const dayKey = (openedAtIso: string, incident: string): Key => ({ pk: dayPk(openedAtIso), sk: `${openedAtIso}#${incident}` });

/** All mutes: few, and every alert looks at them. */
export const MUTES_PK = "MUTE";
/** 16 hex. `who`: owner or workload, as the incident names it. */
export const muteId = (cluster: string, rule: string, who: string): string => hashOf("mute", cluster, rule, who).slice(0, 16);
export const muteKey = (id: string): Key => ({ pk: MUTES_PK, sk: id });

/** 16 hex of a log group's name, which may be long. */
const groupHash = (logGroup: string): string => hashOf("log group", logGroup).slice(0, 16);

/** What arrived at ingest of one log group within one minute of its clock (ms / 60,000). */
export const arrivalPk = (logGroup: string, minute: number): string => `ARRIVED#${groupHash(logGroup)}#${minute}`;
export const arrivalKey = (logGroup: string, minute: number, batch: string): Key => ({ pk: arrivalPk(logGroup, minute), sk: batch });

/** What is known of the sensors of a cluster. */
export const sensorsKey = (cluster: string): Key => ({ pk: `SENSORS#${cluster}`, sk: "STATE" });

/** Up to when a log group was compared with what arrived. */
export const deliveryKey = (logGroup: string): Key => ({ pk: `DELIVERY#${groupHash(logGroup)}`, sk: "STATE" });

/** The index of the record of proof: which objects of the audit bucket hold what of an incident. */
export const auditPk = (incident: string): string => `AUDIT#${incident}`;
export const auditKey = (incident: string, object: string): Key => ({ pk: auditPk(incident), sk: object });
/** By the hour in which they were written, for that hour's digest. */
export const auditHourPk = (hour: string): string => `AUDIT#HOUR#${hour}`;
export const auditHourKey = (hour: string, object: string): Key => ({ pk: auditHourPk(hour), sk: object });
/** The last digest. */
export const DIGEST: Key = { pk: "AUDIT#DIGEST", sk: "LAST" };

/** That a signed request of Slack was taken: it is taken once. */
export const clickKey = (signature: string): Key => ({ pk: `SLACK#${hashOf("slack", signature)}`, sk: "REQUEST" });
