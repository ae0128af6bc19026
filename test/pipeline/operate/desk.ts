import { iamActor } from "#shared/domain/actor.ts";
import type { QueueEntry } from "#shared/domain/queue-entry.ts";
import { type Answer, operate } from "#shared/pipeline/operate.ts";
import { type Responded, respond } from "#shared/pipeline/respond.ts";
import type { AnyRequest, ListRequest, MuteRequest } from "#shared/wire/operate.ts";
import { encodeOrder } from "#shared/wire/order.ts";
import { taskEntry, type World } from "../../fakes/world.ts";

export const signal = new AbortController().signal;
export const ALICE = "arn:aws:iam::111122223333:user/alice";
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export const ask = (world: World, request: AnyRequest, by = ALICE): Promise<Answer> =>
  operate(request, iamActor(by), world.respondPorts(), signal);

export const listed = async (world: World, more: Partial<ListRequest> = {}) => {
  const request: ListRequest = {
    verb: "list",
    state: "all",
    cluster: null,
    rule: null,
    sinceMs: null,
    waiting: false,
    most: 20,
    cursor: null,
  };
  const answer = await ask(world, { ...request, ...more });
  if (answer.kind !== "listed") throw new Error(`not listed: ${JSON.stringify(answer)}`);
  return answer;
};

export const muteOf = (more: Partial<MuteRequest>): MuteRequest => ({
  verb: "mute",
  incident: null,
  cluster: null,
  rule: null,
  who: null,
  seconds: 4 * 3_600,
  reason: "penetration test",
  ...more,
});

export const deliver = (world: World, entry: QueueEntry): Promise<Responded> =>
  respond({ body: JSON.stringify(entry), receiveCount: 1 }, world.respondPorts(), signal);

export async function deliverOrders(world: World): Promise<void> {
  for (const { order } of world.orders.splice(0))
    await respond({ body: encodeOrder(order), receiveCount: 1 }, world.respondPorts(), signal);
}

/** A running task of the service, and an alert about it. */
export function offender(world: World, service: string, more: Parameters<typeof taskEntry>[2] = {}) {
  const [task] = world.ecs.service(service, { family: service, instance: world.ecs.instance(`i-${service}`), tags: {}, desired: 1 });
  if (task === undefined) throw new Error("no task");
  const alert = () => taskEntry(world, { taskArn: task.taskArn, containerId: task.containers[0]?.runtimeId ?? "" }, more);
  return { task, alert };
}

export function incidentIn(responded: Responded): string {
  if (responded.kind !== "recorded") throw new Error("not recorded");
  return responded.incident;
}
