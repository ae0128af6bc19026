import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Aws } from "../doubles/aws/aws.ts";
import { type Offender, peopled } from "./ecs-double.ts";

/** A world to be made: services, and tasks of each. */
export interface Wish {
  readonly services: number;
  readonly tasksOfEach: number;
}

export interface Served {
  readonly url: string;
  readonly offenders: readonly Offender[];
}

/** Calls that were answered since the world was made, by action. */
export type Asked = Readonly<Record<string, number>>;

const HERE = fileURLToPath(import.meta.url);

/** The double of AWS in a process of its own, so that its work is not taken for ours. Every wish makes a new world. */
export function doubleApart() {
  const child = fork(HERE);
  const say = <T>(what: Wish | "asked"): Promise<T> =>
    new Promise((resolve, reject) => {
      const ended = (code: number | null): void => reject(new Error(`the double of AWS ended (${code})`));
      child.once("exit", ended);
      child.once("message", (answer) => {
        child.off("exit", ended);
        resolve(answer as T);
      });
      child.send(what);
    });
  return {
    serve: (wish: Wish) => say<Served>(wish),
    asked: () => say<Asked>("asked"),
    close: () => void child.kill(),
  };
}

async function answer(what: Wish | "asked", there: Aws | undefined): Promise<Aws | undefined> {
  if (what === "asked") {
    const calls = Object.entries(Object.groupBy(there?.calls() ?? [], ({ action }) => action));
    process.send?.(Object.fromEntries(calls.map(([action, of]) => [action, of?.length ?? 0])) satisfies Asked);
    return there;
  }
  await there?.[Symbol.asyncDispose]();
  const aws = await Aws.start();
  process.send?.({ url: aws.url, offenders: peopled(aws, what.services, what.tasksOfEach) } satisfies Served);
  return aws;
}

if (process.argv[1] === HERE) {
  let aws: Promise<Aws | undefined> = Promise.resolve(undefined);
  process.on("message", (what: Wish | "asked") => {
    aws = aws.then((there) => answer(what, there));
  });
  process.on("disconnect", () => process.exit(0));
}
