import { actionKey, subjectIn } from "#shared/domain/action.ts";
import { messageOf, PipelineError } from "#shared/domain/error.ts";
import type { Outcome } from "#shared/domain/receipt.ts";
import { receiptOf, released, settled } from "#shared/ledger/claim.ts";
import { heldWrite } from "#shared/ledger/switch.ts";
import { expiryWrites } from "#shared/pipeline/respond/expiry.ts";
import { pausedNow } from "#shared/pipeline/respond/paused.ts";
import type { ClaimPorts } from "#shared/pipeline/respond/ports.ts";
import { reachOf } from "#shared/pipeline/respond/reach.ts";
import { type Claim, type Held, settle, storeClaim, tellingOf } from "#shared/pipeline/respond/settle.ts";
import { playbooks } from "#shared/playbooks/index.ts";
import { type Kept, type Reach, undoOf, type Verification } from "#shared/playbooks/playbook.ts";

/** respond looks so long whether it is done; after that sweep looks. */
const WATCH_MS = 5_000;
const BETWEEN_LOOKS_MS = 400;

/**
 * Does what the claim says, looks whether it is done and leaves the receipt. `lookFirst`: an earlier owner may have done it already.
 * Throws a retryable PipelineError when the world is broken: the lease is given back and the message comes again.
 */
export async function carryOut(held: Held, lookFirst: boolean, ports: ClaimPorts, signal: AbortSignal): Promise<Outcome | "lost"> {
  const { claim } = held;
  const reach = reachOf(claim.cluster, ports);
  if (reach === null) return await end(held, "failed", `cluster ${claim.cluster} is no longer in falco-responder.yml`, null, ports, signal);
  const playbook = playbooks[claim.action];
  let left: string | null = null;
  if (lookFirst && isPrepared(claim)) {
    const seen = await attempt(() => playbook.verify(claim.plan, keptOf(claim), reach, signal));
    // What the earlier owner did is not known when we may not look: that is no failure.
    if (!seen.ok) return await broken(held, seen.error, "unknown", ports, signal);
    if (seen.value.kind !== "pending") return await endAs(held, seen.value, ports, signal);
    if (seen.value.begun) return await watch(held, reach, ports, signal);
    if (seen.value.partly === true) left = seen.value.because;
  }
  // It may have been switched on since the claim, and nothing is under way.
  const paused = lookFirst ? await pausedNow(claim.cluster, ports, signal) : null;
  if (paused !== null) return await stopBefore(held, paused, left, ports, signal);
  const ready = await prepared(held, reach, ports, signal);
  if (typeof ready === "string") return ready;
  // Preparing takes seconds, and the claim's condition is as old.
  const since = ready === held ? null : await pausedNow(claim.cluster, ports, signal);
  return since === null ? await execute(ready, reach, ports, signal) : await stopBefore(ready, since, left, ports, signal);
}

/** Paused between claim and action. What an earlier owner left half done must stay to be undone. */
async function stopBefore(
  held: Held,
  paused: string,
  left: string | null,
  ports: ClaimPorts,
  signal: AbortSignal,
): Promise<Outcome | "lost"> {
  const { incident, cluster, target, action, plan } = held.claim;
  await ports.table.transact([heldWrite({ incident, cluster, target, key: actionKey(action, plan.params) }, ports.clock.now())], signal);
  return left === null
    ? await end(held, "refused", `${paused}; nothing was done`, null, ports, signal)
    : await end(held, "unknown", `${paused}; a part was done before: ${left}`, null, ports, signal);
}

const keptOf = ({ kept = {} }: Claim): Kept => kept;

/** Nothing is done before it is prepared: a claim without what preparing kept has touched nothing yet. */
export const isPrepared = ({ action, kept }: Claim): boolean => playbooks[action].prepare === undefined || kept !== undefined;

/** The claim with what undo needs, stored before the first write to the world; or what it ended as. */
async function prepared(held: Held, reach: Reach, ports: ClaimPorts, signal: AbortSignal): Promise<Held | Outcome | "lost"> {
  const { claim } = held;
  const playbook = playbooks[claim.action];
  if (playbook.prepare === undefined || claim.kept !== undefined) return held;
  const seen = await attempt(() => playbook.prepare?.(claim.plan, reach, signal) ?? Promise.reject(new Error("no preparation")));
  if (!seen.ok) return await broken(held, seen.error, "failed", ports, signal);
  if (seen.value.kind === "ready") {
    const { kept, remarks } = seen.value;
    return (await storeClaim(held, { ...claim, kept, remarks }, ports, signal)) ?? "lost";
  }
  if (seen.value.kind === "refused") return await end(held, "refused", seen.value.because, null, ports, signal);
  return await end(held, "skipped", seen.value.because, null, ports, signal);
}

async function execute(held: Held, reach: Reach, ports: ClaimPorts, signal: AbortSignal): Promise<Outcome | "lost"> {
  const { claim } = held;
  const executed = await attempt(() => playbooks[claim.action].execute(claim.plan, keptOf(claim), reach, signal));
  if (!executed.ok) return await broken(held, executed.error, "failed", ports, signal);
  const { kind, because, kept, remarks = [] } = executed.value;
  if (kind === "gone") return await end(held, "skipped", because, null, ports, signal);
  if (kind === "conflict") return await end(held, "refused", because, null, ports, signal);
  if (kind === "failed") return await end(held, "failed", because, null, ports, signal);
  const requestedAtMs = ports.clock.now();
  if (claim.alertAtMs !== null) ports.telemetry.latency("FalcoToAction", requestedAtMs - claim.alertAtMs, { action: claim.action });
  const done: Held = {
    ...held,
    claim: {
      ...claim,
      requestedAtMs,
      ...(kept === undefined ? {} : { kept }),
      ...(remarks.length === 0 ? {} : { remarks: [...(claim.remarks ?? []), ...remarks] }),
    },
  };
  return kind === "done" ? await end(done, "done", because, ports.clock.now(), ports, signal) : await watch(done, reach, ports, signal);
}

type Attempt<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: PipelineError };

/** Only trouble with the cluster's world: that of the ledger must not be taken for it. */
async function attempt<T>(call: () => Promise<T>): Promise<Attempt<T>> {
  try {
    return { ok: true, value: await call() };
  } catch (thrown) {
    if (thrown instanceof PipelineError) return { ok: false, error: thrown };
    throw thrown;
  }
}

/** Trouble that may pass: the lease is given back, since whoever comes next looks at the world first, and the message comes again. */
async function broken(
  held: Held,
  error: PipelineError,
  outcome: "failed" | "unknown",
  ports: ClaimPorts,
  signal: AbortSignal,
): Promise<Outcome | "lost"> {
  if (!error.retryable) return await end(held, outcome, `${error.code}: ${error.message}`, null, ports, signal);
  if (!signal.aborted) await storeClaim(held, released(held.claim, ports.clock.now()), ports, signal);
  throw error;
}

async function watch(held: Held, reach: Reach, ports: ClaimPorts, signal: AbortSignal): Promise<Outcome | "lost"> {
  const { clock } = ports;
  const untilMs = clock.now() + WATCH_MS;
  for (;;) {
    const nowMs = clock.now();
    // All who watch look at the same moments: what they ask goes out in one call.
    await clock.sleep(BETWEEN_LOOKS_MS - (nowMs % BETWEEN_LOOKS_MS), signal);
    const seen = await verifyCalmly(held, reach, signal);
    if (seen.kind === "done") return await endAs(held, seen, ports, signal);
    if (seen.kind === "failed") return await endAs(held, seen, ports, signal);
    if (clock.now() + BETWEEN_LOOKS_MS > untilMs) return await end(held, "requested", seen.because, null, ports, signal);
  }
}

/** The request was accepted: that we cannot look now changes nothing about it. */
async function verifyCalmly({ claim }: Held, reach: Reach, signal: AbortSignal): Promise<Verification> {
  try {
    return await playbooks[claim.action].verify(claim.plan, keptOf(claim), reach, signal);
  } catch (thrown) {
    if (!(thrown instanceof PipelineError)) throw thrown;
    return { kind: "pending", begun: true, because: `accepted, and it cannot be looked at now: ${messageOf(thrown)}` };
  }
}

const OUTCOME: Record<Exclude<Verification["kind"], "pending">, Outcome> = { done: "done", failed: "failed", unknown: "unknown" };

const endAs = (
  held: Held,
  seen: Exclude<Verification, { readonly kind: "pending" }>,
  ports: ClaimPorts,
  signal: AbortSignal,
): Promise<Outcome | "lost"> =>
  end(ended(held, seen), OUTCOME[seen.kind], seen.because, seen.kind === "done" ? ports.clock.now() : null, ports, signal);

/** What nobody will ever see is not looked at again. */
export const ended = (held: Held, { over }: Verification & { readonly over?: true }): Held =>
  over === true ? { ...held, claim: { ...held.claim, over } } : held;

/** Writes the outcome, fenced. "lost": another owner has the claim, its word counts. */
export async function end(
  held: Held,
  outcome: Outcome,
  because: string,
  verifiedAtMs: number | null,
  ports: ClaimPorts,
  signal: AbortSignal,
): Promise<Outcome | "lost"> {
  const { claim } = held;
  const telling = tellingOf(outcome);
  const next = { ...settled(claim, outcome, claim.requestedAtMs), escalated: claim.escalated || telling === "unknown" };
  // An earlier owner may have done it and died before it could write so.
  const touched = outcome === "done" || outcome === "requested" || outcome === "unknown";
  const receipt = receiptOf(
    next,
    outcome,
    because,
    verifiedAtMs,
    undoOf(playbooks[claim.action], touched ? keptOf(next) : null),
    subjectIn(claim.action, claim.plan.params),
  );
  const { incident, alert, channels } = claim;
  const also = () => expiryWrites(next, outcome, ports, signal);
  if (!(await settle({ receipt, incident, alert, channels, telling, claim: { held, next }, also }, ports, signal))) return "lost";
  ports.telemetry.count("Actions", 1, { action: claim.action, outcome });
  ports.telemetry.info("Receipt", { incident, action: claim.action, outcome, fence: claim.fence });
  if (outcome === "done" && verifiedAtMs !== null && claim.alertAtMs !== null)
    ports.telemetry.latency("FalcoToVerified", verifiedAtMs - claim.alertAtMs, { action: claim.action });
  return outcome;
}
