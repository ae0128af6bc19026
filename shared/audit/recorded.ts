import type { ItemType } from "#shared/ledger/items.ts";
import { SWITCH } from "#shared/ledger/keys.ts";
import type { Item, Key } from "#shared/ports/table.ts";

/** always: every version of the item. when: those that say something which no other record says. never: and why nothing is lost by it. */
export type Recording =
  | { readonly kind: "always" }
  | { readonly kind: "when"; readonly because: string; readonly holds: (item: Item) => boolean }
  | { readonly kind: "never"; readonly because: string };

const always: Recording = { kind: "always" };
const never = (because: string): Recording => ({ kind: "never", because });
const when = (because: string, holds: (item: Item) => boolean): Recording => ({ kind: "when", because, holds });

/** What of each type goes into the record of proof. A type that stands in the ledger and not here does not compile, and a test says so. */
export const RECORDED: Readonly<Record<ItemType | "arrival" | "count" | "held" | "switch", Recording>> = {
  alert: always,
  target: always,
  claim: always,
  receipt: always,
  order: always,
  escalation: always,
  switch: always,
  mute: always,
  incident: when("that it grew is said by its alerts", ({ version, body }) => version === 1 || stateIn(body) !== "open"),
  note: when("attempts on the way say nothing that the end does not", ({ state }) => state === "sent" || state === "dead"),
  audit: never("the index of the record itself"),
  opened: never("when an incident was opened is said by its own record; this only lists it"),
  subject: never("which incident is the current one of its subject follows from the incidents' own records"),
  seen: never("that an alert was recorded is said by the alert's record"),
  container: never("which target a container belongs to is said by the alert's and the target's records"),
  budget: never("what was spent are the claims, and a claim that was held says so on its receipt"),
  threshold: never("what was counted says the alert that was decided by it"),
  held: never("what a pause held says its receipt; this only gathers it for one message"),
  click: never("that a signed request of Slack was taken once: what it decided is said by the order's record"),
  arrival: never("which log events were handed over: what was decided about their alerts has records of its own"),
  sensors: never("who is silent now: what was told of it are notes"),
  delivery: never("up to when delivery was compared: what was told of it are notes"),
  pace: never("when a channel may be called next: nothing was decided, and it changes with every message"),
  thread: never("which Slack message an incident has: what it told is said by the notes"),
  chore: never("when sweep last looked around: nothing was decided"),
  count: never("how many similar alerts came: the alert's record has the count of its batch"),
};

/** By its type; the switch by its key, since people set it by plain AWS means and need not give it a type. */
export const typeOf = (item: Key & { readonly type?: unknown }): string =>
  item.pk === SWITCH.pk ? "switch" : typeof item.type === "string" ? item.type : "unknown";

/** Whether this version of an item is recorded. What this version of the code does not know is: a record too many proves no less. */
export function isRecorded(item: Item): boolean {
  const recording: Recording | undefined = (RECORDED as Readonly<Record<string, Recording>>)[typeOf(item)];
  return recording === undefined || recording.kind === "always" || (recording.kind === "when" && recording.holds(item));
}

function stateIn(body: unknown): unknown {
  try {
    return (JSON.parse(String(body)) as { readonly state?: unknown } | null)?.state;
  } catch {
    return null;
  }
}
