import { messageOf } from "#shared/domain/error.ts";
import type { PolicyAction } from "#shared/domain/policy.ts";
import type { Evidence } from "#shared/domain/receipt.ts";
import type { Workload } from "#shared/domain/workload.ts";
import { hashOf } from "#shared/ledger/keys.ts";
import type { RespondPorts } from "#shared/pipeline/respond/ports.ts";
import type { Recorded } from "#shared/pipeline/respond/record.ts";

const WITHIN_MS = 10_000;
const MOST_CHARS = 1_000_000;

/**
 * What is known before anything is touched: the alert and the target as the control plane described it. Environment variables and secrets
 * are no part of a `Workload`. The same content for every delivery: no time of ours is in it. Never throws: its failure is data.
 */
export async function keepEvidence(
  { incident, body }: Recorded,
  workload: Workload,
  action: PolicyAction,
  { evidence }: Pick<RespondPorts, "evidence">,
  signal: AbortSignal,
): Promise<Evidence> {
  if (action.evidence === "none") return { kind: "none" };
  const whole = JSON.stringify({
    schema: "falco-responder/evidence/1",
    incident,
    action: action.action,
    alert: body.alert,
    accuser: body.accuser,
    count: body.count,
    wholeAt: body.wholeAt,
    workload,
  });
  if (whole.length > MOST_CHARS) return { kind: "failed", because: `the evidence has ${whole.length} characters, more than ${MOST_CHARS}` };
  const key = `evidence/${incident}/${hashOf(workload.uid)}/${body.alert.id}.json`;
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(WITHIN_MS)]);
  try {
    const { sha256 } = await evidence.put(key, whole, "application/json", bounded);
    return { kind: "kept", key, sha256 };
  } catch (thrown) {
    return { kind: "failed", because: messageOf(thrown) };
  }
}
