import { hash } from "node:crypto";
import { type Alert, AUDIT } from "#shared/domain/alert.ts";

/** Older than the policy allows, from the future, or without time: such alerts do not act and never stand for one that may. */
export type AgeClass = "fresh" | "stale" | "future" | "no time";

/** Ahead of our clock by more than this is the future (as in shared/policy/guards.ts). */
const MAX_AHEAD_MS = 120_000;

export function ageClass(timeMs: number | null, nowMs: number, maxAgeSeconds: number): AgeClass {
  if (timeMs === null) return "no time";
  const ageMs = nowMs - timeMs;
  if (ageMs > maxAgeSeconds * 1_000) return "stale";
  return ageMs < -MAX_AHEAD_MS ? "future" : "fresh";
}

/** What an alert speaks of, as far as it tells: its container, else the host or the machine Falco ran on. */
export function subjectText(alert: Alert): string {
  // All containers of a Fargate task begin alike, and a policy rule may mean one of them.
  if (alert.containerId !== null) return alert.containerId.includes("-") ? alert.containerId : alert.containerId.slice(0, 12);
  return `${alert.onHost ? "host" : "none"} ${alert.hostname ?? ""}`;
}

/**
 * What names the target. An alert that is held because it named it wrongly, or not yet, must not stand for the next one that names it rightly:
 * the queue would swallow that for a minute. Runtimes set these texts, so that an attacker cannot make many of them.
 */
const CLAIMS = [
  "container.label[com.amazonaws.ecs.task-arn]",
  "container.label.com.amazonaws.ecs.task-arn",
  "k8s.ns.name",
  "k8s.pod.name",
  "k8s.pod.uid",
  "k8s.pod.id",
] as const;

/** In an audit alert, where one rule speaks of many objects: each is a target of its own, and none stands for another. */
const OBJECT_CLAIM = /^ka\.(target\.|resp\.name$)|\[\/(objectRef|responseObject\/metadata)\//;

function claimsText({ fields, source }: Alert): string {
  const keys = source === AUDIT ? Object.keys(fields).filter((key) => OBJECT_CLAIM.test(key)) : CLAIMS;
  let text = "";
  for (const key of keys) {
    const value = fields[key];
    if (typeof value === "string") text += ` ${key} ${value}`;
  }
  return text;
}

/**
 * One similar alert of a batch stands for all: same cluster, subject, claims of a target, rule, priority, matched policy rules, accuser, age class and reason to tell.
 * The free texts stand last and with their lengths: nothing that an attacker writes shifts the parts. Lines that no cluster is registered for
 * accuse nobody, and whoever makes them up chooses rule and container too: neither makes them another message, so they cannot flood.
 */
export function similarText(
  cluster: string | null,
  alert: Alert,
  rules: readonly number[],
  because: string | null,
  age: AgeClass,
  tell: string | null,
): string {
  if (cluster === null) return `${alert.priority} ${age} ${rules.join()} ${because ?? ""}\n${tell ?? ""}\n`;
  const subject = subjectText(alert) + claimsText(alert);
  return `${alert.priority} ${age} ${rules.join()} ${because ?? ""}\n${tell ?? ""}\n${cluster}\n${subject.length} ${subject}${alert.rule}`;
}

/** SQS MessageGroupId: one container's alerts stay in order. `clusterHash`: `shortHash` of the cluster's name; null: no cluster, one group. */
export const groupOf = (clusterHash: string | null, alert: Alert): string =>
  clusterHash === null
    ? "0"
    : `${clusterHash.slice(0, 16)}-${alert.containerId === null ? shortHash(subjectText(alert)) : alert.containerId.slice(0, 12)}`;

/** 32 hex. */
export const shortHash = (text: string): string => hash("sha256", text, "hex").slice(0, 32);

/** SQS MessageDeduplicationId: similar alerts that are processed in the same minute are one message. */
export const dedupOf = (similar: string, nowMs: number): string => `${similar}-${Math.floor(nowMs / 60_000)}`;

/** Where alerts are counted towards a threshold: the n-th may be in any batch, so each batch is a message of its own, once. */
export const dedupOfBatch = (similar: string, batch: string): string => `${similar}-${batch}`;
