import type { Alert } from "#shared/domain/alert.ts";
import type { Resolution } from "#shared/domain/workload.ts";
import type { Clock } from "#shared/ports/clock.ts";

/** A look at the control plane. `lagging`: a container that may be the accused one has no id yet. */
export interface Look {
  readonly resolution: Resolution;
  readonly lagging: boolean;
}

/** Agents and kubelets report a container's id some seconds after its start: an alert about its first seconds may come earlier. */
export const YOUNG_MS = 120_000;
/** Between three looks; together short beside the queue's visibility. */
const PAUSES_MS = [1_500, 3_000] as const;

/** Looks, and looks again at most twice while a young alert's container may not be reported yet. What is then not verified may be `soon`. */
export async function lookAgain(alert: Alert, clock: Clock, signal: AbortSignal, look: () => Promise<Look>): Promise<Resolution> {
  let seen = await look();
  const mayAppear = (): boolean => seen.lagging && alert.timeMs !== null && Math.abs(clock.now() - alert.timeMs) < YOUNG_MS;
  for (const pause of PAUSES_MS) {
    if (seen.resolution.kind !== "unverified" || !mayAppear()) break;
    await clock.sleep(pause, signal);
    seen = await look();
  }
  const { resolution } = seen;
  return resolution.kind === "unverified" && mayAppear() ? { ...resolution, soon: true } : resolution;
}
