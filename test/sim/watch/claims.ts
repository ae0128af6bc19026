import { ACTION_FACTS, actionKey } from "#shared/domain/action.ts";
import { ownerName } from "#shared/domain/workload.ts";
import { orderKey, SWITCH } from "#shared/ledger/keys.ts";
import { readOrder } from "#shared/ledger/order.ts";
import { type Claim, readClaim } from "#shared/pipeline/respond/settle.ts";
import type { Item } from "#shared/ports/table.ts";
import { type Sight, short } from "./state.ts";

/** How a claim may go on (shared/ledger/claim.ts); what begins anew replaces one that failed, was refused, or is of a closed incident. */
const ALLOWED = new Set([
  "- executing",
  "- done",
  "- undone",
  "- failed",
  "- refused",
  "- requested",
  "executing executing",
  "executing requested",
  "executing done",
  "executing failed",
  "executing refused",
  "requested requested",
  "requested done",
  "requested failed",
  "requested undone",
  "done undone",
]);
const ANEW = new Set(["failed executing", "refused executing", "done executing", "undone executing", "requested executing"]);
/** Two clocks may be off in opposite directions. */
const MOST_SKEW_MS = 4_000;
/** One slow call and the clock's error may be gone of it when the claim is written. */
const SHORTEST_LEASE_MS = 10_000;

interface Spent {
  readonly atMs: number;
  readonly owner: string;
  readonly cluster: string;
  readonly rule: string;
  readonly counted: boolean;
}

/** Watches every write of a claim: who may write what, and what must be true before an action is claimed. */
export class ClaimRules {
  readonly #sight: Sight;
  readonly #spent: Spent[] = [];
  /** Claim -> every invocation that ever owned it. */
  readonly #owners = new Map<string, Set<string>>();

  constructor(sight: Sight) {
    this.#sight = sight;
  }

  ownersOf(item: Item): ReadonlySet<string> {
    return this.#owners.get(`${item.pk} ${item.sk}`) ?? new Set();
  }

  changed(before: Item | null, after: Item): void {
    const { violated, count } = this.#sight;
    const next = readClaim(after).claim;
    const last = before === null ? null : readClaim(before).claim;
    const step = `${last?.state ?? "-"} ${next.state}`;
    count(`claim ${step.replace(" ", " > ")}`);
    const what = `${next.action} on ${short(next.target)} (${step.replace(" ", " -> ")})`;
    if (after.version !== (before?.version ?? 0) + 1)
      violated("every write of a claim is conditional", `${what}: version ${before?.version} -> ${after.version}`);
    const key = `${after.pk} ${after.sk}`;
    this.#owners.set(key, new Set([...(this.#owners.get(key) ?? []), ownerOf(next)]));
    if (next.filed === true) return;
    const isAnew = next.state === "executing" && (last === null || last.claimedAtMs !== next.claimedAtMs);
    if (isAnew) this.#begun(last, next, what);
    else if (!ALLOWED.has(step)) violated("a claim goes only the ways it may", what);
    if (isAnew && last !== null && !ANEW.has(step)) violated("a claim goes only the ways it may", `${what}, anew`);
    if (last === null || isAnew) return;
    this.#written(last, next, what);
  }

  /** By whom: the owner, who takes over what is nobody's, or sweep when the lease is over. */
  #written(last: Claim, next: Claim, what: string): void {
    const { violated, engine } = this.#sight;
    const by = engine.current;
    if (next.owner !== last.owner) {
      if (next.fence !== last.fence + 1) violated("a new owner has a new fence", `${what}: fence ${last.fence} -> ${next.fence}`);
      if (engine.kernel.nowMs < last.leaseUntilMs - MOST_SKEW_MS)
        violated(
          "nobody takes over a live lease",
          `${what}: ${Math.round((last.leaseUntilMs - engine.kernel.nowMs) / 1_000)} s before its lease ends`,
        );
    } else if (last.state === "executing" && by !== null && ownerOf(last) !== by.name) {
      const isOver = engine.kernel.nowMs >= last.leaseUntilMs - MOST_SKEW_MS;
      if (by.fn !== "sweep" || !isOver) violated("only its owner writes a claim", `${what}: ${by.name} wrote what ${ownerOf(last)} holds`);
    }
  }

  #begun(last: Claim | null, next: Claim, what: string): void {
    const { violated, engine, system, saidOf } = this.#sight;
    const { nowMs } = engine.kernel;
    if (engine.current?.fn.startsWith("respond-") !== true) violated("only responders act", `${engine.current?.name} claimed ${what}`);
    if (system.table.peek(SWITCH)?.["paused"] === true) violated("nothing is claimed under the switch", what);
    if (system.world.spared.has(next.target)) violated("no protected target is touched", `claimed ${what}`);
    const said = saidOf(next.alert);
    if (said === null || said.untrue !== null || said.victim?.uid !== next.target)
      violated("no unverified target is touched", `claimed ${what} for an alert that is ${said?.untrue ?? "about somebody else"}`);
    if (last !== null) this.#replaced(last, next, what);
    if (needsYes(next)) this.#approved(next, what);
    if (next.action === "ecs:stop-task" && (next.evidence.kind !== "kept" || !system.evidence.has(next.evidence.key)))
      violated("required evidence is kept first", what);
    if (next.leaseUntilMs - nowMs > 30_000 + MOST_SKEW_MS)
      violated("a lease is as long as it is", `${what}: ${next.leaseUntilMs - nowMs} ms`);
    if (next.leaseUntilMs - nowMs < SHORTEST_LEASE_MS)
      violated("a lease outlasts what its owner does", `${what}: ${next.leaseUntilMs - nowMs} ms`);
    this.#budgeted(next, what, said?.line.includes('"priority":"Critical"') === true);
  }

  #replaced(last: Claim, next: Claim, what: string): void {
    const { violated } = this.#sight;
    if (next.fence <= last.fence) violated("a new owner has a new fence", `${what}: fence ${last.fence} -> ${next.fence}`);
    if (last.incident !== next.incident || last.generation !== next.generation) return;
    if (last.state === "done" || last.state === "undone" || last.state === "requested")
      violated("no target is acted on twice in a generation", what);
    else if (last.alert === next.alert) violated("what failed is tried anew by another alert only", what);
  }

  #approved(next: Claim, what: string): void {
    const { violated, system, scenario } = this.#sight;
    if (!scenario.yes.has(`${next.incident} ${next.target} ${actionKey(next.action, next.plan.params)}`))
      violated("what needs a yes has one", what);
    const item = system.table.peek(orderKey(next.incident, "approve", next.target, actionKey(next.action, next.plan.params)));
    const order = item === null ? null : readOrder(item);
    if (order?.by == null || order.state === "awaiting" || order.state === "denied") violated("what needs a yes has one", what);
    const sinceMs = system.protectedAtMs.get(next.target) ?? Number.POSITIVE_INFINITY;
    if ((order?.decidedAtMs ?? 0) > sinceMs + 60_000)
      violated("an approved target is looked at again", `${what}: protected before the yes`);
  }

  /** Counts again, from the claims alone. */
  #budgeted(claim: Claim, what: string, isCritical: boolean): void {
    const { action, plan, claimedAtMs } = claim;
    if (ACTION_FACTS[action].marks) return;
    const { budgets, recurrence } = this.#sight.system.policy;
    const { workload } = plan;
    const owner = `${workload.cluster}/${ownerName(workload) ?? workload.uid}`;
    const counted = action === "ecs:stop-task" || action === "kubernetes:terminate";
    const mine: Spent = { atMs: claimedAtMs, owner, cluster: workload.cluster, rule: plan.occasion.rule, counted };
    this.#spent.push(mine);
    const within = (seconds: number, of: (one: Spent) => boolean): number =>
      this.#spent.filter((one) => of(one) && one.atMs > claimedAtMs - seconds * 1_000).length;
    const { windowSeconds } = budgets;
    const over = (scope: string, used: number, limit: number): void => {
      if (used > limit) this.#sight.violated("budgets are never exceeded", `${what}: ${scope} ${used} of ${limit}`);
    };
    over(
      "owner",
      within(windowSeconds, (one) => one.owner === owner),
      budgets.owner,
    );
    for (const [scope, limit, of] of [
      ["cluster", budgets.cluster, (one: Spent) => one.cluster === workload.cluster],
      ["fleet", budgets.fleet, () => true],
    ] as const) {
      over(scope, within(windowSeconds, of), isCritical ? limit : limit - Math.floor(limit / 5));
      over(
        `owner's share of ${scope}`,
        within(windowSeconds, (one) => of(one) && one.owner === owner),
        Math.max(1, Math.floor(limit / 4)),
      );
    }
    if (counted)
      over(
        "recurrence",
        within(recurrence.windowSeconds, (one) => one.counted && one.owner === owner && one.rule === mine.rule),
        recurrence.times,
      );
  }
}

/** `newId` of the simulation begins with the invocation's name. */
export const ownerOf = ({ owner }: Pick<Claim, "owner">): string => owner.slice(0, owner.lastIndexOf("/"));

const needsYes = ({ action, plan }: Claim): boolean =>
  action === "ecs:scale-service-to-zero" || (action === "kubernetes:terminate" && plan.occasion.rule === "exfil");
