/** A bug, as an edit of the product's own text. `of`: what it breaks, in words. */
export interface Bug {
  readonly name: string;
  readonly of: string;
  readonly edits: readonly { readonly file: string; readonly from: string; readonly to: string }[];
}

const one = (name: string, of: string, file: string, from: string, to: string): Bug => ({ name, of, edits: [{ file, from, to }] });

const ACT = "shared/pipeline/respond/act.ts";
const CARRY = "shared/pipeline/respond/carry-out.ts";
const SETTLE = "shared/pipeline/respond/settle.ts";
const CLAIM = "shared/ledger/claim.ts";

/** Each is one that a tired person could write, and that tests of single functions may miss. */
export const BUGS: readonly Bug[] = [
  one(
    "claim after act",
    "the world is touched before the claim is written",
    ACT,
    "result: await table.transact(writes, signal) };",
    "result: (await playbooks[plan.action].execute(plan, {}, { cluster: { name: plan.workload.cluster }, access: (arguments[4] as RespondPorts).access, nowMs: () => nowMs } as never, signal).catch(() => null), await table.transact(writes, signal)) };",
  ),
  one(
    "no condition on the claim",
    "two responders may both make it",
    ACT,
    '{ op: "put", item: claimItem(claim, version, nowMs), when },',
    '{ op: "put", item: claimItem(claim, version, nowMs), when: null },',
  ),
  one(
    "lease too short",
    "others take over while the owner still acts",
    CLAIM,
    "export const LEASE_MS = 30_000;",
    "export const LEASE_MS = 300;",
  ),
  one(
    "lease not looked at",
    "a retry goes on with a claim that another holds",
    CLAIM,
    'return nowMs < claim.leaseUntilMs ? "leased" : "expired";',
    'return "expired";',
  ),
  one("budget outside the transaction", "what is spent meanwhile is not seen", ACT, "...budget.writes,", ""),
  one(
    "receipt before it is seen",
    "done is told when it was only asked for",
    CARRY,
    'return kind === "done" ? await end(done,',
    'return kind === "done" || kind === "accepted" ? await end(done,',
  ),
  one(
    "stale fence accepted",
    "the word of an earlier owner counts",
    SETTLE,
    'when: { kind: "version", version: claim.held.version },\n      });',
    "when: null,\n      });",
  ),
  one(
    "undo without a look",
    "what others changed meanwhile is overwritten",
    "shared/playbooks/ecs/scale-service.ts",
    "if (now === 0 && count !== 0) {",
    "if (count !== 0) {",
  ),
  one(
    "undo of what is not ours",
    "an undo gives back one more than there was",
    "shared/playbooks/ecs/scale-service.ts",
    "await services.setDesiredCount(name, count, signal);",
    "await services.setDesiredCount(name, count + 1, signal);",
  ),
  one(
    "note marked before it is sent",
    "a crash in between loses the message",
    "shared/pipeline/notify/deliver.ts",
    "const delivery = hopeless(note, config) ?? (await tell(note, view, siblings, config, ports, signal));",
    'await store({ ...settle(note, { kind: "sent", reference: null }, clock.now()), told }, note.version, table, signal);\n  const delivery = hopeless(note, config) ?? (await tell(note, view, siblings, config, ports, signal));',
  ),
  one(
    "notes never tried again",
    "what a channel refused for now stays untold",
    "shared/pipeline/sweep.ts",
    'const sending = sendNotes(ofType("note"), ports, signal);',
    "const sending = sendNotes([], ports, signal);",
  ),
  one(
    "message done before it is stored",
    "trouble with the ledger loses the alert",
    "shared/pipeline/respond/batch.ts",
    "throw thrown;\n    }\n  };",
    "}\n  };",
  ),
  one(
    "sweep acts",
    "late verification does what it should only look at",
    "shared/pipeline/sweep/verify-late.ts",
    "return await playbooks[claim.action].verify(claim.plan, claim.kept ?? {}, reach, signal);",
    "await playbooks[claim.action].execute(claim.plan, claim.kept ?? {}, reach, signal);\n    return await playbooks[claim.action].verify(claim.plan, claim.kept ?? {}, reach, signal);",
  ),
  one("switch not checked", "a claim is made while everything is paused", ACT, "...switchChecks(plan.workload.cluster),", ""),
  one(
    "approval not looked at again",
    "a yes is carried out on whom others protect by now",
    "shared/pipeline/respond/orders.ts",
    "const objection = await objectionTo(recorded.target.workload, action.action, ports, signal);",
    "const objection = null as string | null;",
  ),
  one("no is a yes", "what a person denied is done", "shared/ledger/vote.ts", 'votes, state: "denied"', 'votes, state: "given"'),
  one(
    "generation reused",
    "what was taken back is done again",
    ACT,
    "if (incident === recorded.incident || !isFinalClaim(state)) return false;",
    'if (state === "undone") return true;\n  if (incident === recorded.incident || !isFinalClaim(state)) return false;',
  ),
  {
    name: "age not looked at",
    of: "an alert of twenty minutes ago acts",
    edits: [
      { file: "shared/policy/guards.ts", from: "if (!(ageMs <= policy.maxAgeSeconds * 1_000))", to: "if (false)" },
      { file: ACT, from: "if (approval === null && !(ageMs <= ports.policy.maxAgeSeconds * 1_000))", to: "if (false)" },
    ],
  },
  one(
    "protection not looked at",
    "whom the policy spares is stopped",
    "shared/policy/guards.ts",
    "return target === null ? null : protectionOf(policy, target);",
    "return null;",
  ),
  one(
    "accuser not looked at",
    "lines of a stream that nobody registered accuse",
    "shared/pipeline/ingest/accuse.ts",
    "if (best === null) return { cluster: null, because: UNREGISTERED };",
    "if (best === null) return { cluster: registry.clusters[0] ?? null, because: null };",
  ),
  one(
    "label believed",
    "a forged label chooses the target",
    "shared/playbooks/ecs/resolve.ts",
    "task.containers.filter(({ runtimeId }) => sameContainer(id, runtimeId))",
    "task.containers.filter(({ runtimeId }) => runtimeId !== null && id.length > 0)",
  ),
  one(
    "evidence not waited for",
    "the task is stopped though its evidence could not be kept",
    ACT,
    'if (evidence.kind === "failed" && decision.action.evidence === "required")',
    "if (false)",
  ),
  one(
    "kept after it is done",
    "what undo needs is not stored before the world is touched",
    CARRY,
    'return (await storeClaim(held, { ...claim, kept, remarks }, ports, signal)) ?? "lost";',
    "return { ...held, claim: { ...claim, kept, remarks } };",
  ),
  one(
    "time lets it go",
    "an isolation whose time is over is taken back instead of ended",
    "shared/pipeline/respond/expiry.ts",
    'if (expiry.by === "undo") return',
    'if (expiry.by === "undo" || claim.action === "kubernetes:quarantine") return',
  ),
  one(
    "counted after it is queued",
    "a crash in between loses the count",
    "shared/pipeline/ingest.ts",
    "if (counts.length > 0) writes.push(table.putAll(counts, signal));",
    "if (counts.length > 1) writes.push(table.putAll(counts.slice(1), signal));",
  ),
  one(
    "forgotten when it fails",
    "sweep forgets a claim whose owner died",
    CLAIM,
    'if (claim.state === "executing" && nowMs < claim.leaseUntilMs + 5_000) return claim.leaseUntilMs + 5_000;',
    'if (claim.state === "executing") return null;',
  ),
];
