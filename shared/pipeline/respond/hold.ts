import { actionKey } from "#shared/domain/action.ts";
import type { Decision } from "#shared/domain/decision.ts";
import { type Evidence, toldApart } from "#shared/domain/receipt.ts";
import { iso } from "#shared/ledger/items.ts";
import { heldWrite } from "#shared/ledger/switch.ts";
import type { Spent } from "#shared/pipeline/respond/budgets.ts";
import { tellSpent } from "#shared/pipeline/respond/exceeded.ts";
import type { RespondPorts } from "#shared/pipeline/respond/ports.ts";
import type { Recorded } from "#shared/pipeline/respond/record.ts";
import { settle } from "#shared/pipeline/respond/settle.ts";
import { playbooks } from "#shared/playbooks/index.ts";
import { undoOf } from "#shared/playbooks/playbook.ts";

/** A person said yes: the alert's age counts no more, since the target was looked at again. `objection`: why it is not done all the same. */
export interface Approval {
  readonly objection: string | null;
  readonly askedAtMs: number;
  readonly decidedAtMs: number | null;
}

/** A decision to act; with `approval`: a person's. */
export type Wanted = Extract<Decision, { readonly kind: "act" }> & { readonly approval?: Approval };

/** `paused`: the kill switch said no. `spent`: a budget did. */
export interface Why {
  readonly because: string;
  readonly paused?: true;
  readonly spent?: Spent;
}

/** Nothing was touched. No claim is left behind: a later alert may act when the reason is gone. */
export async function hold(
  recorded: Recorded,
  { action, approval }: Wanted,
  why: Why,
  evidence: Evidence,
  ports: RespondPorts,
  signal: AbortSignal,
): Promise<"held"> {
  const { incident, body, target } = recorded;
  const uid = target?.workload.uid ?? "";
  // Each yes that came to nothing is told for itself, whatever was told of this action before.
  const because = approval === undefined ? why.because : `approved${at(approval.decidedAtMs)}, and not done: ${why.because}`;
  const receipt = {
    action: action.action,
    target: uid,
    outcome: "refused",
    because,
    requestedAtMs: null,
    verifiedAtMs: null,
    undo: undoOf(playbooks[action.action], null),
    evidence,
    ...toldApart(action),
  } as const;
  ports.telemetry.warn("An action is held before its claim", { incident, action: action.action, because });
  ports.telemetry.count("Actions", 1, { action: action.action, outcome: "held" });
  if (why.spent !== undefined) await tellSpent(why.spent, why.because, incident, ports, signal);
  const settlement = { receipt, incident, alert: body.alert.id, channels: body.channels, telling: "held", claim: null } as const;
  const asked = approval === undefined ? {} : { askedAtMs: approval.askedAtMs };
  const about = { incident, cluster: recorded.cluster, target: uid, key: actionKey(action.action, action.params) };
  const also = why.paused === true ? { also: () => Promise.resolve([heldWrite(about, ports.clock.now())]) } : {};
  await settle({ ...settlement, ...asked, ...also }, ports, signal);
  return "held";
}

const at = (ms: number | null): string => (ms === null ? "" : ` at ${iso(ms)}`);
