import type { Item } from "#shared/ports/table.ts";
import type { Engine } from "../kernel/engine.ts";
import { NOTICES } from "../model/ports.ts";
import type { Said, Scenario } from "../model/scenario.ts";
import type { System } from "../model/system.ts";
import type { Change } from "../model/table.ts";
import { ClaimRules } from "./claims.ts";
import { judgeTheEnd } from "./ending.ts";
import { ReceiptRules } from "./receipts.ts";
import type { Sight, Violation } from "./state.ts";
import { TouchRules } from "./touches.ts";

/** How orders, notes and incidents may go on. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  order: [
    "- awaiting",
    "- given",
    "awaiting given",
    "awaiting denied",
    "awaiting expired",
    "given given",
    "given carried",
    "given expired",
    "expired awaiting",
    "carried awaiting",
    "carried given",
    "denied awaiting",
    "expired given",
  ],
  // pending pending: waits for its turn at the channel, not an attempt.
  note: ["- pending", "pending pending", "pending sending", "sending sending", "sending sent", "sending pending", "sending dead"],
  incident: ["- open", "open open", "open closed"],
};

/** Sees everything that a run does, and says what must not be. */
export class Watch {
  readonly violations: Violation[] = [];
  readonly seen = new Map<string, number>();
  readonly #sight: Sight;
  readonly #claims: ClaimRules;
  readonly #receipts: ReceiptRules;
  readonly #sent = new Map<string, number>();

  constructor(engine: Engine, system: System, scenario: Scenario) {
    const byMark = new Map<string, Said | null>();
    const saidOf = (alertId: string): Said | null => {
      const known = byMark.get(alertId);
      if (known !== undefined) return known;
      const mark = system.markOf(alertId);
      const said = mark === null ? null : (scenario.said.find(({ line }) => line.includes(`${mark}"`)) ?? null);
      byMark.set(alertId, said);
      return said;
    };
    const violated = (invariant: string, says: string) => this.violated(invariant, says, engine.kernel.nowMs);
    const count = (name: string): void => {
      this.seen.set(name, (this.seen.get(name) ?? 0) + 1);
    };
    this.#sight = { engine, system, scenario, violated, count, touches: [], saidOf };
    this.#claims = new ClaimRules(this.#sight);
    this.#receipts = new ReceiptRules(this.#sight);
    const touches = new TouchRules(this.#sight, this.#claims);
    system.ownersOf = (item) => this.#claims.ownersOf(item);
    system.onTouch = (touch, invocation) => touches.touched(touch, invocation);
    system.table.onChange = (change) => this.#changed(change);
  }

  violated(invariant: string, says: string, atMs = this.#sight.engine.kernel.nowMs): void {
    if (this.violations.length < 20) this.violations.push({ invariant, says, atMs });
    this.#sight.engine.kernel.tell("VIOLATION", `${invariant}: ${says}`);
  }

  atTheEnd(): void {
    judgeTheEnd(this.#sight);
  }

  #changed({ before, after }: Change): void {
    if (after === null) return;
    if (after.type === "claim") this.#claims.changed(before, after);
    else if (after.type === "receipt") this.#receipts.changed(before, after);
    else if (Object.hasOwn(ALLOWED, after.type)) this.#moved(before, after);
  }

  #moved(before: Item | null, after: Item): void {
    const step = `${before === null ? "-" : stateOf(before)} ${stateOf(after)}`;
    const verb = after.type === "order" ? ` ${after.sk.split("#")[1]}` : "";
    this.#sight.count(`${after.type}${verb} ${step.replace(" ", " > ")}`);
    // Told by the digest of its minute, which is owed from then on.
    const isFolded = step === "pending sent" && after.type === "note" && typeof after["digest"] === "string";
    if (!isFolded && ALLOWED[after.type]?.includes(step) !== true)
      this.violated(`an ${after.type} goes only the ways it may`, `${after.pk} ${after.sk}: ${step}`);
    if (after.version !== (before?.version ?? 0) + 1)
      this.violated("every write is conditional", `${after.pk} ${after.sk}: version ${before?.version} -> ${after.version}`);
    if (after.type !== "note") return;
    if (before === null) this.#sight.system.wake({ pk: after.pk, sk: after.sk });
    if (stateOf(after) === "sent" && after["because"] === null) this.#told(after);
  }

  /** A note that says it was sent was heard: as many messages as such notes, at least. */
  #told(note: Item): void {
    const [, channel = ""] = note.sk.split("#");
    const incident = /^(NOTICE|DIGEST)#/.test(note.pk) ? NOTICES : note.pk.slice("INCIDENT#".length);
    const key = `${channel} ${incident}`;
    const sent = (this.#sent.get(key) ?? 0) + 1;
    this.#sent.set(key, sent);
    const heard = this.#sight.system.heard.filter((one) => one.channel === channel && one.incident === incident).length;
    if (heard < sent)
      this.violated("what is told was heard", `${sent} messages of ${incident} to ${channel} are marked as sent, and ${heard} were heard`);
  }
}

const stateOf = (item: Item): string =>
  item.type === "incident" ? (/"state":"(open|closed)"/.exec(String(item["body"]))?.[1] ?? "?") : String(item["state"]);
