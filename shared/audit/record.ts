import { canonical, hashOfValue } from "#shared/audit/canonical.ts";
import { cleanText } from "#shared/audit/clean.ts";
import { factsOf } from "#shared/audit/facts.ts";
import { typeOf } from "#shared/audit/recorded.ts";
import type { Item, Key } from "#shared/ports/table.ts";

/** One line of the record of proof (infra/schemas/audit.json): one version of one item of the ledger, or that somebody removed it. */
export interface AuditRecord {
  readonly schema: "falco-responder/audit/1";
  readonly event: "written" | "removed";
  /** stream: as the ledger wrote it. sweep: found missing later, as the ledger had it then. */
  readonly via: "stream" | "sweep";
  readonly type: string;
  readonly pk: string;
  readonly sk: string;
  /** Null: it has none (the switch, set by hand), or was removed. */
  readonly version: number | null;
  /** ISO: when it was written, by the writer's clock; removed: by DynamoDB's. */
  readonly at: string;
  readonly incident: string | null;
  readonly cluster: string | null;
  readonly rule: string | null;
  readonly action: string | null;
  readonly target: string | null;
  /** Of a claim, order or note its state; of a receipt its outcome; of an alert its kinds of decision. */
  readonly state: string | null;
  readonly because: string | null;
  /** Who decided; who removed. */
  readonly by: string | null;
  readonly policy: string | null;
  readonly registry: string | null;
  /** SHA-256 of the whole item as it stands in the ledger, keys in order: what is left out here is proved by it where it is still kept. */
  readonly sha256: string | null;
  /** JSON text: all that is kept of it. */
  readonly facts: string;
}

/** A change of the ledger. `item` null: removed. */
export interface Change {
  readonly key: Key;
  readonly item: Item | null;
  /** ISO, of DynamoDB's clock. */
  readonly changedAt: string;
  /** `service`: DynamoDB's own time to live. */
  readonly by: "service" | "somebody";
}

export function recordOf(item: Item, changedAt: string, via: AuditRecord["via"]): AuditRecord {
  const type = typeOf(item);
  const { body, facts } = contentOf(item, type);
  const text = (key: string): string | null => texts(body[key]) ?? texts(item[key]);
  const receipt = isObject(body["receipt"]) ? body["receipt"] : null;
  const under = isObject(body["under"]) ? body["under"] : {};
  return {
    schema: "falco-responder/audit/1",
    event: "written",
    via,
    type,
    pk: item.pk,
    sk: item.sk,
    version: typeof item.version === "number" ? item.version : null,
    at: typeof item.at === "string" ? item.at : changedAt,
    incident: text("incident") ?? incidentIn(item.pk),
    cluster: text("cluster"),
    rule: text("rule"),
    action: actionIn(receipt ?? body),
    target: texts(receipt?.["target"]) ?? text("target"),
    state: texts(receipt?.["outcome"]) ?? kindsIn(body["decisions"]) ?? text("state") ?? pausedIn(item, type),
    because: cleanOrNull(texts(receipt?.["because"]) ?? text("because") ?? texts(item["why"])),
    by: byIn(body["by"] ?? item["by"] ?? item["who"]),
    policy: texts(under["policy"]),
    registry: texts(under["registry"]),
    sha256: hashOfValue(item),
    facts: JSON.stringify(facts),
  };
}

/** Nobody of this service deletes anything that is recorded: whoever did it is asked by name in CloudTrail's data events, if they are on. */
export const removalOf = ({ key, changedAt }: Change): AuditRecord => ({
  schema: "falco-responder/audit/1",
  event: "removed",
  via: "stream",
  type: "removal",
  pk: key.pk,
  sk: key.sk,
  version: null,
  at: changedAt,
  incident: incidentIn(key.pk),
  cluster: null,
  rule: null,
  action: null,
  target: null,
  state: "removed",
  because: "deleted from the ledger, and not by its time to live",
  by: null,
  policy: null,
  registry: null,
  sha256: null,
  facts: "{}",
});

type Loose = Readonly<Record<string, unknown>>;

/** The body, or the item itself where it is flat. Whoever can write to the ledger must not be able to stop its record: what cannot be read is still recorded. */
function contentOf(item: Item, type: string): { readonly body: Loose; readonly facts: unknown } {
  const { body: text, ...flat } = item;
  if (typeof text !== "string") return { body: flat, facts: factsOf("", flat) };
  try {
    const body: unknown = JSON.parse(text);
    if (isObject(body)) return { body, facts: { ...(factsOf(type, body) as object), ...beside(flat) } };
  } catch {
    // Said by the facts, with the hash of the item beside it.
  }
  return { body: {}, facts: { unreadable: cleanText(text) } };
}

/** What stands beside the body and is in no column, such as the channel of a notice. */
function beside({
  pk: _pk,
  sk: _sk,
  type: _type,
  version: _version,
  at: _at,
  schema: _schema,
  due: _due,
  expires: _expires,
  state: _state,
  ...more
}: Loose): object {
  return Object.keys(more).length === 0 ? {} : { item: factsOf("", more) };
}

const isObject = (value: unknown): value is Loose => typeof value === "object" && value !== null && !Array.isArray(value);
const texts = (value: unknown): string | null => (typeof value === "string" ? value : null);
const cleanOrNull = (text: string | null): string | null => (text === null ? null : cleanText(text));
const incidentIn = (pk: string): string | null => /^INCIDENT#([0-9a-f]{16})$/.exec(pk)?.[1] ?? null;

/** A receipt's or claim's action is its name; an order's is a whole action of the policy. */
function actionIn({ action }: Loose): string | null {
  return isObject(action) ? texts(action["action"]) : texts(action);
}

/** An ARN, or a person as the ledger names one. */
const byIn = (by: unknown): string | null => (typeof by === "string" ? by : isObject(by) ? canonical(by) : null);

function kindsIn(decisions: unknown): string | null {
  if (!Array.isArray(decisions)) return null;
  const kinds = decisions.flatMap((one) => (isObject(one) ? (texts(one["kind"]) ?? []) : []));
  return [...new Set(kinds)].join(",") || "tell";
}

const pausedIn = (item: Item, type: string): string | null =>
  type !== "switch" ? null : item["paused"] === false ? "not paused" : "paused";
