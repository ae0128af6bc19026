import { expect, test } from "vitest";
import { gather } from "#shared/adapters/gather.ts";
import { PipelineError } from "#shared/domain/error.ts";

const signal = new AbortController().signal;

/** Answers with the key itself; rejects every call that holds `bad`. */
function asked(code: "aws_rejected" | "aws_throttled" = "aws_rejected", most = 100) {
  const calls: (readonly string[])[] = [];
  const ask = gather<string>(
    (keys) => {
      calls.push(keys);
      if (keys.includes("bad")) return Promise.reject(new PipelineError(code, "not this one"));
      return Promise.resolve(new Map(keys.map((key) => [key, key])));
    },
    most,
    () => Promise.resolve(),
  );
  return { ask, calls };
}

test("what is asked for at the same time goes out once, each key once", async () => {
  const { ask, calls } = asked();
  const answers = await Promise.all(["a", "b", "a"].map((key) => ask([key], signal)));
  expect(answers.map((answer, at) => answer.get(["a", "b", "a"][at] ?? ""))).toEqual(["a", "b", "a"]);
  expect(calls).toEqual([["a", "b"]]);
});

test("nothing is remembered: the same question later is a call of its own", async () => {
  const { ask, calls } = asked();
  await ask(["a"], signal);
  await ask(["a"], signal);
  expect(calls).toEqual([["a"], ["a"]]);
});

test("a call takes no more than it may, and another invocation's questions are not joined", async () => {
  const { ask, calls } = asked("aws_rejected", 2);
  await Promise.all(["a", "b", "c"].map((key) => ask([key], signal)));
  await Promise.all([ask(["d"], signal), ask(["e"], new AbortController().signal)]);
  expect(calls).toEqual([["a", "b"], ["c"], ["d"], ["e"]]);
});

test("a key that AWS rejects does not hold up its neighbours", async () => {
  const { ask, calls } = asked();
  const [good, bad] = await Promise.allSettled([ask(["good"], signal), ask(["bad"], signal)]);
  expect(good).toMatchObject({ status: "fulfilled" });
  expect(bad).toMatchObject({ status: "rejected", reason: { code: "aws_rejected" } });
  expect(calls).toEqual([["good", "bad"], ["good"], ["bad"]]);
});

test("throttled, all of them wait: asking one by one would make it worse", async () => {
  const { ask, calls } = asked("aws_throttled");
  const settled = await Promise.allSettled([ask(["good"], signal), ask(["bad"], signal)]);
  expect(settled.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(calls).toHaveLength(1);
});

test("when as many have asked as an invocation has alerts, nobody is waited for; one fewer still waits", async () => {
  for (const [asks, sent] of [
    [9, 0],
    [10, 1],
  ] as const) {
    let calls = 0;
    const ask = gather<string>(
      (keys) => {
        calls++;
        return Promise.resolve(new Map(keys.map((key) => [key, key])));
      },
      100,
      () => new Promise(() => undefined),
    );
    for (let n = 0; n < asks; n++) void ask([`key ${n}`], signal);
    await new Promise((resolve) => setImmediate(resolve));
    expect(calls).toBe(sent);
  }
});
