import { play } from "./play.ts";
import type { Stage } from "./stage.ts";

/** `refuse` and `act` differ in one fact; `given` is what both have. */
export interface Case<Self> {
  readonly name: string;
  /** The one fact that differs: as it is where nothing may be done. */
  readonly fact: string;
  readonly given?: (stage: Self) => Promise<void> | void;
  readonly refuse: (stage: Self) => Promise<void> | void;
  readonly because: RegExp;
  readonly act?: (stage: Self) => Promise<void> | void;
  /** What the world may be asked to change all the same where the rest is refused, in this order; nothing when left out. */
  readonly spared?: (stage: Self) => readonly string[];
  /** What the world must be asked to change in the twin, and nothing else, in this order; that the offender is stopped when left out. */
  readonly done?: (stage: Self) => readonly string[];
}

export interface Judged {
  readonly name: string;
  readonly fact: string;
  /** Null: nobody was touched, and for the expected reason. */
  readonly refused: string | null;
  /** Null: exactly what was wanted was done. */
  readonly acted: string | null;
  readonly reason: string;
}

/** Where a suite plays: a new stage for every play, what stops its offender, and what is taken down after it. */
export interface House<Self> {
  readonly open: () => Promise<Self> | Self;
  readonly stops: (stage: Self) => readonly string[];
  readonly close?: (stage: Self) => Promise<void>;
}

export async function judgeIn<Target, Self extends Stage<Target, Self>>(
  { open, stops, close }: House<Self>,
  { name, fact, given, refuse, because, act, spared, done }: Case<Self>,
): Promise<Judged> {
  const played = async (set: Case<Self>["act"], wanted: Case<Self>["done"]) => {
    const stage = await open();
    try {
      await given?.(stage);
      await set?.(stage);
      const ending = await play<Target, Self>(stage);
      return { ...ending, wanted: wanted?.(stage) ?? [] };
    } finally {
      await close?.(stage);
    }
  };
  const dark = await played(refuse, spared);
  const twin = await played(act, done ?? stops);
  const reason = dark.because.find((text) => because.test(text));
  return {
    name,
    fact,
    refused:
      dark.effects.join() !== dark.wanted.join()
        ? `done: ${dark.effects.join(", ") || "nothing"}; allowed: ${dark.wanted.join(", ") || "nothing"}; said: ${dark.because.join(" | ")}`
        : reason === undefined
          ? `not said: ${because}; said: ${dark.because.join(" | ")}`
          : null,
    acted:
      twin.effects.join() === twin.wanted.join()
        ? null
        : `done: ${twin.effects.join(", ") || "nothing"}; wanted: ${twin.wanted.join(", ")}; said: ${twin.because.join(" | ")}`,
    reason: reason ?? "",
  };
}
