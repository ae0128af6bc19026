import type { PodFacts } from "#shared/playbooks/kubernetes/facts.ts";
import { POD } from "#shared/playbooks/kubernetes/kinds.ts";
import { judgeIn, type Case as OfStage } from "../judge.ts";
import { said } from "./effects.ts";
import { newStage, type Stage } from "./stage.ts";

export type Case = OfStage<Stage>;

export const deleted = (pod: PodFacts): string => said.delete(POD, pod);

export const judgeCase = (one: Case) => judgeIn<PodFacts, Stage>({ open: newStage, stops: ({ offender }) => [deleted(offender)] }, one);
