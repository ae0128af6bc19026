import { createHash } from "node:crypto";
import { messageOf } from "#shared/domain/error.ts";
import type { PolicyAction } from "#shared/domain/policy.ts";
import type { Evidence } from "#shared/domain/receipt.ts";
import type { Workload } from "#shared/domain/workload.ts";
import type { AlertBody } from "#shared/ledger/incident.ts";
import { unpack } from "#shared/ledger/items.ts";
import { hashOf, incidentPk } from "#shared/ledger/keys.ts";
import type { RespondPorts } from "#shared/pipeline/respond/ports.ts";
import { reachOf } from "#shared/pipeline/respond/reach.ts";
import type { Recorded } from "#shared/pipeline/respond/record.ts";
import { taskEvidence } from "#shared/playbooks/ecs/evidence.ts";
import { podEvidence } from "#shared/playbooks/kubernetes/evidence.ts";

const WITHIN_MS = 10_000;
/** Of that for looking at the world: what has not answered by then is missing. */
const LOOK_MS = 4_000;
const MOST_CHARS = 1_000_000;
/** Alerts of the same container that stand beside this one. An incident may have thousands: the newest of so many that are read. */
const MOST_ALERTS = 20;
const READ_ALERTS = 200;
/** Of what each of them says: whoever writes long alerts must not make the evidence too large to be kept. */
const MOST_OUTPUT_CHARS = 1_000;

/** All actions on the target of one alert have the same evidence: it is gathered once. */
const kept = new WeakMap<Recorded, Promise<Evidence>>();

/**
 * What is known before anything is touched: the alert, others of the same container, the target as the control plane described it, and for
 * an ECS task its service, definition and last log lines, for a pod its node, owners, events and logs (no values of environment or secrets).
 * Objects are named by their content: what a receipt names is what was kept. Never throws: its failure is data.
 */
export function keepEvidence(
  recorded: Recorded,
  workload: Workload,
  action: PolicyAction,
  ports: RespondPorts,
  signal: AbortSignal,
): Promise<Evidence> {
  if (action.evidence === "none") return Promise.resolve({ kind: "none" });
  const there = kept.get(recorded);
  if (there !== undefined) return there;
  const keeping = keep(recorded, workload, ports, signal).catch((thrown: unknown): Evidence => {
    kept.delete(recorded);
    return { kind: "failed", because: messageOf(thrown) };
  });
  kept.set(recorded, keeping);
  return keeping;
}

async function keep(recorded: Recorded, workload: Workload, ports: RespondPorts, signal: AbortSignal): Promise<Evidence> {
  const { incident, body } = recorded;
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(WITHIN_MS)]);
  const [world, alerts] = await Promise.all([worldOf(workload, ports, signal), alertsOf(incident, body, ports, bounded)]);
  const whole = JSON.stringify({
    schema: "falco-responder/evidence/2",
    incident,
    alert: body.alert,
    accuser: body.accuser,
    count: body.count,
    wholeAt: body.wholeAt,
    workload,
    alerts,
    world,
  });
  if (whole.length > MOST_CHARS) return { kind: "failed", because: `the evidence has ${whole.length} characters, more than ${MOST_CHARS}` };
  const name = createHash("sha256").update(whole).digest("hex").slice(0, 16);
  const key = `evidence/${incident}/${hashOf(workload.uid)}/${body.alert.id}-${name}.json`;
  const { sha256 } = await ports.evidence.put(key, whole, "application/json", bounded);
  return { kind: "kept", key, sha256 };
}

async function worldOf(workload: Workload, ports: RespondPorts, signal: AbortSignal): Promise<unknown> {
  const reach = reachOf(workload.cluster, ports);
  if (reach === null) return null;
  const bound = AbortSignal.timeout(LOOK_MS);
  try {
    if (workload.kind === "task") return await taskEvidence(workload, reach, signal, bound);
    // Of an object the alert says what was seen: its content may be somebody's secret.
    return workload.kind === "pod" ? await podEvidence(workload, reach, signal, bound) : null;
  } catch (thrown) {
    return { missing: [messageOf(thrown)] };
  }
}

/** Best effort: that they cannot be read costs this evidence nothing else. */
async function alertsOf(incident: string, body: AlertBody, { table }: RespondPorts, signal: AbortSignal): Promise<unknown> {
  try {
    const items = await table.query(incidentPk(incident), "ALERT#", signal, READ_ALERTS);
    return items
      .map((item) => unpack<AlertBody>(item, "alert"))
      .filter(({ alert, target }) => target === body.target && alert.id !== body.alert.id)
      .sort((a, b) => b.decidedAtMs - a.decidedAtMs)
      .slice(0, MOST_ALERTS)
      .map(({ alert }) => ({
        id: alert.id,
        rule: alert.rule,
        priority: alert.priority,
        time: alert.time,
        output: alert.output?.slice(0, MOST_OUTPUT_CHARS) ?? null,
      }));
  } catch (thrown) {
    return { missing: messageOf(thrown) };
  }
}
