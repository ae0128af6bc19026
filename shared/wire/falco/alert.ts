import type { Alert } from "#shared/domain/alert.ts";
import { readPriority } from "#shared/domain/priority.ts";
import { type ExactFields, exactFields, UnfitFields } from "#shared/wire/falco/exact-fields.ts";
import { alertId } from "#shared/wire/falco/identity.ts";
import { readTime, readTimeMs } from "#shared/wire/falco/time.ts";
import { isRecord, type JsonObject } from "#shared/wire/record.ts";

/** A JSON object at a position that may hold an alert, and the text it was parsed from. */
export interface Candidate {
  readonly body: JsonObject;
  readonly source: string;
  /** Path of keys from the root of `source` to `body`; null = the root. */
  readonly under: string | null;
}

export type Normalised = { readonly kind: "alert"; readonly alert: Alert } | { readonly kind: "unreadable"; readonly because: string };

/** Looks like an alert, complete or not: then what is missing is a reason, not an ignored line. */
export const resemblesAlert = (body: JsonObject): boolean =>
  "rule" in body || "output_fields" in body || ("priority" in body && "output" in body);

/** Reads a Falco alert (0.2 to 0.44, stdout, gRPC clients). https://falco.org/docs/outputs/formatting/ */
export function normalise(candidate: Candidate, cluster: string | null): Normalised {
  const { body } = candidate;
  const rule = body["rule"];
  if (typeof rule !== "string" || rule === "") return unreadable("no rule: not an alert of Falco, or cut");
  const priority = readPriority(body["priority"]);
  if (priority === null) return unreadable("no priority that Falco knows");
  let exact: ExactFields;
  try {
    exact = readFields(candidate);
  } catch (thrown) {
    if (thrown instanceof UnfitFields) return unreadable(`output_fields ${thrown.message}`);
    throw thrown;
  }
  const { fields } = exact;
  const time = readTime(body["time"]);
  const source = readSource(body["source"]);
  const containerId = fields["container.id"];
  return {
    kind: "alert",
    alert: {
      id: alertId(cluster, rule, time, exact.canonical),
      rule,
      priority,
      time,
      timeMs: time === null ? null : readTimeMs(time),
      source,
      tags: readTags(body["tags"]),
      hostname: text(body["hostname"]),
      output: text(body["output"]),
      fields,
      containerId: readContainerId(containerId, fields["container.full_id"]),
      onHost: containerId === "host",
      internal: source === "internal" || rule.startsWith("Falco internal:"),
    },
  };
}

const unreadable = (because: string): Normalised => ({ kind: "unreadable", because });

const NO_FIELDS: ExactFields = { fields: Object.freeze({}), canonical: "{}" };

function readFields({ body, source, under }: Candidate): ExactFields {
  const raw = body["output_fields"];
  if (raw === undefined || raw === null) return NO_FIELDS;
  if (!isRecord(raw)) throw new UnfitFields("are no object");
  return exactFields(raw, source, (root) => {
    const holder = under === null ? root : isRecord(root) ? root[under] : null;
    const found = isRecord(holder) ? holder["output_fields"] : null;
    return isRecord(found) ? found : null;
  });
}

const text = (value: unknown): string | null => (typeof value === "string" && value !== "" ? value : null);

/** FireLens overwrites Falco's source with the name of the stream: then it is lost, not "stdout". */
function readSource(value: unknown): string | null {
  return value === "stdout" || value === "stderr" ? null : text(value);
}

const NO_TAGS: readonly string[] = Object.freeze([]);

function readTags(value: unknown): readonly string[] {
  if (!Array.isArray(value)) return NO_TAGS;
  return value.every((tag) => typeof tag === "string") ? value : value.filter((tag) => typeof tag === "string");
}

/** 12 to 64 hex (cgroup or full id), or the runtime id of a Fargate container. */
const CONTAINER_ID = /^(?:[0-9a-f]{12,64}|[0-9a-f]{32}-\d{1,20})$/;

/** The longer of the two ids when they agree; null when there is none or they do not: a doubt selects no target. */
function readContainerId(id: unknown, fullId: unknown): string | null {
  const short = typeof id === "string" && CONTAINER_ID.test(id) ? id : null;
  const full = typeof fullId === "string" && CONTAINER_ID.test(fullId) ? fullId : null;
  if (full === null || id === "host") return short;
  if (short === null) return id === undefined || id === null || id === "" || id === "<NA>" ? full : null;
  return full.startsWith(short) ? full : null;
}
