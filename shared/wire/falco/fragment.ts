import { hash } from "node:crypto";
import type { Alert } from "#shared/domain/alert.ts";
import { PRIORITIES, readPriority } from "#shared/domain/priority.ts";
import { alertId } from "#shared/wire/falco/identity.ts";
import { readTime, readTimeMs } from "#shared/wire/falco/time.ts";

/** Rule of a fragment that does not carry its rule's name. */
export const FRAGMENT_RULE = "(fragment)";

/** How much of a fragment is told; the whole is kept in the unreadable bucket. */
const SHOWN_CHARS = 1_000;

const STRING = String.raw`"((?:[^"\\]|\\.){0,500})"`;
/** Falco writes keys in this order; at the end of a line what stands between unescaped quotes is structure, not text. */
const TAIL = new RegExp(
  String.raw`,"priority":${STRING},"rule":${STRING}(?:,"source":${STRING})?(?:,"tags":\[[^\]]{0,2000}\])?(?:,"time":${STRING})?\}\s*$`,
);
const HEAD_HOST = new RegExp(String.raw`^\s*\{"hostname":${STRING},"output":"`);
const HEAD_OUTPUT = new RegExp(
  String.raw`^\s*\{(?:"hostname":"(?:[^"\\]|\\.){0,500}",)?"output":"(?:\S{1,40}: )?(${PRIORITIES.join("|")}) `,
);

/**
 * What can be read of a piece of an alert without the rest: rule, priority and time from its end, hostname and priority from its beginning.
 * It names no container: such an alert is told, it selects no target. Without a priority it is a Warning.
 */
export function readFragment(text: string, cluster: string | null): Alert {
  const [, tailPriority, tailRule, source, tailTime] = TAIL.exec(text.slice(-4_000)) ?? [];
  const head = text.slice(0, 2_000);
  const rule = unescaped(tailRule) ?? FRAGMENT_RULE;
  const time = readTime(unescaped(tailTime));
  const priority = readPriority(tailPriority) ?? readPriority(HEAD_OUTPUT.exec(head)?.[1]) ?? "Warning";
  return {
    id: alertId(cluster, rule, time, `{"fragment":"${hash("sha256", text, "hex")}"}`),
    rule,
    priority,
    time,
    timeMs: time === null ? null : readTimeMs(time),
    source: unescaped(source),
    tags: [],
    hostname: unescaped(HEAD_HOST.exec(head)?.[1]),
    output: text.length <= SHOWN_CHARS ? text : `${text.slice(0, SHOWN_CHARS)} ... (cut: ${text.length} characters)`,
    fields: {},
    containerId: null,
    onHost: false,
    internal: false,
  };
}

function unescaped(json: string | undefined): string | null {
  if (json === undefined || json === "") return null;
  try {
    const value: unknown = JSON.parse(`"${json}"`);
    return typeof value === "string" ? value : null;
  } catch {
    return null;
  }
}
