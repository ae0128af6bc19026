import type { Receipt, Outcome as ReceiptOutcome } from "#shared/domain/receipt.ts";
import type { IncidentBody } from "#shared/ledger/incident.ts";
import { unpack } from "#shared/ledger/items.ts";
import { claimKey, metaKey } from "#shared/ledger/keys.ts";
import type { OrderBody } from "#shared/ledger/order.ts";
import type { RespondPorts } from "#shared/pipeline/respond/ports.ts";
import { reachOf } from "#shared/pipeline/respond/reach.ts";
import { readClaim, settle } from "#shared/pipeline/respond/settle.ts";
import { playbooks } from "#shared/playbooks/index.ts";
import type { Undoing } from "#shared/playbooks/playbook.ts";

/** `againAtMs`: the order stays given and is looked at again then; null: that was all. */
export interface OrderOutcome {
  readonly because: string;
  readonly againAtMs: number | null;
  /** A budget, the kill switch or a guard said no. */
  readonly isHeld?: boolean;
}

/** Asked for and not seen yet: looked at again after this. */
const AGAIN_MS = 60_000;

const RECEIPT: Readonly<Record<Undoing["kind"], ReceiptOutcome>> = {
  undone: "done",
  nothing: "skipped",
  changed: "refused",
  requested: "requested",
  early: "requested",
};

/** Takes back what a claim did, as far as it is still as we made it, and leaves a receipt of its own. */
export async function undo(order: OrderBody, ports: RespondPorts, signal: AbortSignal): Promise<OrderOutcome> {
  const { table, clock } = ports;
  const { incident, target, key } = order;
  const meta = await table.get(metaKey(incident), signal);
  const generation = meta === null ? 0 : unpack<IncidentBody>(meta, "incident").generation;
  const item = await table.get(claimKey(target, key, generation), signal);
  if (item === null) return over("there is no such action to take back");
  const held = readClaim(item);
  const { claim } = held;
  const playbook = playbooks[claim.action];
  if (claim.state === "undone") return over("it was taken back before");
  if (claim.state === "executing") return { because: "the action is still under way", againAtMs: clock.now() + AGAIN_MS };
  if (claim.state === "failed" || claim.state === "refused") return over(`the action was not done (${claim.state})`);
  if (!playbook.undo.possible) return over(playbook.undo.because);
  const reach = reachOf(claim.cluster, ports);
  if (reach === null) return over(`cluster ${claim.cluster} is no longer in falco-responder.yml`);
  const seen = await playbook.undo.run(claim.plan, claim.kept ?? {}, claim.requestedAtMs ?? claim.claimedAtMs, reach, signal);
  const isOver = seen.kind === "undone" || seen.kind === "nothing";
  const { requestedAtMs } = claim;
  const receipt: Receipt = {
    action: claim.action,
    target,
    outcome: RECEIPT[seen.kind],
    because: seen.because,
    requestedAtMs,
    verifiedAtMs: seen.kind === "undone" ? clock.now() : null,
    undo: { possible: false, because: "this is the undoing itself; the action is not taken on this target again in this incident" },
    evidence: { kind: "none" },
    undoing: true,
    ...(claim.action === "aws:invoke-lambda" ? { subject: String(claim.plan.params["function"]) } : {}),
  };
  const telling = seen.kind === "requested" ? null : "final";
  const next = isOver ? { held, next: { ...claim, state: "undone" as const } } : null;
  await settle({ receipt, incident, alert: claim.alert, channels: claim.channels, telling, claim: next }, ports, signal);
  ports.telemetry.count("Undone", 1, { action: claim.action, outcome: seen.kind });
  if (seen.kind === "early") return { because: seen.because, againAtMs: seen.notBeforeMs };
  return seen.kind === "requested" ? { because: seen.because, againAtMs: clock.now() + AGAIN_MS } : over(seen.because);
}

const over = (because: string): OrderOutcome => ({ because, againAtMs: null });
