import type { Registry } from "#shared/domain/registry.ts";
import { pauseWords, readSwitches, type SwitchScope, type SwitchState } from "#shared/ledger/switch.ts";
import type { Clock } from "#shared/ports/clock.ts";
import type { ParameterSays, SwitchParameter } from "#shared/ports/switch.ts";
import type { Table } from "#shared/ports/table.ts";

export interface SwitchPorts {
  readonly table: Table;
  readonly clock: Clock;
  readonly registry: Registry;
  readonly switchParameter: SwitchParameter;
}

/** What can pause: an item of the ledger, or the parameter in SSM. */
export type Source = SwitchScope | "parameter";

/** One source of the switch as it is now. Times are ISO; null: nobody said. */
export interface Pause {
  readonly source: Source;
  readonly paused: boolean;
  readonly because: string;
  readonly since: string | null;
  readonly until: string | null;
}

export const pauseOf = (state: SwitchState): Pause => ({
  source: state.scope,
  paused: state.paused,
  because: state.paused ? pauseWords(state) : resumedWords(state),
  since: state.paused ? state.since : null,
  until: state.paused ? state.until : null,
});

const resumedWords = ({ who, why }: SwitchState): string => `resumed${who === null ? "" : ` by ${who}`}${why === null ? "" : `: ${why}`}`;

export const pauseOfParameter = (said: ParameterSays): Pause => ({
  source: "parameter",
  paused: said.says !== "run",
  because: said.says === "run" ? "the parameter says run" : `the kill switch is on: ${said.because}`,
  since: null,
  until: null,
});

/** Everything that pauses now or did before, the parameter first: for people who ask, and for sweep. */
export async function pausesNow({ table, switchParameter }: SwitchPorts, signal: AbortSignal): Promise<readonly Pause[]> {
  const [said, states] = await Promise.all([switchParameter.read(signal), readSwitches(table, signal)]);
  return [pauseOfParameter(said), ...states.map(pauseOf)];
}
