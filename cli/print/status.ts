import pc from "picocolors";
import type { Answer, MuteView } from "#shared/pipeline/operate.ts";
import { age, moment } from "../time.ts";
import { type Cell, plain, table } from "./table.ts";

type Pauses = Extract<Answer, { readonly kind: "status" }>["pauses"];

export const pauseLines = (pauses: Pauses, nowMs: number): readonly string[] =>
  pauses
    .filter(({ paused }) => paused)
    .map(
      ({ source, because, until }) =>
        `  ${pc.bold(plain(source))}: ${plain(because)}${until === null ? "" : `; people are reminded ${moment(Date.parse(until), nowMs)}`}`,
    );

export function statusLines({ paused, pauses, mutes }: Extract<Answer, { readonly kind: "status" }>, nowMs: number): readonly string[] {
  return [
    paused ? `${pc.red("paused")}: what these say stops new actions` : `${pc.green("running")}: nothing is paused`,
    ...pauseLines(pauses, nowMs),
    mutes.length === 0 ? "nothing is muted" : `${mutes.length} muted:`,
    ...(mutes.length === 0 ? [] : [muteTable(mutes, nowMs)]),
  ];
}

export const muteTable = (mutes: readonly MuteView[], nowMs: number): string =>
  table(
    ["MUTE", "STATE", "CLUSTER", "RULE", "WHO", "ENDS", "BY", "REASON"],
    mutes.map(({ mute, state, cluster, rule, who, untilMs, by, reason }): readonly Cell[] => [
      { text: mute, colour: pc.bold },
      { text: state, ...(state === "active" ? { colour: pc.yellow } : state === "unreadable" ? { colour: pc.red } : {}) },
      { text: cluster ?? "?" },
      { text: rule ?? "?" },
      { text: who ?? "?" },
      { text: untilMs === null ? "?" : age(untilMs, nowMs) },
      { text: by ?? "?" },
      { text: reason ?? "?" },
    ]),
  );
