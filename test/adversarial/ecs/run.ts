import type { TaskFacts } from "#shared/ports/tasks.ts";
import { newStage, play, type Stage } from "./stage.ts";

/** `refuse` and `act` differ in one fact; `given` is what both have. */
export interface Case {
  readonly name: string;
  /** The one fact that differs: as it is where nothing may be done. */
  readonly fact: string;
  readonly given?: (stage: Stage) => void;
  readonly refuse: (stage: Stage) => void;
  readonly because: RegExp;
  readonly act?: (stage: Stage) => void;
  /** Whom the twin must stop; the offender when left out. */
  readonly target?: (stage: Stage) => TaskFacts;
}

export interface Judged {
  readonly name: string;
  readonly fact: string;
  /** Null: nobody was touched, and for the expected reason. */
  readonly refused: string | null;
  /** Null: exactly the target was stopped. */
  readonly acted: string | null;
  readonly reason: string;
}

export async function judgeCase({ name, fact, given, refuse, because, act, target }: Case): Promise<Judged> {
  const dark = newStage();
  given?.(dark);
  refuse(dark);
  const { stopped, because: said } = await play(dark);
  const reason = said.find((text) => because.test(text));
  const twin = newStage();
  given?.(twin);
  act?.(twin);
  const wanted = (target?.(twin) ?? twin.offender).taskArn;
  const played = await play(twin);
  const right = played.stopped.length === 1 && played.stopped[0] === wanted;
  return {
    name,
    fact,
    refused:
      stopped.length > 0 ? `stopped ${stopped.join()}` : reason === undefined ? `not said: ${because}; said: ${said.join(" | ")}` : null,
    acted: right ? null : `stopped ${played.stopped.join() || "nobody"}: ${played.because.join(" | ")}`,
    reason: reason ?? "",
  };
}
