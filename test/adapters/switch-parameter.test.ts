import { describe, expect, test } from "vitest";
import { ssmSwitch } from "#shared/adapters/switch-parameter.ts";

const signal = new AbortController().signal;
const NAME = "/falco-responder/test/switch";

function parameter(...answers: readonly (string | undefined | Error)[]) {
  const asked: string[] = [];
  let nowMs = 1_000_000;
  const get = (name: string) => {
    const answer = answers[Math.min(asked.push(name) - 1, answers.length - 1)];
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  };
  const later = (ms: number) => {
    nowMs += ms;
  };
  return { of: (name: string | undefined = NAME) => ssmSwitch(name, get, () => nowMs), asked, later };
}

const denied = Object.assign(new Error("not authorized"), { name: "AccessDeniedException", $metadata: { httpStatusCode: 400 } });
const absent = Object.assign(new Error("there is none"), { name: "ParameterNotFound", $metadata: { httpStatusCode: 400 } });
const slow = Object.assign(new Error("slow"), { name: "TimeoutError" });

describe("the parameter of the kill switch", () => {
  test.each<[string, string | undefined | Error, string | null]>([
    ["run", "run", null],
    ["pause", "pause", `the parameter ${NAME} says pause`],
    ["Run", "Run", "says neither run nor pause"],
    ["a space more", "run ", "says neither run nor pause"],
    ["nothing", undefined, "says neither run nor pause"],
    ["what may not be read", denied, "cannot be read"],
    ["what is not there", absent, "cannot be read"],
    ["what does not answer", slow, "cannot be read"],
  ])("%s", async (_title, answer, because) => {
    expect(await parameter(answer).of().read(signal)).toMatchObject(
      because === null ? { says: "run" } : { says: "pause", because: expect.stringContaining(because) },
    );
  });

  test("that is not configured is a pause, and nobody is asked", async () => {
    const { of, asked } = parameter("run");
    for (const name of [undefined, ""])
      expect(await ssmSwitch(name, () => Promise.resolve("run")).read(signal)).toMatchObject({ says: "pause" });
    await of().read(signal);
    expect(asked).toEqual([NAME]);
  });

  test("is asked again after 5 s and not before: a pause takes no longer to be seen", async () => {
    const { of, asked, later } = parameter("run", "pause");
    const one = of();
    expect(await one.read(signal)).toMatchObject({ says: "run" });
    later(4_999);
    expect(await one.read(signal)).toMatchObject({ says: "run" });
    expect(asked).toHaveLength(1);
    later(1);
    expect(await one.read(signal)).toMatchObject({ says: "pause" });
    expect(asked).toHaveLength(2);
  });

  test("is asked once by many at the same moment, and a clock that was set back keeps no answer", async () => {
    const { of, asked, later } = parameter("run");
    const one = of();
    await Promise.all(Array.from({ length: 10 }, () => one.read(signal)));
    expect(asked).toHaveLength(1);
    later(-60_000);
    await one.read(signal);
    expect(asked).toHaveLength(2);
  });

  test("that could not be read is asked again by the next: trouble is not remembered", async () => {
    const { of } = parameter(slow, "run");
    const one = of();
    expect(await one.read(signal)).toMatchObject({ says: "pause" });
    expect(await one.read(signal)).toMatchObject({ says: "run" });
  });
});
