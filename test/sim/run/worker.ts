import { parentPort, workerData } from "node:worker_threads";
import { plant } from "../planted/plant.ts";
import { addRun, emptyPart } from "./report.ts";

/** Seeds of one thread: `from`, `from + every`, ... `planted`: the bug that is put into the product's text first. `stopAtFirst`: a failure ends it. */
export interface Work {
  readonly from: number;
  readonly to: number;
  readonly every: number;
  readonly planted: string | null;
  readonly stopAtFirst: boolean;
}

const work = workerData as Work;
if (work.planted !== null) plant(work.planted);
// Only now: what is planted must be there before the product is loaded.
const { loadHandlers } = await import("../model/handlers.ts");
const { simulate } = await import("../simulate.ts");
const handlers = await loadHandlers();
const part = emptyPart();
for (let seed = work.from; seed <= work.to; seed += work.every) {
  addRun(part, await simulate(seed, handlers));
  if (work.stopAtFirst && part.failed.length > 0) break;
}
parentPort?.postMessage(part);
