import { messageOf, PipelineError } from "#shared/domain/error.ts";
import { ESCALATE_MS, standing } from "#shared/ledger/claim.ts";
import { end, ended, isPrepared } from "#shared/pipeline/respond/carry-out.ts";
import type { ClaimPorts } from "#shared/pipeline/respond/ports.ts";
import { reachOf } from "#shared/pipeline/respond/reach.ts";
import { type Held, readClaim, storeClaim } from "#shared/pipeline/respond/settle.ts";
import { playbooks } from "#shared/playbooks/index.ts";
import type { Verification } from "#shared/playbooks/playbook.ts";
import type { Item } from "#shared/ports/table.ts";

/** What a late look at a claim came to. `waiting`: looked at again later. `left`: final, or another holds it. */
export type Late = "done" | "failed" | "unknown" | "waiting" | "left";

/**
 * Looks whether an action that was requested, or whose owner died, has happened, and finishes its receipt. Never acts: the right to do so
 * is respond's. An outcome that stays open is told once, after a quarter of an hour.
 */
export async function verifyLate(found: Item, ports: ClaimPorts, signal: AbortSignal): Promise<Late> {
  const { table, clock } = ports;
  const item = await table.get(found, signal);
  if (item === null) return "left";
  const held = readClaim(item);
  const stands = standing(held.claim, clock.now());
  if (stands === "final" || stands === "leased") return "left";
  const seen = await look(held, ports, signal);
  const ageMs = clock.now() - held.claim.claimedAtMs;
  if (seen.kind === "done" || seen.kind === "failed") {
    const verifiedAtMs = seen.kind === "done" ? clock.now() : null;
    return (await end(held, seen.kind, seen.because, verifiedAtMs, ports, signal)) === "lost" ? "left" : seen.kind;
  }
  if (seen.kind === "unknown" && seen.over === true) return await endUnknown(ended(held, seen), seen.because, ports, signal);
  // Its owner is dead, its message had its retries, and the world shows that no request ever arrived: nobody will do it now.
  if (stands === "expired" && seen.kind === "pending" && !seen.begun && ageMs > ESCALATE_MS)
    return await giveUp(held, seen.blind === true || seen.partly === true ? "unknown" : "failed", seen.because, ports, signal);
  if (ageMs > ESCALATE_MS && !held.claim.escalated) {
    const looked = { ...held, claim: { ...held.claim, looks: held.claim.looks + 1 } };
    const because = `still not confirmed ${Math.round(ageMs / 60_000)} min after the claim: ${seen.because}`;
    return await endUnknown(looked, because, ports, signal);
  }
  return (await lookLater(held, ports, signal)) ? "waiting" : "left";
}

const endUnknown = async (held: Held, because: string, ports: ClaimPorts, signal: AbortSignal): Promise<Late> =>
  (await end(held, "unknown", because, null, ports, signal)) === "lost" ? "left" : "unknown";

const giveUp = async (held: Held, outcome: "failed" | "unknown", because: string, ports: ClaimPorts, signal: AbortSignal): Promise<Late> =>
  (await end(held, outcome, `given up: ${because}`, null, ports, signal)) === "lost" ? "left" : outcome;

async function look({ claim }: Held, ports: ClaimPorts, signal: AbortSignal): Promise<Verification> {
  // There is nothing to compare the world with, and no need to.
  if (!isPrepared(claim)) return { kind: "pending", begun: false, because: "its owner died before it prepared: nothing was touched" };
  const reach = reachOf(claim.cluster, ports);
  if (reach === null) return { kind: "unknown", because: `cluster ${claim.cluster} is no longer in falco-responder.yml` };
  try {
    return await playbooks[claim.action].verify(claim.plan, claim.kept ?? {}, reach, signal);
  } catch (thrown) {
    if (!(thrown instanceof PipelineError)) throw thrown;
    return { kind: "unknown", because: `the world cannot be looked at: ${messageOf(thrown)}` };
  }
}

/** A claim whose owner died stays executing, its lease over: its message may still come again and go on. */
async function lookLater(held: Held, ports: ClaimPorts, signal: AbortSignal): Promise<boolean> {
  const next = { ...held.claim, looks: held.claim.looks + 1 };
  return (await storeClaim(held, next, ports, signal)) !== null;
}
