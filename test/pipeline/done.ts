import type { PolicyAction } from "#shared/domain/policy.ts";
import type { OrderBody } from "#shared/ledger/order.ts";
import { respond } from "#shared/pipeline/respond.ts";
import { podEntry, policyOf, shellRule, World } from "../fakes/world.ts";

const signal = new AbortController().signal;

export const acting = (action: PolicyAction["action"], params: PolicyAction["params"]): PolicyAction => ({
  action,
  params,
  mode: "enforce",
  evidence: "none",
});

/** A pod of a Deployment of two, about which one alert came, and what was done has been seen done. */
export async function done(action: PolicyAction["action"], params: PolicyAction["params"] = {}) {
  const world = new World(policyOf([{ ...shellRule, actions: [acting(action, params)] }]));
  for (const name of ["node-1", "node-2"]) world.kubernetes.node(name);
  const controller = world.kubernetes.deployment("web");
  const pod = world.kubernetes.run({ controller, labels: { app: "web" } });
  world.kubernetes.run({ controller, labels: { app: "web" }, node: "node-2" });
  const entry = podEntry(world, { ...pod, containerId: pod.containers[0]?.id ?? "" });
  await respond({ body: JSON.stringify(entry), receiveCount: 1 }, world.respondPorts(), signal);
  const [order] = world.bodies<OrderBody>("order");
  return { world, pod, order };
}
