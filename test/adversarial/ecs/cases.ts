import { actions } from "./cases-actions.ts";
import { floods } from "./cases-floods.ts";
import { guards, lines, states, times } from "./cases-guards.ts";
import { hits } from "./cases-hosts.ts";
import { approvals, undos } from "./cases-people.ts";
import { hints, ids, labels, sensors } from "./cases-target.ts";
import type { Case } from "./run.ts";

/** Every way we know to make ECS's responder touch the wrong task, or one that it must leave alone; each with its twin. */
export const cases: readonly Case[] = [
  ...labels,
  ...hints,
  ...ids,
  ...sensors,
  ...states,
  ...times,
  ...guards,
  ...lines,
  ...actions,
  ...hits,
  ...approvals,
  ...undos,
  ...floods,
];
