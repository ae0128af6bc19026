import type { Mode } from "#shared/domain/policy.ts";
import type { Receipt } from "#shared/domain/receipt.ts";
import { respondToBatch } from "#shared/pipeline/respond/batch.ts";
import { Sightings } from "#shared/playbooks/ecs/sightings.ts";
import { Aws } from "../doubles/aws/aws.ts";
import { policyOf, taskEntry, World } from "../fakes/world.ts";
import { BATCH, record } from "./ecs-alerts.ts";
import { accessTo, peopled } from "./ecs-double.ts";
import type { BenchRow } from "./row.ts";

const WORKLOADS = 50;
const ALERTS = 1_000;
/** The storm is over within half a minute. */
const BETWEEN_BATCHES_MS = 250;

/**
 * API calls of ECS that a storm of distinct alerts costs one warm responder: the deployed batch loop, respond and the real adapters with their
 * SDK clients, against the double of AWS, which notes each call. Every alert has a decision about its own task, or the run throws.
 */
export async function ecsCalls(): Promise<readonly BenchRow[]> {
  const storm = `${ALERTS} distinct alerts of ${WORKLOADS} services, one warm function, batches of ${BATCH}`;
  const alone = await calls("observe", false);
  const together = await calls("observe", true);
  const acting = await calls("enforce", true);
  const row = (name: string, asked: Asked, compared: string): BenchRow => ({
    name,
    value: Object.values(asked).reduce((sum, n) => sum + n, 0),
    unit: "ECS API calls",
    compared: `${storm}; ${compared}`,
  });
  const parts = Object.entries(acting).map(([action, n]) => `${n} ${action}`);
  return [
    row("ecs_calls_per_1000_alerts", together, "only told; wanted <= 60"),
    row("ecs_calls_per_1000_alerts_unremembered", alone, "the same without what ECS said lately, joined calls only"),
    row("ecs_calls_per_1000_alerts_acting", acting, `${WORKLOADS} tasks stopped and verified, evidence kept: ${parts.join(", ")}`),
  ];
}

/** Calls by action. */
type Asked = Readonly<Record<string, number>>;

async function calls(mode: Mode, remember: boolean): Promise<Asked> {
  const world = new World(policyOf(undefined, { mode }));
  await using aws = await Aws.start({ now: () => world.clock.now() });
  const offenders = peopled(aws, WORKLOADS, 1);
  const ports = {
    ...world.respondPorts(),
    ...(remember ? { sightings: new Sightings() } : {}),
    access: accessTo(aws.url),
    redelivery: { after: () => Promise.resolve() },
  };
  for (let at = 0; at < ALERTS; at += BATCH) {
    const records = Array.from({ length: BATCH }, (_, n) => {
      const { taskArn, runtimeId } = offenders[(at + n) % offenders.length] ?? { taskArn: "", runtimeId: "" };
      return record(at + n, taskEntry(world, { taskArn, containerId: runtimeId }), runtimeId);
    });
    const { batchItemFailures } = await respondToBatch(records, ports, new AbortController().signal);
    if (batchItemFailures.length > 0) throw new Error(`${batchItemFailures.length} alerts of a batch failed`);
    world.later(BETWEEN_BATCHES_MS);
  }
  const told = world.bodies<{ readonly decisions: readonly unknown[] }>("alert").filter(({ decisions }) => decisions.length > 0);
  if (told.length !== ALERTS) throw new Error(`${told.length} of ${ALERTS} alerts have a decision`);
  const receipts = world.bodies<{ readonly receipt: Receipt }>("receipt").map(({ receipt }) => receipt);
  const done = receipts.filter(({ outcome, evidence }) => outcome === "done" && evidence.kind === "kept").length;
  if (done !== (mode === "enforce" ? WORKLOADS : 0)) throw new Error(`${done} tasks were stopped, seen stopped and kept evidence of`);
  const made = aws.calls().filter(({ service }) => service === "ecs");
  const failed = made.find(({ error }) => error !== null);
  if (failed !== undefined) throw new Error(`${failed.action} met ${failed.error}`);
  return Object.fromEntries(Object.entries(Object.groupBy(made, ({ action }) => action)).map(([action, of]) => [action, of?.length ?? 0]));
}
