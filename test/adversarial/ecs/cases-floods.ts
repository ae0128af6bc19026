import { policyOf, shellRule } from "../../fakes/world.ts";
import { said } from "./effects.ts";
import type { Case } from "./run.ts";
import { type Acts, actionOf, type Stage } from "./stage.ts";
import { SCALE } from "./wanted.ts";

const TIMES = 3;
const STEP_MS = 5 * 60_000;

/** Stopped three times, then only told, then its service is scaled to zero. */
const ladder = (stage: Stage): void => {
  stage.policy = policyOf([shellRule], { recurrence: { times: TIMES, windowSeconds: 3_600, ladder: [null, actionOf(SCALE)] } });
};

/** The task that the service has started in place of the last one. */
function replacement({ world, here, accused, offender }: Stage) {
  const known = [offender, ...accused].map(({ taskArn }) => taskArn);
  const task = world.ecs
    .running()
    .find(
      ({ group, containerInstanceArn, taskArn }) => group === "service:web" && containerInstanceArn === here && !known.includes(taskArn),
    );
  if (task === undefined) throw new Error("the service has started no task");
  accused.push(task);
  return task;
}

const whack = async (scene: Acts): Promise<void> => await scene.accuse(replacement(scene.stage));

/** Many alerts of the one task that came last, evenly over so many ms. */
const flood = (alerts: number, overMs: number) => async (scene: Acts) => {
  const task = replacement(scene.stage);
  for (let n = 0; n < alerts; n++) {
    await scene.accuse(task);
    if (n < alerts - 1) scene.stage.world.later(Math.ceil(overMs / (alerts - 1)));
  }
};

/** The offender and its first two replacements. */
const thrice = ({ offender, accused }: Stage): readonly string[] =>
  [offender, ...accused].slice(0, TIMES).map(({ taskArn }) => said.stop(taskArn));

const lastOf = ({ accused }: Stage): string => accused.at(-1)?.taskArn ?? "";

export const floods: readonly Case[] = [
  {
    name: "flood: alerts of one task drive its service up the ladder",
    fact: "twenty within less than five minutes",
    given: (stage) => {
      ladder(stage);
      stage.afterwards.push(whack, whack);
    },
    refuse: (stage) => void stage.afterwards.push(flood(20, STEP_MS - 1_000)),
    because: /^hold: stopped 3 times within 60 min, and it offends again/,
    spared: thrice,
    act: (stage) => void stage.afterwards.push(flood(20, STEP_MS)),
    done: (stage) => [...thrice(stage), said.setDesiredCount("web", 0), said.stop(lastOf(stage))],
  },
  {
    name: "flood: a service that is stopped again and again",
    fact: "the fourth task within the hour",
    given: (stage) => {
      ladder(stage);
      stage.afterwards.push(whack, whack);
    },
    refuse: (stage) => void stage.afterwards.push(whack),
    because: /^hold: stopped 3 times within 60 min/,
    spared: thrice,
    act: (stage) => void stage.afterwards.push(({ stage: { world } }) => world.later(3_600_000), whack),
    done: (stage) => [...thrice(stage), said.stop(lastOf(stage))],
  },
  {
    name: "flood: what one owner uses up is kept for others",
    fact: "whose task the third alert accuses",
    given: (stage) => {
      // A quarter of the cluster's eight.
      stage.policy = policyOf([shellRule], { budgets: { windowSeconds: 600, owner: 100, cluster: 8, fleet: 200 } });
      stage.afterwards.push(whack);
    },
    refuse: (stage) => void stage.afterwards.push(whack),
    because: /^refused: this owner has used its share, 2 of the cluster budget/,
    spared: (stage) => thrice(stage).slice(0, 2),
    act: (stage) => void stage.afterwards.push((scene) => scene.accuse(stage.api)),
    done: (stage) => [...thrice(stage), said.stop(stage.api.taskArn)],
  },
  {
    name: "flood: alerts of a task that is stopping",
    fact: "they accuse the one that stops",
    refuse: (stage) => {
      stage.world.ecs.ticksToStop = 1_000;
      for (let n = 0; n < 10; n++) stage.afterwards.push((scene) => scene.accuse(stage.offender));
    },
    because: /^hold: already stopping/,
    spared: ({ offender }) => [said.stop(offender.taskArn)],
    act: (stage) => void stage.afterwards.push((scene) => scene.accuse(stage.neighbour)),
    done: ({ offender, neighbour }) => [said.stop(offender.taskArn), said.stop(neighbour.taskArn)],
  },
];
