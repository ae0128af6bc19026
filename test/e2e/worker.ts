import { execFileSync } from "node:child_process";
import type { FunctionKey } from "../../infra/functions.ts";
import type { Emulator } from "../../lab/lab.ts";

/** The living process in which the emulator runs a function: its own child, started from a folder with the function's name. Null: there is none. */
export function workerOf({ pid }: Emulator, key: FunctionKey): number | null {
  const lines = execFileSync("ps", ["-A", "-o", "pid=,ppid=,state=,args="], { encoding: "utf8" }).split("\n");
  for (const line of lines) {
    const [own, parent, state = "", ...args] = line.trim().split(/\s+/);
    const runs = args.some((one) => one.includes(`-${key}-`) && one.includes("_worker"));
    // A zombie takes signals, too, and dies of none.
    if (Number(parent) === pid && runs && !state.startsWith("Z")) return Number(own);
  }
  return null;
}
