import { messageOf } from "#shared/domain/error.ts";
import type { Registry } from "#shared/domain/registry.ts";
import { iso } from "#shared/ledger/items.ts";
import { deliverNotes, type NotifyPorts, type NotifyReport } from "#shared/pipeline/notify.ts";
import type { ClaimPorts } from "#shared/pipeline/respond/ports.ts";
import { closeIncident } from "#shared/pipeline/sweep/close-incident.ts";
import { escalate } from "#shared/pipeline/sweep/escalate.ts";
import { lookForLeftovers } from "#shared/pipeline/sweep/leftovers.ts";
import { lookAtOrder } from "#shared/pipeline/sweep/order.ts";
import { lookAtRecord } from "#shared/pipeline/sweep/record.ts";
import { type SensorReport, watchSensors } from "#shared/pipeline/sweep/sensors.ts";
import { tellSwitch } from "#shared/pipeline/sweep/switch.ts";
import { verifyLate } from "#shared/pipeline/sweep/verify-late.ts";
import type { Archive } from "#shared/ports/archive.ts";
import type { Orders } from "#shared/ports/orders.ts";
import type { Item } from "#shared/ports/table.ts";

export interface SweepPorts extends ClaimPorts, NotifyPorts {
  readonly registry: Registry;
  readonly orders: Orders;
  /** A new id at each call: who holds a lease. */
  readonly newId: () => string;
  /** The audit bucket, for what the stream lost; absent: nothing is compared. */
  readonly audit?: Archive;
}

export interface SweepReport {
  /** Claims looked at, by what became of them. */
  readonly claims: Readonly<Record<string, number>>;
  /** Approvals and undos looked at, by what became of them. */
  readonly orders: Readonly<Record<string, number>>;
  readonly notes: NotifyReport;
  readonly closed: number;
  /** What bears our marks in the clusters that were searched now, and no action stands for. */
  readonly leftovers: number;
  readonly sensors: SensorReport;
  /** Steps told because nobody answered what became of an action. */
  readonly escalations: number;
  /** Changes of the kill switch, and reminders of a pause, that were told. */
  readonly switched: number;
  /** Items that could not be worked on: they stay due. */
  readonly troubles: number;
}

/** What one run looks at; the rest is still due a minute later. So many that unsent notes of a dead channel do not hide a claim. */
const MOST_ITEMS = 2_000;
const AT_ONCE = 8;
/** Notes cost a call to a slow receiver each. */
const MOST_NOTES = 400;

/**
 * What no event wakes: claims whose outcome is open, notifications that were not sent, incidents that may close. One item's trouble is
 * counted and does not keep the others waiting; trouble with the ledger itself rejects, and the next minute tries again.
 */
export async function sweep(ports: SweepPorts, signal: AbortSignal): Promise<SweepReport> {
  const { table, clock, telemetry } = ports;
  // Beside all else, and first: whoever floods the ledger must not thereby hide that a sensor died.
  const watching = watchSensors(ports, signal);
  const due = await table.due(iso(clock.now()), MOST_ITEMS, signal);
  const ofType = (type: string) => due.filter((item) => item.type === type);
  const claims: Record<string, number> = {};
  let closed = 0;
  let troubles = 0;
  const trouble = (item: Item, thrown: unknown) => {
    troubles++;
    telemetry.error("Sweep could not work on an item; it stays due", { pk: item.pk, sk: item.sk, because: messageOf(thrown) });
  };

  // First: what it owes is sent by the next run, or by notify at once.
  const switched = await tellOfSwitch(ports, signal);
  if (switched === null) troubles++;
  const sending = sendNotes(ofType("note"), ports, signal);
  await each(ofType("claim"), signal, trouble, async (item) => {
    const became = await verifyLate(item, ports, signal);
    claims[became] = (claims[became] ?? 0) + 1;
  });
  const orders: Record<string, number> = {};
  await each(ofType("order"), signal, trouble, async (item) => {
    const became = await lookAtOrder(item, ports, signal);
    orders[became] = (orders[became] ?? 0) + 1;
  });
  let escalations = 0;
  await each(ofType("escalation"), signal, trouble, async (item) => {
    if ((await escalate(item, ports, signal)) === "told") escalations++;
  });
  // Last: it reads whole incidents, and nobody waits for it.
  await each(ofType("incident"), signal, trouble, async (item) => {
    if (await closeIncident(item, ports, signal)) closed++;
    else await lookAtRecord(item, ports, signal);
  });
  const notes = await sending;
  const leftovers = await lookForLeftovers(ports, signal);
  if (notes === null) troubles++;
  telemetry.count("SweepTroubles", troubles);
  const sensors = await watching;
  const report = {
    claims,
    orders,
    notes: notes ?? { sent: 0, retry: 0, dead: 0, skipped: 0, folded: 0 },
    closed,
    leftovers,
    sensors,
    escalations,
    switched: switched ?? 0,
    troubles,
  };
  telemetry.info("Swept", { due: due.length, ...report });
  return report;
}

async function sendNotes(notes: readonly Item[], ports: SweepPorts, signal: AbortSignal): Promise<NotifyReport | null> {
  try {
    return await deliverNotes(
      notes.slice(0, MOST_NOTES).map(({ pk, sk }) => ({ pk, sk })),
      ports,
      signal,
    );
  } catch (thrown) {
    ports.telemetry.error("Sweep could not send every note; the rest stays due", { because: messageOf(thrown) });
    return null;
  }
}

async function each(
  items: readonly Item[],
  signal: AbortSignal,
  trouble: (item: Item, thrown: unknown) => void,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const queue = [...items];
  const worker = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined && !signal.aborted; item = queue.shift()) {
      try {
        await work(item);
      } catch (thrown) {
        trouble(item, thrown);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, queue.length) }, worker));
}

async function tellOfSwitch(ports: SweepPorts, signal: AbortSignal): Promise<number | null> {
  try {
    return await tellSwitch(ports, signal);
  } catch (thrown) {
    ports.telemetry.error("Sweep could not look at the kill switch", { because: messageOf(thrown) });
    return null;
  }
}
