import type { Engine } from "../kernel/engine.ts";
import type { Scenario } from "../model/scenario.ts";
import type { System } from "../model/system.ts";
import type { Violation } from "../simulate.ts";

export class Watch {
  readonly violations: Violation[] = [];
  readonly seen = new Map<string, number>();
  engine: Engine; system: System; scenario: Scenario;
  constructor(engine: Engine, system: System, scenario: Scenario) {
    this.engine = engine; this.system = system; this.scenario = scenario;
    system.table.onChange = ({ before, after }) => {
      const type = after?.type ?? "";
      const state = (i: typeof after) => i === null ? "-" : String(i["state"] ?? (type === "incident" ? JSON.parse(String(i["body"])).state : ""));
      const name = `${type} ${state(before)}>${state(after)}`;
      this.seen.set(name, (this.seen.get(name) ?? 0) + 1);
      if (type === "note" && before === null && after) system.wake({ pk: after.pk, sk: after.sk });
    };
  }
  violated(invariant: string, says: string) { this.violations.push({ invariant, says, atMs: this.engine.kernel.nowMs }); }
  atTheEnd() {
    if (this.system.restedAtMs === null) this.violated("rest", "no rest: " + JSON.stringify(this.system.table.all().filter(i=>i.due).slice(0,3)));
  }
}
