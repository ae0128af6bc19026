import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Aws } from "../doubles/aws/aws.ts";

/** One task of a service of its own. */
export interface Offender {
  readonly taskArn: string;
  readonly runtimeId: string;
}

export interface Served {
  readonly url: string;
  readonly offenders: readonly Offender[];
}

export interface Wish {
  readonly services: number;
  readonly tasksOfEach: number;
  /** From StopTask to STOPPED. */
  readonly exitsAfterSeconds: number;
}

const MACHINES = 10;

/** A world of services on ten machines, each with a definition of its own and tasks that run. */
export function people({ world }: Aws, { services, tasksOfEach, exitsAfterSeconds }: Wish): readonly Offender[] {
  for (let n = 0; n < MACHINES; n++) world.instance();
  return Array.from({ length: services }, (_, n) => {
    const name = `web-${n}`;
    world.service({ name, desired: tasksOfEach, exitsAfterSeconds, tags: { team: "shop" } });
    return world.tasksOf(name).map(({ arn, containers }) => ({ taskArn: arn, runtimeId: containers[0]?.runtimeId ?? "" }));
  }).flat();
}

/** What the double answered since its world was made: calls by their name. */
export type Asked = Readonly<Record<string, number>>;

/** The double of AWS in a process of its own, so that what it costs is not ours. A new world with every wish. */
export function doubleApart() {
  const child = fork(fileURLToPath(import.meta.url));
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

/** In the child: one world after the other. */
async function answer(what: Wish | "asked", there: Aws | undefined): Promise<Aws | undefined> {
  if (what === "asked") {
    process.send?.(
      Object.fromEntries(
        Object.entries(Object.groupBy(there?.calls() ?? [], ({ action }) => action)).map(([action, calls]) => [action, calls?.length ?? 0]),
      ),
    );
    return there;
  }
  await there?.[Symbol.asyncDispose]();
  const aws = await Aws.start();
  process.send?.({ url: aws.url, offenders: people(aws, what) } satisfies Served);
  return aws;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  let aws: Promise<Aws | undefined> = Promise.resolve(undefined);
  process.on("message", (what: Wish | "asked") => {
    aws = aws.then((there) => answer(what, there));
  });
  process.on("disconnect", () => process.exit(0));
}
