import { iamActor } from "#shared/domain/actor.ts";
import type { PolicyAction } from "#shared/domain/policy.ts";
import type { QueueEntry } from "#shared/domain/queue-entry.ts";
import type { Receipt } from "#shared/domain/receipt.ts";
import type { ReceiptBody } from "#shared/ledger/incident.ts";
import { operate } from "#shared/pipeline/operate.ts";
import { type Responded, respond } from "#shared/pipeline/respond.ts";
import { sweep } from "#shared/pipeline/sweep.ts";
import type { OperateRequest } from "#shared/wire/operate.ts";
import { encodeOrder } from "#shared/wire/order.ts";
import { policyOf, shellRule, taskEntry, World } from "../fakes/world.ts";

export const signal = new AbortController().signal;
export const ALICE = "arn:aws:iam::111122223333:user/alice";
export const MACHINE = "i-0123456789abcdef0";
export const QUARANTINE = "sg-0123456789abcdef0";
export const FORMER = ["sg-00000000000000001", "sg-00000000000000002"];

export const of = (action: PolicyAction["action"], more: Partial<PolicyAction> = {}): PolicyAction => ({
  action,
  params: {},
  mode: "enforce",
  evidence: "best-effort",
  ...more,
});
export const isolate = of("ecs:isolate-instance", { params: { security_group: QUARANTINE } });

/** A service of two tasks on one machine, and everything that people and lanes may do about it. */
export function stageOf(actions: readonly PolicyAction[]) {
  const world = new World(policyOf([{ ...shellRule, actions }]));
  const { ecs, services, network } = world.aws;
  const [task, neighbour] = ecs.service("web", { family: "web", instance: ecs.instance(MACHINE), tags: {}, desired: 2 });
  if (task === undefined || neighbour === undefined) throw new Error("no tasks");
  const eni = network.attach(MACHINE, FORMER);
  network.group(QUARANTINE, { allowsHttpsOut: true });
  services.scale("web", { minCapacity: 1, maxCapacity: 8 });
  const alert = (more: Parameters<typeof taskEntry>[2] = {}, whom = task): QueueEntry =>
    taskEntry(world, { taskArn: whom.taskArn, containerId: whom.containers[0]?.runtimeId ?? "" }, more);
  const send = (entry: QueueEntry = alert(), receiveCount = 1): Promise<Responded> =>
    respond({ body: JSON.stringify(entry), receiveCount }, world.respondPorts(), signal);
  /** Delivers what lies in the lanes, once, to a function with the rights of all of them unless one is named. */
  const deliver = async (lanes: World["lanes"] = ["ecs", "kubernetes", "wide"]): Promise<Responded[]> => {
    const before = world.lanes;
    world.lanes = lanes;
    const done: Responded[] = [];
    try {
      for (const { order } of world.orders.splice(0))
        done.push(await respond({ body: encodeOrder(order), receiveCount: 1 }, world.respondPorts(), signal));
    } finally {
      world.lanes = before;
    }
    return done;
  };
  const incident = (): string => String(world.table.ofType("incident").at(-1)?.pk).replace("INCIDENT#", "");
  const say = (verb: OperateRequest["verb"], more: Partial<OperateRequest> = {}, by = ALICE) => {
    const { table, clock, telemetry, orders } = world.respondPorts();
    return operate(
      { verb, incident: incident(), action: null, target: null, ...more },
      iamActor(by),
      { table, clock, telemetry, orders },
      signal,
    );
  };
  const swept = () => sweep(world.sweepPorts(), signal);
  /** Subjects of what the people were sent since the last call. */
  const heard = (): string[] => world.messages.splice(0).map((message) => (message.kind === "sns" ? message.subject : ""));
  const groups = () => network.own(MACHINE).find(({ id }) => id === eni.id)?.groups;
  return { world, task, neighbour, alert, send, deliver, incident, say, swept, heard, groups };
}

export const receiptsOf = (world: World): readonly Receipt[] => world.bodies<ReceiptBody>("receipt").map(({ receipt }) => receipt);
