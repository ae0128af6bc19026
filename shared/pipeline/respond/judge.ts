import type { Decision } from "#shared/domain/decision.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { Policy, PolicyRule } from "#shared/domain/policy.ts";
import type { QueueEntry } from "#shared/domain/queue-entry.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import { ownerName, type Resolution } from "#shared/domain/workload.ts";
import { subjectOf } from "#shared/ledger/keys.ts";
import { recurrenceFor, recurrenceOf } from "#shared/pipeline/respond/budgets.ts";
import { foreseen } from "#shared/pipeline/respond/foresee.ts";
import type { RespondPorts } from "#shared/pipeline/respond/ports.ts";
import { countThresholds } from "#shared/pipeline/respond/thresholds.ts";
import type { Unmatched, Verdict } from "#shared/pipeline/respond/verdict.ts";
import { sightingKey } from "#shared/playbooks/ecs/resolve.ts";
import { playbooks, resolve } from "#shared/playbooks/index.ts";
import { decide, matchingRules } from "#shared/policy/decide.ts";
import { matchAlert } from "#shared/policy/match.ts";
import { modesOf } from "#shared/policy/modes.ts";
import { escalate, isStop } from "#shared/policy/recurrence.ts";
import { route } from "#shared/policy/route.ts";

/** From this receive on, a control plane that cannot be asked or lags is a hold: people are told while the alert is still fresh. */
const LAST_PATIENT_RECEIVE = 4;

/** `Unmatched`: no policy rule matches, now that the workload is known and the alert is counted. */
export async function judge(
  entry: QueueEntry,
  receiveCount: number,
  ports: RespondPorts,
  signal: AbortSignal,
): Promise<Verdict | Unmatched> {
  const { policy, registry } = ports;
  const cluster = registry.clusters.find(({ name }) => name === entry.cluster) ?? null;
  const rules = positionsOf(entry, policy);
  const candidates = rules.map((position) => policy.rules[position]).filter((rule) => rule !== undefined);
  if (candidates.length === 0 && entry.tell === null) return { entry: null, counted: [] };
  const wanted = cluster !== null && wantsTarget(entry, candidates) ? cluster : null;
  const remembered = wanted === null ? null : recall(entry, wanted, ports);
  const resolution = remembered ?? (wanted === null ? null : await look(entry, wanted, receiveCount, ports, signal));
  const verdict = await weigh(entry, cluster, rules, resolution, ports, signal);
  // What is remembered serves to tell; whoever is to be touched is looked at again, now, with all its guards.
  const mayTouch = verdict.entry !== null && verdict.decisions.some(({ kind }) => kind === "act");
  const fresh =
    remembered === null || wanted === null || !mayTouch
      ? verdict
      : await weigh(entry, cluster, rules, await look(entry, wanted, receiveCount, ports, signal), ports, signal);
  return fresh.entry === null ? fresh : await foreseen(await escalated(fresh, cluster, ports, signal), ports, signal);
}

/** An owner that was stopped often enough and offends again climbs the ladder instead. */
async function escalated(
  verdict: Verdict,
  cluster: Cluster | null,
  { policy, table, clock }: RespondPorts,
  signal: AbortSignal,
): Promise<Verdict> {
  const { entry, who, rule, decisions, resolution } = verdict;
  if (!decisions.some(isStop) || rule === null || resolution?.kind !== "found") return verdict;
  const named = policy.rules.find(({ name }) => name === rule);
  const recurrence = recurrenceFor(rule, policy);
  const state = await recurrenceOf(subjectOf(entry.cluster, who, rule), table, signal);
  const modes = modesOf(policy.mode, cluster?.mode, named?.mode);
  const about = { workload: resolution.workload, rule, modes, nowMs: clock.now() };
  const seen = escalate(decisions, recurrence, state, about);
  return seen === null ? verdict : { ...verdict, decisions: seen.decisions.map((one) => plannable(one, resolution)), climbs: seen.climbs };
}

function recall(entry: QueueEntry, cluster: Cluster, { sightings, clock }: RespondPorts): Resolution | null {
  const key = cluster.kind === "ecs" ? sightingKey(entry, clock.now()) : null;
  return key === null ? null : (sightings?.recall(key, clock.now()) ?? null);
}

async function weigh(
  entry: QueueEntry,
  cluster: Cluster | null,
  candidates: readonly number[],
  resolution: Resolution | null,
  ports: RespondPorts,
  signal: AbortSignal,
): Promise<Verdict | Unmatched> {
  const { policy, clock } = ports;
  const fitting = matchingRules({ policy, rules: candidates, resolution, cluster });
  const { below, said } = await countThresholds(entry, fitting, resolution, ports, signal);
  const rules = below.size === 0 ? candidates : candidates.filter((position) => !below.has(policy.rules[position]?.name ?? ""));
  const question = { entry, policy, cluster, resolution, nowMs: clock.now(), rules };
  const matched = below.size === 0 ? fitting : matchingRules(question);
  if (matched.length === 0 && entry.tell === null) return { entry: null, counted: said };
  const decisions = decide(question).map((decision) => plannable(decision, resolution));
  const naming = matched.find(({ actions }) => actions.length > 0) ?? matched[0];
  return {
    entry,
    who: whoOf(entry, resolution),
    rule: naming?.name ?? null,
    rules: matched.map(({ name }) => name),
    decisions,
    resolution: withoutSecrets(resolution),
    channels: route(
      matched.flatMap(({ notify }) => notify),
      {
        priority: entry.alert.priority,
        cluster: entry.cluster,
        workload: resolution?.kind === "unverified" ? null : (resolution?.workload ?? null),
        isOwed: entry.tell !== null,
      },
      ports.registry.notifications,
    ),
    climbs: null,
    counted: said,
  };
}

/** Names that ingest matched; by another policy than ours we match again, unless what we hold of the alert was cut. */
function positionsOf(entry: QueueEntry, policy: Policy): readonly number[] {
  if (entry.policyVersion !== policy.version && entry.wholeAt === null) return matchAlert(policy, entry.alert);
  const named = new Set(entry.rules);
  const positions = policy.rules.flatMap(({ name }, position) => (named.has(name) ? [position] : []));
  // A cut alert whose rules a newer policy has renamed: what is left of it still speaks.
  return positions.length > 0 || named.size === 0 ? positions : matchAlert(policy, entry.alert);
}

/** Whoever may not accuse selects no target: nothing is looked up for a forged line. */
const wantsTarget = (entry: QueueEntry, rules: readonly PolicyRule[]): boolean =>
  entry.accuser.verified &&
  entry.tell === null &&
  rules.some(
    ({ actions, match }) =>
      actions.length > 0 || (match.workload !== undefined && match.workload.length > 0) || match.threshold?.by.includes("owner") === true,
  );

async function look(
  entry: QueueEntry,
  cluster: Cluster,
  receiveCount: number,
  { access, clock, telemetry, sightings }: RespondPorts,
  signal: AbortSignal,
): Promise<Resolution> {
  try {
    const key = cluster.kind === "ecs" ? sightingKey(entry, clock.now()) : null;
    const known = key === null ? null : (sightings?.taskArn(key) ?? null);
    const resolution = await resolve(entry, cluster, access, clock, signal, known);
    if (key !== null) sightings?.note(key, resolution, clock.now());
    // Held now, it would be swallowed with its like: the queue takes similar alerts of the same minute for this one.
    if (resolution.kind === "unverified" && resolution.soon === true && receiveCount <= LAST_PATIENT_RECEIVE)
      throw new PipelineError("timed_out", `a container that may be the accused one is not reported yet in ${cluster.name}`);
    return resolution;
  } catch (thrown) {
    if (!(thrown instanceof PipelineError)) throw thrown;
    if (thrown.retryable && receiveCount <= LAST_PATIENT_RECEIVE) throw thrown;
    telemetry.error("The control plane cannot be asked: held", { cluster: cluster.name, code: thrown.code, because: thrown.message });
    return { kind: "unverified", because: `the control plane of ${cluster.name} cannot be asked (${thrown.code}): ${thrown.message}` };
  }
}

/** What the playbook refuses is a hold now, not a surprise later: observe shows what enforce would do. */
function plannable(decision: Decision, resolution: Resolution | null): Decision {
  if (decision.kind === "hold") return decision;
  const { action, rule } = decision;
  if (resolution?.kind !== "found") return { kind: "hold", action: action.action, rule, because: "the target is not verified" };
  const planning = playbooks[action.action].plan(resolution.workload, action.params, { incident: "", rule });
  return planning.kind === "planned" ? decision : { kind: "hold", action: action.action, rule, because: planning.because };
}

function whoOf({ alert, cluster, accuser }: QueueEntry, resolution: Resolution | null): string {
  // Whoever makes up lines makes up containers, too: one incident and one message for all of them, not one each.
  if (cluster === null) return `log group ${accuser.logGroup}`;
  if (resolution !== null && resolution.kind !== "unverified") return ownerName(resolution.workload) ?? resolution.workload.uid;
  if (alert.containerId !== null) return `container/${alert.containerId.slice(0, 12)}`;
  return `host/${alert.hostname ?? "(unnamed)"}`;
}

const MOST_ANNOTATION_CHARS = 1_000;

/** What is stored of the target from here on. `kubectl apply` leaves the whole manifest in an annotation, environment included. */
function withoutSecrets(resolution: Resolution | null): Resolution | null {
  if (resolution === null || resolution.kind === "unverified" || resolution.workload.kind === "task") return resolution;
  const kept = Object.entries(resolution.workload.annotations).filter(
    ([key, value]) => !key.endsWith("/last-applied-configuration") && value.length <= MOST_ANNOTATION_CHARS,
  );
  return { ...resolution, workload: { ...resolution.workload, annotations: Object.fromEntries(kept) } };
}
