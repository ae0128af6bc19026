import type { TaskFacts } from "#shared/ports/tasks.ts";
import { judgeIn, type Case as OfStage } from "../judge.ts";
import { said } from "./effects.ts";
import { newStage, type Stage } from "./stage.ts";

export type Case = OfStage<Stage>;

export const judgeCase = (one: Case) =>
  judgeIn<TaskFacts, Stage>({ open: newStage, stops: ({ offender }) => [said.stop(offender.taskArn)] }, one);
