import { ECSClient, StopTaskCommand } from "@aws-sdk/client-ecs";
import { systemClock } from "#shared/adapters/clock.ts";
import type { Receipt } from "#shared/domain/receipt.ts";
import { respondToBatch } from "#shared/pipeline/respond/batch.ts";
import { Sightings } from "#shared/playbooks/ecs/sightings.ts";
import { policyOf, taskEntry, World } from "../fakes/world.ts";
import { median } from "./bundle.ts";
import { doubleApart, type Served } from "./double-apart.ts";
import { BATCH, record } from "./ecs-alerts.ts";
import { accessTo, CREDENTIALS } from "./ecs-double.ts";
import type { BenchRow } from "./row.ts";

const WISH = { services: 20, tasksOfEach: 5 } as const;
const STOPS = WISH.services * WISH.tasksOfEach;
const ROUNDS = 13;
const WARM_UP = 4;

interface Took {
  readonly wallMs: number;
  readonly cpuMs: number;
}

/**
 * Stops per second of one warm responder over bare StopTask calls, as many of them under way at once, against the same double of AWS in a
 * process of its own. Ours: the deployed batch loop with the real adapters: resolve, decide, evidence (task, service, definition), claim with
 * its budgets, StopTask, seen STOPPED, receipt. Every task is stopped once and seen STOPPED, or the run throws.
 */
export async function ecsActions(): Promise<readonly BenchRow[]> {
  const double = doubleApart();
  try {
    const walls: number[] = [];
    const cpus: number[] = [];
    let calls = "";
    for (let round = -WARM_UP; round < ROUNDS; round++) {
      const ours = await responded(await double.serve(WISH));
      const asked = await double.asked();
      if (asked["StopTask"] !== STOPS) throw new Error(`${asked["StopTask"]} calls of StopTask for ${STOPS} tasks`);
      const bare = await stoppedBare(await double.serve(WISH));
      if (round < 0) continue;
      walls.push(bare.wallMs / ours.wallMs);
      cpus.push(bare.cpuMs / ours.cpuMs);
      calls = Object.entries(asked)
        .map(([action, n]) => `${n} ${action}`)
        .join(", ");
    }
    const compared = `bare StopTask calls, ${BATCH} at once, of ${STOPS} tasks that stop at once, of ${WISH.services} services; double in a process of its own, ledger in memory; median of ${ROUNDS} rounds`;
    return [
      {
        name: "ecs_actions_vs_limit",
        value: median(walls),
        unit: "of the limit",
        compared: `${compared}; stops per second; wanted >= 0.3`,
      },
      {
        name: "ecs_actions_vs_limit_cpu",
        value: median(cpus),
        unit: "of the limit",
        compared: `the same per CPU second of ours; ${calls}`,
      },
    ];
  } finally {
    double.close();
  }
}

async function responded({ url, offenders }: Served): Promise<Took> {
  // No budget holds anybody back: what they cost is measured, not what they spare.
  const world = new World(policyOf(undefined, { budgets: { windowSeconds: 600, owner: STOPS, cluster: 4 * STOPS, fleet: 4 * STOPS } }));
  const ports = {
    ...world.respondPorts(),
    clock: systemClock,
    sightings: new Sightings(),
    access: accessTo(url),
    redelivery: { after: () => Promise.resolve() },
  };
  const timeMs = Date.now() - 10_000;
  const about = { timeMs, time: new Date(timeMs).toISOString() };
  const records = offenders.map(({ taskArn, runtimeId }, n) =>
    record(n, taskEntry(world, { taskArn, containerId: runtimeId }, { about }), runtimeId),
  );
  const took = await timed(async () => {
    for (let at = 0; at < records.length; at += BATCH) {
      const { batchItemFailures } = await respondToBatch(records.slice(at, at + BATCH), ports, new AbortController().signal);
      if (batchItemFailures.length > 0) throw new Error(`${batchItemFailures.length} alerts of a batch failed`);
    }
  });
  const receipts = world.bodies<{ readonly receipt: Receipt }>("receipt").map(({ receipt }) => receipt);
  const done = receipts.filter(({ outcome, evidence }) => outcome === "done" && evidence.kind === "kept").length;
  if (done !== STOPS) throw new Error(`${done} of ${STOPS} tasks were seen STOPPED, with evidence kept`);
  return took;
}

async function stoppedBare({ url, offenders }: Served): Promise<Took> {
  const client = new ECSClient({ endpoint: url, region: "eu-west-1", credentials: CREDENTIALS });
  const left = [...offenders];
  const reason = "falco-responder: incident 0123456789abcdef, policy rule shell";
  const worker = async (): Promise<void> => {
    for (let one = left.shift(); one !== undefined; one = left.shift())
      await client.send(new StopTaskCommand({ cluster: "shop", task: one.taskArn, reason }));
  };
  const took = await timed(async () => void (await Promise.all(Array.from({ length: BATCH }, worker))));
  client.destroy();
  return took;
}

async function timed(work: () => Promise<void>): Promise<Took> {
  const before = process.cpuUsage();
  const start = performance.now();
  await work();
  const wallMs = performance.now() - start;
  const { user, system } = process.cpuUsage(before);
  return { wallMs, cpuMs: (user + system) / 1_000 };
}
