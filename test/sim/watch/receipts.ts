import { isFinal, type Receipt } from "#shared/domain/receipt.ts";
import type { ReceiptBody } from "#shared/ledger/incident.ts";
import { unpack } from "#shared/ledger/items.ts";
import { QUARANTINE } from "#shared/playbooks/kubernetes/marks.ts";
import type { Item } from "#shared/ports/table.ts";
import { type Sight, short } from "./state.ts";

/** Which write shows that an action was asked for. */
const ASKED: Readonly<Record<string, RegExp>> = {
  "ecs:stop-task": /^ecs\.stop /,
  "kubernetes:terminate": /^kube\.delete pods /,
  "ecs:tag-task": /^marks\.tag /,
  "kubernetes:quarantine": /^kube\.patch pods /,
  "kubernetes:label": /^kube\.patch pods /,
  "kubernetes:annotation": /^kube\.patch pods /,
};

/** Every receipt is compared with the world when it is written. */
export class ReceiptRules {
  readonly #sight: Sight;

  constructor(sight: Sight) {
    this.#sight = sight;
  }

  changed(before: Item | null, after: Item): void {
    const { count, violated } = this.#sight;
    const { receipt } = unpack<ReceiptBody>(after, "receipt");
    const former = before === null ? null : unpack<ReceiptBody>(before, "receipt").receipt;
    const { action, outcome, because } = receipt;
    count(`receipt ${receipt.undoing === true ? `${receipt.timed === undefined ? "undo" : receipt.timed} ` : ""}${outcome}`);
    const what = `${action} on ${short(receipt.target)} is told ${outcome}: ${because}`;
    if (because === "") violated("every receipt has its reason", what);
    if (receipt.undoing === true) this.#undone(receipt, what);
    else if (outcome === "done") this.#done(receipt, what);
    else if (isFinal(outcome)) this.#untouched(receipt, after.pk.slice("INCIDENT#".length), what);
    if (former?.outcome === "done" && receipt.outcome !== "done" && receipt.undoing !== true)
      violated("what was done stays told as done", what);
  }

  #done({ action, target }: Receipt, what: string): void {
    const { system, violated } = this.#sight;
    const { world } = system;
    if ((action === "ecs:stop-task" || action === "kubernetes:terminate") && !world.ended.has(target))
      violated("every receipt is true", `${what}, and it runs`);
    if (action === "ecs:scale-service-to-zero") {
      const service = world.aws.ecs.task(target)?.group?.replace("service:", "") ?? "";
      const zeroed = this.#sight.touches.some((touch) => touch.what === `services.setDesiredCount ${service} 0`);
      if (!zeroed) violated("every receipt is true", `${what}, and nobody scaled ${service}`);
    }
    const asked = ASKED[action];
    const isMark = action !== "ecs:stop-task" && action !== "kubernetes:terminate";
    if (asked !== undefined && isMark && !this.#touched(target, asked)) violated("every receipt is true", `${what}, and nobody touched it`);
  }

  /** skipped, refused and failed say that nothing was changed by it. */
  #untouched({ action, target, undo }: Receipt, incident: string, what: string): void {
    const { system, violated, touches } = this.#sight;
    const { world } = system;
    if (undo.possible) violated("every receipt is true", `${what}, and offers to take it back`);
    if (action === "ecs:scale-service-to-zero") return;
    if (action === "kubernetes:quarantine") {
      const pod = world.pod(target);
      if (pod?.labels[QUARANTINE] !== undefined && !system.isClaimedElsewhere(target, action, incident))
        violated("every receipt is true", `${what}, and it is isolated`);
      return;
    }
    const asked = ASKED[action];
    const owners = system.ownersIn(incident, target, action);
    if (
      asked !== undefined &&
      touches.some(
        (one) =>
          one.uid === target &&
          one.actions.includes(action) &&
          asked.test(one.what) &&
          owners.has(one.by) &&
          system.isOnlyClaimOf(one.by, target, action),
      )
    )
      violated("every receipt is true", `${what}, and it was touched`);
  }

  #undone({ action, target, outcome }: Receipt, what: string): void {
    const { world } = this.#sight.system;
    if (outcome !== "done") return;
    const task = world.aws.ecs.task(target);
    const pod = world.pod(target);
    const wrong =
      (action === "ecs:tag-task" &&
        task !== undefined &&
        Object.keys(task.tags).some((tag) => tag === "falco-responder/incident" || tag === "drift") &&
        world.aws.ecs.task(target)?.lastStatus !== "STOPPED" &&
        this.#tagIn(what, task.tags)) ||
      (action === "kubernetes:quarantine" && pod?.labels[QUARANTINE] !== undefined);
    if (wrong) this.#sight.violated("undo restores exactly what was", what);
  }

  #tagIn(what: string, tags: Readonly<Record<string, string>>): boolean {
    const key = /tag (\S+) is removed/.exec(what)?.[1];
    return key !== undefined && Object.hasOwn(tags, key);
  }

  #touched(uid: string, how: RegExp): boolean {
    return this.#sight.touches.some((touch) => touch.uid === uid && how.test(touch.what));
  }
}
