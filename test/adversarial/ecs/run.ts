import { said } from "./effects.ts";
import { play } from "./play.ts";
import { newStage, type Stage } from "./stage.ts";

/** `refuse` and `act` differ in one fact; `given` is what both have. */
export interface Case {
  readonly name: string;
  /** The one fact that differs: as it is where nothing may be done. */
  readonly fact: string;
  readonly given?: (stage: Stage) => void;
  readonly refuse: (stage: Stage) => void;
  readonly because: RegExp;
  readonly act?: (stage: Stage) => void;
  /** What AWS may be asked to change all the same where the rest is refused, in this order; nothing when left out. */
  readonly spared?: (stage: Stage) => readonly string[];
  /** What AWS must be asked to change in the twin, and nothing else, in this order; that the offender is stopped when left out. */
  readonly done?: (stage: Stage) => readonly string[];
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

export async function judgeCase({ name, fact, given, refuse, because, act, spared, done }: Case): Promise<Judged> {
  const dark = newStage();
  given?.(dark);
  refuse(dark);
  const { effects, because: why } = await play(dark);
  const reason = why.find((text) => because.test(text));
  const allowed = spared?.(dark) ?? [];
  const twin = newStage();
  given?.(twin);
  act?.(twin);
  const played = await play(twin);
  const wanted = done?.(twin) ?? [said.stop(twin.offender.taskArn)];
  return {
    name,
    fact,
    refused:
      effects.join() !== allowed.join()
        ? `done: ${effects.join(", ") || "nothing"}; allowed: ${allowed.join(", ") || "nothing"}`
        : reason === undefined
          ? `not said: ${because}; said: ${why.join(" | ")}`
          : null,
    acted:
      played.effects.join() === wanted.join()
        ? null
        : `done: ${played.effects.join(", ") || "nothing"}; wanted: ${wanted.join(", ")}; said: ${played.because.join(" | ")}`,
    reason: reason ?? "",
  };
}
