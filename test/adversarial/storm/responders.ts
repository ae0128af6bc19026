import { respondToBatch } from "#shared/pipeline/respond/batch.ts";
import type { Table, Write } from "#shared/ports/table.ts";
import { encodeEntry } from "#shared/wire/queue-entry.ts";
import { fakeAccess } from "../../fakes/cluster-access.ts";
import { policyOf, shellRule, taskEntry, World } from "../../fakes/world.ts";
import { TAKES } from "./service.ts";
import { delayed, VirtualTime } from "./virtual-time.ts";

export const RESPONDERS = 50;
const OWNERS = 10;
export const BUDGETS = { windowSeconds: 600, owner: 3, cluster: 12, fleet: 40 } as const;

/** What so many responders did at once. */
export interface Rush {
  readonly stops: number;
  /** The most of one service. */
  readonly mostOfOwner: number;
  /** Writes that found that somebody had been quicker. */
  readonly conflicts: number;
}

/** Draws from 0 to 1, the same for the same seed. */
function drawing(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/**
 * Fifty functions at once, each with an alert of its own about another task; ten services have five each. Every call takes another while.
 * `isForgetful`: the ledger does not look at the versions of budgets, as if they were written outside of the claim's transaction.
 */
export async function rush(seed: number, budgets: Readonly<Record<keyof typeof BUDGETS, number>>, isForgetful = false): Promise<Rush> {
  const world = new World(policyOf([shellRule], { budgets, recurrence: { times: 1_000, windowSeconds: 3_600, ladder: [] } }));
  const time = new VirtualTime(world.clock.now(), (ms) => world.later(ms));
  const draw = drawing(seed);
  const tasks = Array.from({ length: OWNERS }, (_none, n) =>
    world.ecs.service(`s${n}`, { family: `s${n}`, instance: null, tags: {}, desired: RESPONDERS / OWNERS }),
  ).flat();
  let conflicts = 0;
  const table: Table = new Proxy(world.table, {
    get(target, method) {
      const value: unknown = Reflect.get(target, method, target);
      if (typeof value !== "function") return value;
      return async (...given: readonly unknown[]): Promise<unknown> => {
        const asked = method === "transact" && isForgetful ? [(given[0] as readonly Write[]).map(withoutBudget), ...given.slice(1)] : given;
        const answer: unknown = await Reflect.apply(value, target, asked);
        if (method === "transact" && (answer as { readonly ok: boolean }).ok === false) conflicts++;
        return answer;
      };
    },
  });
  const takes = (ms: number) => (): number => ms * (0.5 + draw());
  const failed: string[] = [];
  for (const [n, task] of tasks.entries()) {
    const entry = taskEntry(world, { taskArn: task.taskArn, containerId: task.containers[0]?.runtimeId ?? "" });
    const given = Object.fromEntries(
      Object.entries(world.aws.given()).map(([kind, port]) => [kind, delayed(port, takes(TAKES.ecs), time)]),
    );
    const ports = {
      ...world.respondPorts(),
      clock: time,
      table: delayed(table, takes(TAKES.table), time),
      access: fakeAccess(given),
      redelivery: { after: () => Promise.resolve() },
    };
    const deliver = async (receives: number): Promise<void> => {
      const attributes = { ApproximateReceiveCount: String(receives), MessageGroupId: `g${n}` };
      const record = { messageId: `m${n}`, receiptHandle: "", body: encodeEntry(entry), attributes } as never;
      const { batchItemFailures } = await respondToBatch([record], ports, new AbortController().signal);
      if (batchItemFailures.length === 0) return;
      if (receives === 8) failed.push(`m${n}`);
      else time.after(10_000 * 2 ** (receives - 1), () => deliver(receives + 1));
    };
    time.after(0, () => deliver(1));
  }
  await time.run();
  if (failed.length > 0) throw new Error(`dead letters: ${failed.join()}`);
  const stopped = [...world.ecs.stopped.keys()].map((arn) => world.ecs.task(arn)?.group ?? "");
  const byOwner = Object.values(Object.groupBy(stopped, (group) => group)).map((all = []) => all.length);
  return { stops: stopped.length, mostOfOwner: Math.max(0, ...byOwner), conflicts };
}

const withoutBudget = (write: Write): Write =>
  write.op === "put" && write.item.pk.startsWith("BUDGET#") ? { ...write, when: null } : write;

/** Null: no budget was exceeded, and all of what there was could be spent. */
export function judgeRush({ stops, mostOfOwner }: Rush, budgets: Readonly<Record<keyof typeof BUDGETS, number>>): string | null {
  const most = Math.min(budgets.cluster, budgets.fleet);
  if (stops > most) return `${stops} stops, the budget is ${most}`;
  if (mostOfOwner > budgets.owner) return `${mostOfOwner} stops of one owner, its budget is ${budgets.owner}`;
  return null;
}
