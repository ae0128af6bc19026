import { setTimeout as sleep } from "node:timers/promises";
import type { ActionName } from "#shared/domain/action.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { Workload } from "#shared/domain/workload.ts";
import { playbooks } from "#shared/playbooks/index.ts";
import type { Execution, Kept, Params, Plan, Reach } from "#shared/playbooks/playbook.ts";
import { never } from "./kube-stage.ts";

/** A look comes after so long, and the last after so many. */
const LOOK_MS = 250;
const LOOKS = 80;

/** What became of an action, in a few words: the cell of a table. */
export interface Seen {
  readonly cell: string;
  /** Why it refused, or had nothing to do. */
  readonly because: string | null;
}

/** What a table may say. Whatever else is seen is a fault of the product. */
export const KNOWN = /^(done|done, undone|refuses|nothing to do)$/;

/** From the plan to the undo, as the lane takes it: what is not there yet is looked at again, and what is undone is undone once more. */
export async function tryOn(action: ActionName, workload: Workload, params: Params, reach: Reach): Promise<Seen> {
  const { plan: planOf, prepare, verify, undo } = playbooks[action];
  const planning = planOf(workload, params, { incident: "0123456789abcdef", rule: "table" });
  if (planning.kind === "refused") return { cell: "refuses", because: planning.because };
  const { plan } = planning;
  const prepared = (await prepare?.(plan, reach, never)) ?? { kind: "ready" as const, kept: {}, remarks: [] };
  if (prepared.kind !== "ready") return { cell: prepared.kind === "refused" ? "refuses" : "nothing to do", because: prepared.because };
  const execution = await executed(plan, prepared.kept, reach);
  if (execution.kind !== "accepted" && execution.kind !== "done") return { cell: execution.kind, because: execution.because };
  const kept = execution.kept ?? prepared.kept;
  const became = execution.kind === "done" ? "done" : await looked(() => verify(plan, kept, reach, never));
  if (became !== "done" || !undo.possible) return { cell: became, because: null };
  return { cell: `done, ${await takenBack(plan, kept, reach)}`, because: null };
}

/** A message that is not done yet comes again. */
async function executed(plan: Plan, kept: Kept, reach: Reach): Promise<Execution> {
  for (let look = 0; ; look++) {
    try {
      return await playbooks[plan.action].execute(plan, kept, reach, never);
    } catch (thrown) {
      if (!(thrown instanceof PipelineError && thrown.code === "not_yet") || look === LOOKS) throw thrown;
      await sleep(LOOK_MS);
    }
  }
}

async function looked(verify: () => ReturnType<(typeof playbooks)[ActionName]["verify"]>): Promise<string> {
  let last = "";
  for (let look = 0; look < LOOKS; look++) {
    const seen = await verify();
    if (seen.kind !== "pending") return seen.kind === "done" ? "done" : `${seen.kind}: ${seen.because}`;
    last = seen.because;
    await sleep(LOOK_MS);
  }
  return `not seen within ${(LOOKS * LOOK_MS) / 1_000} s: ${last}`;
}

async function takenBack(plan: Plan, kept: Kept, reach: Reach): Promise<string> {
  const { undo } = playbooks[plan.action];
  if (!undo.possible) return "";
  let last = "";
  for (let look = 0; look < LOOKS; look++) {
    const seen = await undo.run(plan, kept, reach.nowMs(), reach, never);
    if (seen.kind === "undone") {
      const again = await undo.run(plan, kept, reach.nowMs(), reach, never);
      return again.kind === "nothing" ? "undone" : `undone, and then ${again.kind}: ${again.because}`;
    }
    if (seen.kind !== "requested") return `${seen.kind}: ${seen.because}`;
    last = seen.because;
    await sleep(LOOK_MS);
  }
  return `undo requested: ${last}`;
}
