import type { PolicyAction } from "#shared/domain/policy.ts";
import type { FakeService } from "../../fakes/tasks.ts";
import { said } from "./effects.ts";
import { asking, FUNCTION, QUARANTINE, type Stage } from "./stage.ts";

export const SCALE = "ecs:scale-service-to-zero";
export const DRAIN = "ecs:drain-instance";
export const ISOLATE = "ecs:isolate-instance";
export const REVOKE = "ecs:revoke-role-sessions";
export const MARK = "falco-responder/protected";

// What an action does to the stage's offender.

export function invoked({ offender }: Stage): readonly string[] {
  return [said.invoke(FUNCTION, JSON.stringify({ workload: { uid: offender.taskArn } }))];
}
export function scaled({ offender }: Stage): readonly string[] {
  return [said.setDesiredCount("web", 0), said.stop(offender.taskArn)];
}
export function drained({ here }: Stage): readonly string[] {
  return [said.setStatus(here, "DRAINING")];
}
export function isolated({ interfaceId }: Stage): readonly string[] {
  return [said.setGroups(interfaceId, [QUARANTINE])];
}

/** The policy asks for this. */
export const given =
  (action: PolicyAction["action"], params: PolicyAction["params"] = {}) =>
  (stage: Stage) => {
    stage.policy = asking(action, params);
  };

/** A service of the stage, changed as somebody else would. */
export const change = ({ world }: Stage, service: string, facts: Partial<FakeService>): void => {
  const former = world.ecs.services.get(service);
  if (former !== undefined) world.ecs.services.set(service, { ...former, ...facts });
};
