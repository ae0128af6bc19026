import { type ActionName, endsTarget, laneOf } from "#shared/domain/action.ts";
import type { Decision } from "#shared/domain/decision.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { Order } from "#shared/domain/order.ts";
import type { QueueEntry } from "#shared/domain/queue-entry.ts";
import type { Workload } from "#shared/domain/workload.ts";
import type { ContainerBody } from "#shared/ledger/incident.ts";
import { unpack } from "#shared/ledger/items.ts";
import { containerKey } from "#shared/ledger/keys.ts";
import { type Acted, act } from "#shared/pipeline/respond/act.ts";
import { hear } from "#shared/pipeline/respond/hear.ts";
import { carryOrder } from "#shared/pipeline/respond/orders.ts";
import type { RespondPorts } from "#shared/pipeline/respond/ports.ts";
import { type Aftermath, type Recorded, record, recorded, recordedIn } from "#shared/pipeline/respond/record.ts";
import { readClaim } from "#shared/pipeline/respond/settle.ts";
import type { Verdict } from "#shared/pipeline/respond/verdict.ts";
import { decodeOrder } from "#shared/wire/order.ts";
import { decodeEntry } from "#shared/wire/queue-entry.ts";

export type { RespondPorts } from "#shared/pipeline/respond/ports.ts";

/** One message of an alert queue. */
export interface Message {
  readonly body: string;
  /** 1 at the first delivery. */
  readonly receiveCount: number;
}

/**
 * hopeless: in the dead-letter queue with its reason. ignored: no policy rule matches the workload. counted: towards a threshold that is not
 * reached. recorded: in the ledger.
 */
export type Responded =
  | { readonly kind: "hopeless" | "ignored" | "counted"; readonly because: string }
  | {
      readonly kind: "recorded";
      readonly incident: string;
      readonly repeated: boolean;
      readonly decisions: readonly string[];
      readonly acted: readonly Acted[];
    };

/**
 * One alert, from the queue to its receipt. Repeated at will: what is recorded is not decided again, what is claimed is not done again.
 * Throws when the message must come again (PipelineError, retryable) or when we are wrong ourselves.
 */
export async function respond(message: Message, ports: RespondPorts, signal: AbortSignal): Promise<Responded> {
  const { table, telemetry, deadLetters, clock } = ports;
  const entry = readBody(message.body);
  if (typeof entry === "string") {
    await deadLetters.put(message.body, entry, signal);
    telemetry.error("A message can never be read: dead-lettered", { because: entry });
    telemetry.count("Hopeless", 1);
    return { kind: "hopeless", because: entry };
  }
  if (entry.schema === "falco-responder/order/1") return await obey(entry, ports, signal);
  const earlier = await recorded(entry.alert.id, table, signal);
  let known = earlier;
  if (known === null) {
    const verdict = await hear(entry, message.receiveCount, ports, signal);
    if (verdict.entry === null && verdict.counted.length > 0) {
      const because = verdict.counted.join("; ");
      telemetry.count("Counted", entry.count);
      telemetry.info("Alert counted towards a threshold", { alert: entry.alert.id, batch: entry.batch, because });
      return { kind: "counted", because };
    }
    if (verdict.entry === null) {
      telemetry.count("Ignored", entry.count, { because: "workload" });
      return { kind: "ignored", because: "no policy rule matches the alert and its workload" };
    }
    known = await record(verdict, await aftermathOf(verdict, ports, signal), ports, signal);
    tellDecisions(entry, known, ports, clock.now());
  }
  const acted = await actAll(known, ports, signal);
  const decisions = known.body.decisions.map(({ kind }) => kind);
  telemetry.info("Alert responded to", { alert: entry.alert.id, incident: known.incident, decisions, acted, batch: entry.batch });
  return { kind: "recorded", incident: known.incident, repeated: earlier !== null, decisions, acted };
}

/** What another function or a person has left to this lane. */
async function obey(order: Order, ports: RespondPorts, signal: AbortSignal): Promise<Responded> {
  const { incident } = order;
  if (order.kind === "order") {
    const { kind, because } = await carryOrder(incident, order.item, ports, signal);
    return { kind: "recorded", incident, repeated: kind === "left", decisions: [because], acted: [] };
  }
  const known = await recordedIn(incident, order.alert, ports.table, signal);
  const acted = await actAll(known, ports, signal, ({ action }) =>
    ports.lanes.includes(laneOf(action.action, known.target?.workload.kind ?? "task")),
  );
  return { kind: "recorded", incident, repeated: true, decisions: known.body.decisions.map(({ kind }) => kind), acted };
}

type Act = Extract<Decision, { readonly kind: "act" }>;

/** In order; but a mark that cannot be made, or anything else that fails, keeps no offender running: what comes after it is done all the same. */
async function actAll(
  known: Recorded,
  ports: RespondPorts,
  signal: AbortSignal,
  mine: (act: Act) => boolean = () => true,
): Promise<Acted[]> {
  const acted: Acted[] = [];
  const troubles: unknown[] = [];
  for (const decision of known.body.decisions) {
    if (decision.kind !== "act" || !mine(decision)) continue;
    try {
      acted.push(await act(known, decision, ports, signal));
    } catch (thrown) {
      troubles.push(thrown);
    }
  }
  if (troubles.length > 0) throw troubles[0];
  return acted;
}

/** The entry or order, or why this body can never be one. */
function readBody(body: string): QueueEntry | Order | string {
  try {
    return decodeOrder(body) ?? decodeEntry(body);
  } catch (thrown) {
    if (thrown instanceof PipelineError && thrown.code === "message_invalid") return thrown.message;
    throw thrown;
  }
}

/**
 * An alert whose target is gone or no longer found because we acted on it: it belongs to that incident, and nobody is told again while that is open.
 * Null: an alert of its own.
 */
async function aftermathOf({ entry, resolution }: Verdict, { table }: RespondPorts, signal: AbortSignal): Promise<Aftermath | null> {
  if (resolution === null || resolution.kind === "found") return null;
  const uid = resolution.kind === "gone" ? resolution.workload.uid : await formerTarget(entry, table, signal);
  if (uid === null) return null;
  const claims = (await table.query(`CLAIM#${uid}`, "", signal)).map((item) => readClaim(item).claim);
  const acted = claims.findLast(({ state, action, plan }) => hasEnded(action, plan.workload) && state !== "failed" && state !== "refused");
  return acted === undefined ? null : { incident: acted.incident };
}

/** Draining a machine leaves alone what no service started there. */
const hasEnded = (action: ActionName, workload: Workload): boolean =>
  endsTarget(action) && (action !== "ecs:drain-instance" || (workload.kind === "task" && workload.service !== null));

async function formerTarget({ cluster, alert }: QueueEntry, table: RespondPorts["table"], signal: AbortSignal): Promise<string | null> {
  if (cluster === null || alert.containerId === null) return null;
  const item = await table.get(containerKey(cluster, alert.containerId), signal);
  return item === null ? null : unpack<ContainerBody>(item, "container").uid;
}

function tellDecisions(entry: QueueEntry, { body }: Recorded, { telemetry }: RespondPorts, nowMs: number): void {
  for (const { kind } of body.decisions) telemetry.count("Decisions", 1, { kind });
  if (body.decisions.length === 0) telemetry.count("Decisions", 1, { kind: "tell" });
  if (entry.alert.timeMs !== null) telemetry.latency("FalcoToDecision", Math.max(0, nowMs - entry.alert.timeMs));
}
