import { crashes } from "./cases-crashes.ts";
import { evictions, floors, params, rules } from "./cases-ends.ts";
import { guards, lines, states } from "./cases-guards.ts";
import { machines } from "./cases-nodes.ts";
import { audits, widely } from "./cases-objects.ts";
import { approvals, expiries, undos } from "./cases-people.ts";
import { ids, names, nodes, texts, times } from "./cases-target.ts";
import { lists, quarantines, remotes } from "./cases-traffic.ts";
import type { Case } from "./run.ts";

/** Every way we know to make the responder touch the wrong pod, or one that it must leave alone; each with its twin. In memory. */
export const cases: readonly Case[] = [
  ...names,
  ...ids,
  ...nodes,
  ...texts,
  ...times,
  ...states,
  ...guards,
  ...lines,
  ...floors,
  ...params,
  ...evictions,
  ...rules,
  ...quarantines,
  ...lists,
  ...remotes,
  ...machines,
  ...approvals,
  ...expiries,
  ...undos,
  ...crashes,
  ...audits,
  ...widely,
];
