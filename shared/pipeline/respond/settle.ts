import { actionKey, keyOf } from "#shared/domain/action.ts";
import type { Gist } from "#shared/domain/digest.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { Policy } from "#shared/domain/policy.ts";
import { isFinal, type Outcome, type Receipt } from "#shared/domain/receipt.ts";
import { type Versions, versionsOf } from "#shared/domain/versions.ts";
import { type ClaimBody, LEASE_MS, lookDueMs } from "#shared/ledger/claim.ts";
import { escalationItem, escalationKey, readEscalation } from "#shared/ledger/escalation.ts";
import type { IncidentBody, ReceiptBody } from "#shared/ledger/incident.ts";
import { expiry, iso, KEEP_INCIDENT_S, pack, unpack } from "#shared/ledger/items.ts";
import { claimKey, receiptKey, topicOf } from "#shared/ledger/keys.ts";
import { newNote } from "#shared/ledger/notes.ts";
import { escalationOf } from "#shared/pipeline/respond/escalation.ts";
import type { ClaimPorts } from "#shared/pipeline/respond/ports.ts";
import type { Plan } from "#shared/playbooks/playbook.ts";
import type { Item, Table, Write } from "#shared/ports/table.ts";

export type Claim = ClaimBody<Plan>;

/** A claim as this invocation holds it: a write by anyone else makes ours fail. */
export interface Held {
  readonly claim: Claim;
  readonly version: number;
}

/** `actionKey` of what the receipt is about. */
export const keyOfReceipt = ({ action, subject }: Pick<Receipt, "action" | "subject">): string => keyOf(action, subject);

export const claimItem = (claim: Claim, version: number, nowMs: number): Item => {
  const dueMs = lookDueMs(claim, nowMs);
  const filed = claim.filed === true ? claim.incident : null;
  const key = claimKey(claim.target, actionKey(claim.action, claim.plan.params), claim.generation, filed);
  return pack(key, "claim", version, nowMs, claim, {
    state: claim.state,
    due: dueMs === null ? undefined : iso(dueMs),
    expires: expiry(nowMs, KEEP_INCIDENT_S),
  });
};

export const readClaim = (item: Item): Held => ({ claim: unpack<Claim>(item, "claim"), version: item.version });

/** What this incident did, wherever its claim stands by now; null: it claimed nothing. */
export async function claimOf(
  { incident, generation }: Pick<IncidentBody, "incident" | "generation">,
  target: string,
  key: string,
  table: Table,
  signal: AbortSignal,
): Promise<Held | null> {
  const items = await Promise.all([null, incident].map((filed) => table.get(claimKey(target, key, generation, filed), signal)));
  return items.flatMap((item) => (item === null ? [] : [readClaim(item)])).find(({ claim }) => claim.incident === incident) ?? null;
}

/** Writes the claim alone. Null: another has it now. */
export async function storeClaim(held: Held, next: Claim, { table, clock }: ClaimPorts, signal: AbortSignal): Promise<Held | null> {
  const version = held.version + 1;
  const when = { kind: "version", version: held.version } as const;
  const { ok } = await table.transact([{ op: "put", item: claimItem(next, version, clock.now()), when }], signal);
  return ok ? { claim: next, version } : null;
}

/** What is told about a receipt, at most once each. Nothing while it is only requested. */
export type Telling = "final" | "unknown" | "held" | null;

export const tellingOf = (outcome: Outcome): Telling => (isFinal(outcome) ? "final" : outcome === "unknown" ? "unknown" : null);

export interface Settlement {
  readonly receipt: Receipt;
  readonly incident: string;
  readonly alert: string;
  readonly channels: readonly string[];
  readonly telling: Telling;
  /** The claim as it becomes; null: there is none, the action is held before it. */
  readonly claim: { readonly held: Held; readonly next: Claim } | null;
  /** The question that it answers: each is told for itself. */
  readonly askedAtMs?: number;
  /** Written with it, and it with this: where this is refused, nothing is written. Only without a claim. */
  readonly along?: Write;
  /** What a question was asked under. */
  readonly under?: Versions | undefined;
  /** What else is written with it, as it is at this attempt. */
  readonly also?: () => Promise<readonly Write[]>;
}

const ATTEMPTS = 6;

/** Receipt, claim and notifications in one transaction. False: the claim is another's now, and so is the truth about it. */
export async function settle(
  settlement: Settlement,
  ports: Pick<ClaimPorts, "table" | "clock"> & Partial<Pick<ClaimPorts, "policy" | "registry">>,
  signal: AbortSignal,
): Promise<boolean> {
  const { table, clock, policy, registry } = ports;
  // Who only takes people's answers knows no policy: what was asked says under which.
  const under = policy === undefined || registry === undefined ? settlement.under : versionsOf({ policy, registry });
  const { claim, receipt, incident, along } = settlement;
  const key = receiptKey(incident, receipt.target, keyOfReceipt(receipt), receipt.undoing === true);
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const nowMs = clock.now();
    const before = await table.get(key, signal);
    // A hold says why nothing was tried: it never covers what was.
    if (claim === null && receipt.undoing !== true && before !== null && wasTried(unpack<ReceiptBody>(before, "receipt").receipt))
      return false;
    const body: ReceiptBody = { receipt, ...(under === undefined ? {} : { under }) };
    const writes: Write[] = [];
    if (claim !== null)
      writes.push({
        op: "put",
        item: claimItem(claim.next, claim.held.version + 1, nowMs),
        when: { kind: "version", version: claim.held.version },
      });
    if (along !== undefined) writes.push(along);
    writes.push({
      op: "put",
      item: pack(key, "receipt", (before?.version ?? 0) + 1, nowMs, body, { expires: expiry(nowMs, KEEP_INCIDENT_S) }),
      when: before === null ? { kind: "absent" } : { kind: "version", version: before.version },
    });
    writes.push(...(await outcomeNotes(settlement, table, nowMs, signal)), ...((await settlement.also?.()) ?? []));
    writes.push(...(await escalationWrites(settlement, policy, table, nowMs, signal)));
    const result = await table.transact(writes, signal);
    if (result.ok) return true;
    if ((claim !== null || along !== undefined) && result.failed.includes(0)) return false;
    await clock.sleep(Math.random() * 20 * attempt, signal);
  }
  throw new PipelineError("ledger_contention", `the receipt of ${receipt.action} changed ${ATTEMPTS} times while it was written`);
}

/** Its successor saw what an owner that died had done, not when that asked for it. */
const wasTried = ({ requestedAtMs, outcome }: Receipt): boolean =>
  requestedAtMs !== null || outcome === "done" || outcome === "requested" || outcome === "unknown";

async function outcomeNotes(
  { receipt, incident, alert, channels, telling, claim, askedAtMs }: Settlement,
  table: ClaimPorts["table"],
  nowMs: number,
  signal: AbortSignal,
): Promise<readonly Write[]> {
  if (telling === null) return [];
  // What was told of the claim before is no longer all: another outcome is another message, the same one is not.
  const again = claim?.next.again === true ? `${telling} again: ${receipt.outcome}` : telling;
  const about = askedAtMs === undefined ? again : `${again} asked ${askedAtMs}`;
  // An undo may be told more than once: not before then, changed by others, undone. Each of these is another message.
  const undoing = receipt.undoing === true ? ` undone: ${receipt.outcome} ${receipt.because}` : "";
  const topic = topicOf(receipt.target, `${keyOfReceipt(receipt)}${undoing} ${about}`);
  const writes: Write[] = [];
  const gist: Gist = { kind: receipt.outcome, rule: null, cluster: null, action: receipt.action, urgent: isUrgent(receipt) };
  for (const channel of channels) {
    const item = newNote({ incident, channel, phase: "outcome", topic, alert, target: receipt.target, gist }, nowMs);
    if ((await table.get({ pk: item.pk, sk: item.sk }, signal)) === null) writes.push({ op: "put", item, when: { kind: "absent" } });
  }
  return writes;
}

/** An action that failed, or may not have happened, waits for somebody to answer: from its first telling on. */
async function escalationWrites(
  { receipt, incident, telling, claim }: Settlement,
  policy: Policy | undefined,
  table: Table,
  nowMs: number,
  signal: AbortSignal,
): Promise<readonly Write[]> {
  const { outcome, because, target } = receipt;
  if (claim === null || telling === null || receipt.undoing === true || (outcome !== "failed" && outcome !== "unknown")) return [];
  if (policy === undefined) return [];
  const { escalation: steps } = escalationOf(claim.next.plan.occasion.rule, policy);
  if (steps === undefined) return [];
  const key = keyOfReceipt(receipt);
  const before = await table.get(escalationKey(incident, target, key), signal);
  if (before !== null && readEscalation(before).outcome === outcome) return [];
  const item = escalationItem(
    { incident, target, key, outcome, because, sinceMs: nowMs, steps, told: 0 },
    (before?.version ?? 0) + 1,
    nowMs,
  );
  return [{ op: "put", item, when: before === null ? { kind: "absent" } : { kind: "version", version: before.version } }];
}
/** A person must look: it did not happen, nobody knows whether it did, or an answer is asked for. */
const isUrgent = ({ outcome, undoing, timed }: Receipt): boolean =>
  outcome === "failed" || outcome === "unknown" || timed === "asked" || (undoing === true && outcome === "refused");

/** The lease of a new owner. */
export const leaseFrom = (nowMs: number): number => nowMs + LEASE_MS;
