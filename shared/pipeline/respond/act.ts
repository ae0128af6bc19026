import { actionKey, laneOf } from "#shared/domain/action.ts";
import { PipelineError } from "#shared/domain/error.ts";
import { type Evidence, type Outcome, toldApart } from "#shared/domain/receipt.ts";
import { versionsOf } from "#shared/domain/versions.ts";
import { isFinalClaim, standing, takenOver } from "#shared/ledger/claim.ts";
import type { IncidentBody } from "#shared/ledger/incident.ts";
import { unpack } from "#shared/ledger/items.ts";
import { claimKey, hashOf, metaKey, receiptKey } from "#shared/ledger/keys.ts";
import { switchChecks } from "#shared/ledger/switch.ts";
import { type Spending, spend } from "#shared/pipeline/respond/budgets.ts";
import { carryOut } from "#shared/pipeline/respond/carry-out.ts";
import { clusterOf } from "#shared/pipeline/respond/cluster-of.ts";
import { keepEvidence } from "#shared/pipeline/respond/evidence.ts";
import { hold, type Wanted, type Why } from "#shared/pipeline/respond/hold.ts";
import { parameterPause, pausedNow } from "#shared/pipeline/respond/paused.ts";
import type { RespondPorts } from "#shared/pipeline/respond/ports.ts";
import type { Recorded } from "#shared/pipeline/respond/record.ts";
import { type Claim, claimItem, type Held, leaseFrom, readClaim, settle, storeClaim } from "#shared/pipeline/respond/settle.ts";
import { spendingOf } from "#shared/pipeline/respond/spending.ts";
import { inTurn } from "#shared/pipeline/respond/turn.ts";
import { playbooks } from "#shared/playbooks/index.ts";
import { type Plan, undoOf } from "#shared/playbooks/playbook.ts";
import { protectionOf } from "#shared/policy/guards.ts";
import { modeNow } from "#shared/policy/modes.ts";
import type { TransactResult, Write } from "#shared/ports/table.ts";

/** handed-over: another lane has the rights for it. already: another alert or delivery has the claim. lost: another owner took it over meanwhile. held: a budget or the kill switch said no. */
export type Acted = Outcome | "already" | "lost" | "held" | "handed-over";

const ATTEMPTS = 10;

/**
 * Evidence, claim, action, receipt. Repeated at will: a claim that is there is never made again. Throws a retryable PipelineError when the
 * message must come again.
 */
export async function act(recorded: Recorded, decision: Wanted, ports: RespondPorts, signal: AbortSignal): Promise<Acted> {
  const { body, target, incident, generation } = recorded;
  const { approval = null } = decision;
  if (target === null) throw new Error(`incident ${incident} decided to act on no target`);
  const lane = laneOf(decision.action.action, target.workload.kind);
  if (!ports.lanes.includes(lane)) {
    const order = { schema: "falco-responder/order/1", kind: "act", incident, alert: body.alert.id } as const;
    await ports.orders.send(lane, order, hashOf("act", target.workload.uid), hashOf("act", incident, body.alert.id), signal);
    return "handed-over";
  }
  const key = claimKey(target.workload.uid, actionKey(decision.action.action, decision.action.params), generation);
  const there = await ports.table.get(key, signal);
  const earlier = there === null ? null : readClaim(there);
  if (earlier !== null && !(await mayTryAgain(earlier.claim, recorded, ports, signal))) return await goOn(recorded, earlier, ports, signal);

  const planning = playbooks[decision.action.action].plan(target.workload, decision.action.params, { incident, rule: decision.rule });
  if (planning.kind === "refused") return await hold(recorded, decision, { because: planning.because }, { kind: "none" }, ports, signal);
  // Decided under an earlier deploy and redelivered: whoever has taken enforcing back or protected it since then means this action too.
  if (approval !== null && approval.objection !== null)
    return await hold(recorded, decision, { because: approval.objection }, { kind: "none" }, ports, signal);
  const mode = modeNow(ports.policy, clusterOf(target.workload, ports), decision.rule);
  if (mode === "observe" || (mode === "approve" && approval === null))
    return await hold(recorded, decision, { because: "the policy no longer enforces" }, { kind: "none" }, ports, signal);
  // Decided by another lane or before a deploy: whoever is protected since is spared.
  const protection = approval === null ? protectionOf(ports.policy, target.workload) : null;
  if (protection !== null)
    return await hold(recorded, decision, { because: `${protection} since it was decided` }, { kind: "none" }, ports, signal);
  const ageMs = ports.clock.now() - (body.alert.timeMs ?? Number.NEGATIVE_INFINITY);
  if (approval === null && !(ageMs <= ports.policy.maxAgeSeconds * 1_000))
    return await hold(
      recorded,
      decision,
      { because: "the alert had become too old when it could be acted on" },
      { kind: "none" },
      ports,
      signal,
    );
  const evidence = await keepEvidence(recorded, target.workload, decision.action, ports, signal);
  if (evidence.kind === "failed" && decision.action.evidence === "required")
    return await hold(
      recorded,
      decision,
      { because: `evidence is required and could not be kept: ${evidence.because}` },
      evidence,
      ports,
      signal,
    );
  return await claimAndCarryOut(recorded, decision, planning.plan, evidence, earlier, ports, signal);
}

/**
 * A later alert has found the target running although an earlier claim on it failed or was refused: it may be claimed anew. Else one refusal
 * would spare an offender for as long as its alerts keep the incident open. Nor does what an incident of another rule did and ended with
 * answer for this one: sessions given out since then are not revoked by it.
 */
async function mayTryAgain(
  { state, alert, incident }: Claim,
  recorded: Recorded,
  { table }: RespondPorts,
  signal: AbortSignal,
): Promise<boolean> {
  if (state === "failed" || state === "refused") return alert !== recorded.body.alert.id;
  if (incident === recorded.incident || !isFinalClaim(state)) return false;
  const meta = await table.get(metaKey(incident), signal);
  return meta === null || unpack<IncidentBody>(meta, "incident").state === "closed";
}

/** `earlier`: the claim that the new one replaces. */
async function claimAndCarryOut(
  recorded: Recorded,
  decision: Wanted,
  plan: Plan,
  evidence: Evidence,
  earlier: Held | null,
  ports: RespondPorts,
  signal: AbortSignal,
): Promise<Acted> {
  const { table, clock } = ports;
  const key = claimKey(plan.workload.uid, actionKey(plan.action, plan.params), recorded.generation);
  const held = async (why: Why): Promise<Acted> => {
    // An alert of its other container may be at the same target by now, with the budget that is missing here: then it is not held.
    const there = await table.get(key, signal);
    const other = there === null ? null : readClaim(there);
    if (other !== null && isMadeMeanwhile(other.claim, recorded.incident)) return await goOn(recorded, other, ports, signal);
    return await hold(recorded, decision, why, evidence, ports, signal);
  };
  const said = await parameterPause(ports, signal);
  if (said !== null) return await held({ because: said, paused: true });
  const spending = await spendingOf(plan, recorded, ports, signal);
  if ("because" in spending) return await held(spending);
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    // The budgets of cluster and fleet are everybody's.
    const made = await inTurn(table, () => makeClaim(recorded, plan, spending, evidence, earlier, ports, signal));
    if (made.kind === "held") return await held(made.why);
    const { result } = made;
    if (result.ok) return await carryOut(made.held, false, ports, signal);
    if (result.failed.includes(0)) {
      const there = await table.get(key, signal);
      return there === null ? "already" : await goOn(recorded, readClaim(there), ports, signal);
    }
    if (SWITCHES.some((position) => result.failed.includes(position))) {
      const because = (await pausedNow(plan.workload.cluster, ports, signal)) ?? "the kill switch was on when it was claimed";
      return await held({ because, paused: true });
    }
    // Only a budget changed meanwhile: look at what is left of it.
    await clock.sleep(Math.random() * 25 * 2 ** Math.min(attempt, 5), signal);
  }
  throw new PipelineError("ledger_contention", `the budgets changed ${ATTEMPTS} times while a claim was made`);
}

/** Behind the claim itself. */
const SWITCHES = [1, 2];

type Made = { readonly kind: "held"; readonly why: Why } | { readonly kind: "tried"; readonly held: Held; readonly result: TransactResult };

/** One transaction: the claim, with its lease from now, the switch, and every budget that it falls under. */
async function makeClaim(
  recorded: Recorded,
  plan: Plan,
  spending: Spending,
  evidence: Evidence,
  earlier: Held | null,
  { table, clock, policy, registry, newId }: RespondPorts,
  signal: AbortSignal,
): Promise<Made> {
  const nowMs = clock.now();
  const budget = await spend(spending, policy, table, nowMs, signal);
  if (!budget.ok) return { kind: "held", why: { because: budget.because, spent: budget.spent } };
  const claim = { ...newClaim(recorded, plan, evidence, newId(), nowMs), ...anew(earlier), under: versionsOf({ policy, registry }) };
  const version = (earlier?.version ?? 0) + 1;
  const when = earlier === null ? ({ kind: "absent" } as const) : ({ kind: "version", version: earlier.version } as const);
  const writes: readonly Write[] = [
    { op: "put", item: claimItem(claim, version, nowMs), when },
    ...switchChecks(plan.workload.cluster),
    ...filing(earlier, recorded, nowMs),
    ...budget.writes,
  ];
  return { kind: "tried", held: { claim, version }, result: await table.transact(writes, signal) };
}

/** What was done in another incident stays there to be undone. */
function filing(earlier: Held | null, { incident }: Recorded, nowMs: number): readonly Write[] {
  if (earlier === null || earlier.claim.incident === incident) return [];
  return [{ op: "put", item: claimItem({ ...earlier.claim, filed: true }, 1, nowMs), when: { kind: "absent" } }];
}

const anew = (earlier: Held | null): Pick<Claim, "again" | "fence"> | null =>
  earlier === null ? null : { again: true, fence: earlier.claim.fence + 1 };

function newClaim({ incident, generation, body }: Recorded, plan: Plan, evidence: Evidence, owner: string, nowMs: number): Claim {
  return {
    state: "executing",
    incident,
    generation,
    target: plan.workload.uid,
    action: plan.action,
    alert: body.alert.id,
    alertAtMs: body.alert.timeMs,
    cluster: plan.workload.cluster,
    channels: body.channels,
    plan,
    evidence,
    owner,
    fence: 1,
    leaseUntilMs: leaseFrom(nowMs),
    claimedAtMs: nowMs,
    requestedAtMs: null,
    looks: 0,
    escalated: false,
  };
}

/** The claim is there. Only the alert that made it goes on with it, and only when nobody else holds it; sweep verifies the rest. */
async function goOn(recorded: Recorded, held: Held, ports: RespondPorts, signal: AbortSignal): Promise<Acted> {
  const { claim } = held;
  if (claim.incident !== recorded.incident) return await yieldTo(recorded, claim, ports, signal);
  const stands = standing(claim, ports.clock.now());
  if (stands === "final" || stands === "requested" || claim.alert !== recorded.body.alert.id) return "already";
  if (stands === "leased")
    throw new PipelineError("ledger_contention", `the claim on ${claim.action} is leased: an earlier delivery is at it or died with it`);
  const ours = await storeClaim(held, takenOver(claim, ports.newId(), ports.clock.now()), ports, signal);
  return ours === null ? "lost" : await carryOut(ours, true, ports, signal);
}

/** Another incident, of another policy rule, has the claim on this target: one action is enough, and this incident's people learn where. */
async function yieldTo({ incident, body }: Recorded, claim: Claim, ports: RespondPorts, signal: AbortSignal): Promise<Acted> {
  const { action, target } = claim;
  const isUndone = claim.state === "undone";
  if ((await ports.table.get(receiptKey(incident, target, actionKey(action, claim.plan.params)), signal)) !== null) return "already";
  const receipt = {
    action,
    target,
    outcome: isUndone ? "refused" : "skipped",
    because: isUndone
      ? `it was done in incident ${claim.incident} and taken back by a person: it is not done again`
      : `incident ${claim.incident} acts on this target`,
    requestedAtMs: null,
    verifiedAtMs: null,
    undo: undoOf(playbooks[action], null),
    evidence: { kind: "none" },
    ...toldApart(claim.plan),
  } as const;
  const settlement = { receipt, incident, alert: body.alert.id, channels: body.channels, telling: "final", claim: null } as const;
  await settle(settlement, ports, signal);
  return "already";
}

/** One that failed, was refused, or is of a closed incident was there before, and is what was to be replaced. */
const isMadeMeanwhile = ({ state, incident: its }: Claim, incident: string): boolean =>
  !isFinalClaim(state) || (its === incident && (state === "done" || state === "undone"));
