import type { ActionName } from "#shared/domain/action.ts";
import { readOrder } from "#shared/ledger/order.ts";
import { type Claim, readClaim } from "#shared/pipeline/respond/settle.ts";
import { playbooks } from "#shared/playbooks/index.ts";
import type { Item } from "#shared/ports/table.ts";
import type { Invocation } from "../kernel/engine.ts";
import type { Touch } from "../model/effects.ts";
import type { ClaimRules } from "./claims.ts";
import type { Sight } from "./state.ts";

/** Judges every write to the world at the moment at which it takes effect. */
export class TouchRules {
  readonly #sight: Sight;
  readonly #claims: ClaimRules;

  constructor(sight: Sight, claims: ClaimRules) {
    this.#sight = sight;
    this.#claims = claims;
  }

  touched(touch: Touch, by: Invocation): void {
    const { violated, system, engine, touches } = this.#sight;
    const { world } = system;
    const what = `${by.name}: ${touch.what}`;
    if (!by.fn.startsWith("respond-")) violated("only responders act", what);
    if (touch.uid !== null && world.spared.has(touch.uid)) violated("no protected target is touched", what);
    const claims = system.table.ofType("claim").filter((item) => concerns(readClaim(item).claim, touch));
    const mine = claims.filter((item) => this.#claims.ownersOf(item).has(by.name));
    const actions = mine.map((item) => readClaim(item).claim).flatMap(({ state, action }) => (state === "executing" ? [action] : []));
    // Of who has ended by then nothing is changed any more.
    if (touch.uid === null || !world.ended.has(touch.uid))
      touches.push({ atMs: engine.kernel.nowMs, by: by.name, what: touch.what, uid: touch.uid, service: touch.service, actions });
    if (mine.length > 0) {
      this.#asClaimed(mine, touch, what);
      return;
    }
    const orders = system.table.ofType("order").map(readOrder);
    const order = orders.find(({ verb, state, target, action }) => {
      const isIts = claims.some((item) => readClaim(item).claim.target === target);
      return verb !== "approve" && (state === "given" || state === "carried") && isIts && touch.by.includes(action.action);
    });
    if (order === undefined) violated("nothing is touched without a claim", what);
    else if (
      order.verb === "expire" &&
      this.#pausedSinceMs() !== null &&
      touch.what.includes("delete pods") &&
      engine.kernel.nowMs - (this.#pausedSinceMs() ?? 0) > 15_000
    )
      violated("nothing is executed under a switch that was on before", `${what}, ended by time`);
    else if (touch.what.startsWith("services.setDesiredCount")) this.#restores(touch, what);
  }

  #asClaimed(items: readonly Item[], touch: Touch, what: string): void {
    const { violated } = this.#sight;
    const paused = this.#pausedSinceMs();
    const claims = items.map((item) => readClaim(item).claim);
    if (paused !== null && claims.every(({ claimedAtMs }) => claimedAtMs > paused + 4_000))
      violated("nothing is executed under a switch that was on before", what);
    const unprepared = claims.every(({ action, kept }) => playbooks[action as ActionName].prepare !== undefined && kept === undefined);
    if (unprepared && !touch.by.includes("ecs:stop-task")) violated("what undo needs is kept before anything is touched", what);
    if (claims.every(({ state }) => state === "undone")) violated("what was taken back is not done again", what);
  }

  /** Since when the switch is on; null: it is off. */
  #pausedSinceMs(): number | null {
    const { nowMs } = this.#sight.engine.kernel;
    return this.#sight.scenario.switchedOn.find(({ fromMs, untilMs }) => fromMs <= nowMs && nowMs < untilMs)?.fromMs ?? null;
  }

  #restores({ service, what: call }: Touch, what: string): void {
    const count = Number(call.slice(call.lastIndexOf(" ") + 1));
    const { world } = this.#sight.system;
    const former = world.wanted.get(service ?? "");
    if (count !== former) this.#sight.violated("undo restores exactly what was", `${what}, and it was ${former}`);
    if (world.aws.ecs.services.get(service ?? "")?.desired !== 0) this.#sight.violated("undo overwrites nothing that others changed", what);
  }
}

/** Is the claim about what is touched, and of an action that does such a thing? */
function concerns({ action, target, plan }: Claim, { uid, service, by }: Touch): boolean {
  if (!by.includes(action)) return false;
  if (uid !== null) return target === uid;
  return service === null || (plan.workload.kind === "task" && plan.workload.service === service);
}
