import { readFileSync } from "node:fs";
import type { EcsSensor } from "./ecs.ts";
import { STATE_FILE } from "./paths.ts";

/** How `npm run alert` reaches the running demonstration. */
export interface State {
  readonly pid: number;
  readonly endpoint: string;
  readonly region: string;
  readonly account: string;
  readonly sensors: readonly EcsSensor[];
  readonly kubernetes: { readonly server: string; readonly caData: string; readonly token: string } | null;
}

/** Null when no demonstration is running. */
export function readState(): State | null {
  try {
    const state = JSON.parse(readFileSync(STATE_FILE, "utf8")) as State;
    process.kill(state.pid, 0);
    return state;
  } catch {
    return null;
  }
}
