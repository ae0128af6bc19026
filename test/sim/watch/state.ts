import type { Engine } from "../kernel/engine.ts";
import type { Said, Scenario } from "../model/scenario.ts";
import type { System } from "../model/system.ts";

/** What the rules look at, beside the ledger and the world. */
export interface Sight {
  readonly engine: Engine;
  readonly system: System;
  readonly scenario: Scenario;
  readonly violated: (invariant: string, says: string) => void;
  /** How often each transition and outcome occurred. */
  readonly count: (name: string) => void;
  /** Every write to the world that took effect. */
  readonly touches: Touched[];
  /** Alert id -> what was said and what is true of it. */
  readonly saidOf: (alertId: string) => Said | null;
}

export interface Violation {
  /** Name of the invariant. */
  readonly invariant: string;
  readonly says: string;
  readonly atMs: number;
}

export interface Touched {
  readonly atMs: number;
  readonly by: string;
  readonly what: string;
  readonly uid: string | null;
  readonly service: string | null;
  /** Of the claims that it was done for. */
  readonly actions: readonly string[];
}

/** The last part of an ARN or uid, as traces show it. */
export const short = (id: string): string => id.slice(-8);
