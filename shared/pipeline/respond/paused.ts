import { pauseWords, readSwitches, type SwitchScope, scopeOfCluster } from "#shared/ledger/switch.ts";
import type { ClaimPorts } from "#shared/pipeline/respond/ports.ts";

/** Why nothing new may be done in this cluster now; null: nothing is paused. Both halves of the switch are asked. */
export async function pausedNow(
  cluster: string,
  { table, switchParameter }: Pick<ClaimPorts, "table" | "switchParameter">,
  signal: AbortSignal,
): Promise<string | null> {
  const said = await parameterPause({ switchParameter }, signal);
  if (said !== null) return said;
  const scopes: readonly SwitchScope[] = ["fleet", scopeOfCluster(cluster)];
  const pause = (await readSwitches(table, signal)).find(({ scope, paused }) => paused && scopes.includes(scope));
  return pause === undefined ? null : pauseWords(pause);
}

/** Costs no read of the ledger: the other half is a condition of the claim itself. */
export async function parameterPause(
  { switchParameter }: Pick<ClaimPorts, "switchParameter">,
  signal: AbortSignal,
): Promise<string | null> {
  const parameter = await switchParameter.read(signal);
  return parameter.says === "run" ? null : `the kill switch is on: ${parameter.because}`;
}
