import { expect, test } from "vitest";
import { kept } from "#shared/adapters/kubernetes/kept.ts";

const signal = new AbortController().signal;

/** Loads 1, 2, 3, ... each good for a minute. */
function counting(fail: readonly number[] = []) {
  let nowMs = 0;
  const loads: boolean[] = [];
  const load = (fresh: boolean) => {
    const value = loads.push(fresh);
    return fail.includes(value) ? Promise.reject(new Error(`load ${value}`)) : Promise.resolve({ value, untilMs: nowMs + 60_000 });
  };
  return {
    get: kept(load, () => nowMs),
    loads,
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}

test("a value is loaded once for all who ask, and again after its end", async () => {
  const { get, loads, pass } = counting();
  expect(await Promise.all([get(signal), get(signal), get(signal)])).toEqual([1, 1, 1]);
  pass(59_999);
  expect(await get(signal)).toBe(1);
  pass(1);
  expect(await get(signal)).toBe(2);
  expect(loads).toEqual([false, false]);
});

test("a value that failed many at once is loaded afresh once for all of them", async () => {
  const { get, loads } = counting();
  await get(signal);
  const failed = (value: number) => value === 1;
  expect(await Promise.all([get(signal, failed), get(signal, failed), get(signal, failed)])).toEqual([2, 2, 2]);
  expect(await get(signal, failed)).toBe(2);
  expect(loads).toEqual([false, true]);
});

test("what goes on failing is looked up no more than every 5 s", async () => {
  const { get, loads, pass } = counting();
  const always = () => true;
  expect(await get(signal, always)).toBe(2);
  expect(await get(signal, always)).toBe(2);
  pass(5_000);
  expect(await get(signal, always)).toBe(3);
  expect(loads).toEqual([false, true, true]);
});

test("a failure is not kept", async () => {
  const { get } = counting([1, 3]);
  await expect(get(signal)).rejects.toThrow("load 1");
  expect(await get(signal)).toBe(2);
  await expect(get(signal, () => true)).rejects.toThrow("load 3");
  expect(await get(signal)).toBe(4);
});

test("who gives up does so alone", async () => {
  let finish: (loaded: { value: number; untilMs: number }) => void = () => {};
  const get = kept(
    () =>
      new Promise<{ value: number; untilMs: number }>((resolve) => {
        finish = resolve;
      }),
  );
  const hurried = new AbortController();
  const outcome = expect(get(hurried.signal)).rejects.toMatchObject({ code: "timed_out" });
  const patient = get(signal);
  hurried.abort();
  await outcome;
  finish({ value: 1, untilMs: Number.POSITIVE_INFINITY });
  expect(await patient).toBe(1);
  await expect(get(hurried.signal)).rejects.toMatchObject({ code: "timed_out" });
});
