import { fits, type Lane, laneOf } from "#shared/domain/action.ts";
import { sensorNeeds } from "#shared/pipeline/sweep/nodes.ts";
import { evidenceNeeds } from "#shared/playbooks/ecs/evidence.ts";
import { lookAtTaskNeeds, resolveTaskNeeds } from "#shared/playbooks/ecs/resolve.ts";
import { playbooks } from "#shared/playbooks/index.ts";
import { resolvePodNeeds } from "#shared/playbooks/kubernetes/resolve.ts";
import type { Needs, Right } from "#shared/playbooks/playbook.ts";

/** What the function of a lane does around its actions: finds or sees again the accused, and keeps what it was. */
const AROUND: Readonly<Record<Lane, readonly Needs[]>> = {
  ecs: [resolveTaskNeeds, evidenceNeeds],
  kubernetes: [resolvePodNeeds],
  // It gets orders only: who is meant was resolved before.
  wide: [lookAtTaskNeeds, evidenceNeeds],
};

const all = Object.values(playbooks);

/** Declared rights of the function that works a lane: those of every action of the lane, whatever the policy names today. */
export function rightsOfLane(lane: Lane): readonly Right[] {
  const ofLane = all.filter(({ name }) => (["task", "pod"] as const).some((kind) => fits(name, kind) && laneOf(name, kind) === lane));
  return [...AROUND[lane], ...ofLane.map(({ needs }) => needs)].flatMap(({ iam, look }) => [...iam, ...look]);
}

/** Sweep sees what became of every action, and which nodes there are, and does nothing. */
export const rightsToLook: readonly Right[] = [...all.flatMap(({ needs }) => needs.look), ...sensorNeeds.look];
