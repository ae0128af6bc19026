import { PipelineError } from "#shared/domain/error.ts";
import { type Receipt, type Outcome as ReceiptOutcome, toldApart } from "#shared/domain/receipt.ts";
import type { IncidentBody } from "#shared/ledger/incident.ts";
import { unpack } from "#shared/ledger/items.ts";
import { metaKey } from "#shared/ledger/keys.ts";
import type { OrderBody } from "#shared/ledger/order.ts";
import type { RespondPorts } from "#shared/pipeline/respond/ports.ts";
import { reachOf } from "#shared/pipeline/respond/reach.ts";
import { type Claim, claimOf, type Held, settle } from "#shared/pipeline/respond/settle.ts";
import { playbooks } from "#shared/playbooks/index.ts";
import type { Undo, Undoing } from "#shared/playbooks/playbook.ts";

/** `againAtMs`: the order stays given and is looked at again then; null: that was all. */
export interface OrderOutcome {
  readonly because: string;
  readonly againAtMs: number | null;
  /** A budget, the kill switch or a guard said no. */
  readonly isHeld?: boolean;
}

/** Asked for and not seen yet: looked at again after this. */
const AGAIN_MS = 60_000;

const ATTEMPTS = 6;

/** failed: it cannot be tried, or AWS says no. */
type Seen = Undoing | { readonly kind: "failed"; readonly because: string };

const RECEIPT: Readonly<Record<Seen["kind"], ReceiptOutcome>> = {
  undone: "done",
  nothing: "skipped",
  changed: "refused",
  requested: "requested",
  early: "requested",
  failed: "failed",
};

/** The claim behind an order, and how it is read again; or why nothing can be done about it (now). */
export async function behind(
  { incident, target, key }: OrderBody,
  { table, clock }: RespondPorts,
  signal: AbortSignal,
): Promise<{ readonly held: Held; readonly again: () => Promise<Held | null> } | OrderOutcome> {
  const meta = await table.get(metaKey(incident), signal);
  const about = meta === null ? null : unpack<IncidentBody>(meta, "incident");
  const again = async (): Promise<Held | null> => (about === null ? null : await claimOf(about, target, key, table, signal));
  const held = await again();
  if (held === null) return over("there is no such action to take back");
  const { state } = held.claim;
  if (state === "undone") return over("it was taken back before");
  if (state === "executing") return { because: "the action is still under way", againAtMs: clock.now() + AGAIN_MS };
  return state === "failed" || state === "refused" ? over(`the action was not done (${state})`) : { held, again };
}

/** Takes back what a claim did, as far as it is still as we made it, and leaves a receipt of its own. */
export async function undo(
  order: OrderBody,
  ports: RespondPorts,
  signal: AbortSignal,
  timed: Receipt["timed"] | null = null,
): Promise<OrderOutcome> {
  const found = await behind(order, ports, signal);
  if (!("held" in found)) return found;
  const { held, again } = found;
  const { claim } = held;
  const playbook = playbooks[claim.action];
  if (!playbook.undo.possible) return over(playbook.undo.because);
  const seen = await takenBack(claim, playbook.undo, ports, signal);
  await leaveReceipt(order, held, again, seen, ports, signal, timed);
  ports.telemetry.count("Undone", 1, { action: claim.action, outcome: seen.kind });
  return afterwards(seen, ports.clock.now());
}

/** early or requested: looked at again then; else that was all. */
export function afterwards(seen: Seen, nowMs: number): OrderOutcome {
  if (seen.kind === "early") return { because: seen.because, againAtMs: seen.notBeforeMs };
  return seen.kind === "requested" ? { because: seen.because, againAtMs: nowMs + AGAIN_MS } : over(seen.because);
}

/** What cannot be done at all is an answer, too: thrown, it would come back for ever and nobody would hear of it. */
async function takenBack(
  claim: Claim,
  { run }: Extract<Undo, { readonly possible: true }>,
  ports: RespondPorts,
  signal: AbortSignal,
): Promise<Seen> {
  const reach = reachOf(claim.cluster, ports);
  if (reach === null) return { kind: "failed", because: `cluster ${claim.cluster} is no longer in falco-responder.yml` };
  return await tried(() => run(claim.plan, claim.kept ?? {}, claim.requestedAtMs ?? claim.claimedAtMs, reach, signal));
}

export async function tried(run: () => Promise<Undoing>): Promise<Seen> {
  try {
    return await run();
  } catch (thrown) {
    if (!(thrown instanceof PipelineError) || thrown.retryable) throw thrown;
    return { kind: "failed", because: `${thrown.code}: ${thrown.message}` };
  }
}

/** With the claim as it is now: sweep may have written it meanwhile, and what was done to the world is true all the same. */
export async function leaveReceipt(
  { incident, target }: Pick<OrderBody, "incident" | "target">,
  first: Held,
  again: () => Promise<Held | null>,
  seen: Seen,
  ports: RespondPorts,
  signal: AbortSignal,
  timed: Receipt["timed"] | null = null,
): Promise<void> {
  const isOver = seen.kind === "undone" || seen.kind === "nothing";
  const telling = seen.kind === "requested" ? null : "final";
  let held: Held | null = first;
  for (let attempt = 1; attempt <= ATTEMPTS && held !== null; attempt++) {
    const { claim }: Held = held;
    const receipt: Receipt = {
      action: claim.action,
      target,
      outcome: RECEIPT[seen.kind],
      because: seen.because,
      requestedAtMs: claim.requestedAtMs,
      verifiedAtMs: seen.kind === "undone" ? ports.clock.now() : null,
      undo: { possible: false, because: "this is the undoing itself; the action is not taken on this target again in this incident" },
      evidence: { kind: "none" },
      undoing: true,
      ...(timed === null ? {} : { timed }),
      ...toldApart(claim.plan),
    };
    const next = isOver ? { held, next: { ...claim, state: "undone" as const } } : null;
    const settlement = { receipt, incident, alert: claim.alert, channels: claim.channels, telling, claim: next } as const;
    if (await settle(settlement, ports, signal)) return;
    held = await again();
  }
  throw new PipelineError("ledger_contention", `the claim changed ${ATTEMPTS} times while its undoing was written`);
}

const over = (because: string): OrderOutcome => ({ because, againAtMs: null });
