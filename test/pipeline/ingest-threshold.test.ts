import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, test } from "vitest";
import type { PolicyRule } from "#shared/domain/policy.ts";
import { ingest } from "#shared/pipeline/ingest.ts";
import { indexRules } from "../../packaging/rule-index.ts";
import { fakeIngestPorts } from "../fixtures/ingest-ports.ts";
import { logsEvent } from "../fixtures/logs.ts";
import { everything, policyOf } from "../fixtures/registry.ts";
import { alertText } from "../fixtures/shapes.ts";

const signal = new AbortController().signal;
const counting = (by: readonly string[] = ["container"]): PolicyRule => ({
  ...everything,
  match: { ...everything.match, threshold: { count: 5, windowSeconds: 300, by } },
});

/** The same alert, 100 ms later each, with a field of its own. */
const alerts = (count: number, rip: (n: number) => string = () => "10.0.0.1"): readonly string[] =>
  Array.from({ length: count }, (_, n) => {
    const alert = JSON.parse(alertText()) as { time: string; output_fields: Record<string, unknown> };
    const time = new Date(Date.parse("2026-11-23T18:59:58Z") + n * 100).toISOString();
    return JSON.stringify({ ...alert, time, output_fields: { ...alert.output_fields, "fd.rip": rip(n) } });
  });

async function sent(rule: PolicyRule, batches: readonly (readonly string[])[]) {
  const ports = fakeIngestPorts({ policy: { ...policyOf([rule]), index: indexRules([rule.match]) } });
  for (const [n, messages] of batches.entries()) await ingest(logsEvent(messages, { prefix: String(1_000 + n) }), ports, signal);
  return { ports, entries: ports.queue.sent.map(({ entry }) => entry) };
}

test("where a rule counts, each batch reaches respond, once, with the times of its alerts; without one the queue keeps one a minute", async () => {
  const batches = [alerts(3), alerts(2)];
  const { ports, entries } = await sent(counting(), [...batches, ...batches.slice(1)]);
  expect(entries.map(({ count, times }) => [count, times?.length])).toEqual([
    [3, 3],
    [2, 2],
    [2, 2],
  ]);
  expect(entries[0]?.times).toEqual([0, 100, 200].map((ms) => Date.parse("2026-11-23T18:59:58Z") + ms));
  await ingest(logsEvent(alerts(3), { prefix: "1000" }), ports, signal);
  expect([ports.queue.sent.length, ports.queue.dropped]).toEqual([3, 1]);
  const plain = await sent(everything, batches);
  expect(plain.entries.map(({ times }) => times)).toEqual([undefined]);
});

test("no more than the newest hundred times are sent", async () => {
  const [entry] = (await sent(counting(), [alerts(250)])).entries;
  expect([entry?.count, entry?.times?.length]).toEqual([250, 100]);
  expect(entry?.times?.at(-1)).toBe(Date.parse("2026-11-23T18:59:58Z") + 24_900);
});

test("alerts that a threshold tells apart by a field are not coalesced; by container they are", async () => {
  const two = alerts(6, (n) => `10.0.0.${n % 2}`);
  expect((await sent(counting(["fd.rip"]), [two])).entries.map(({ count, times }) => [count, times?.length])).toEqual([
    [3, 3],
    [3, 3],
  ]);
  expect((await sent(counting(), [two])).entries).toHaveLength(1);
});

test("made-up values make no flood of messages, and what is no longer told apart counts as one alert", async () => {
  const { entries } = await sent(counting(["fd.rip"]), [alerts(300, (n) => `10.0.${n >> 8}.${n & 255}`)]);
  expect(entries).toHaveLength(51);
  expect(entries.map(({ count, times }) => [count, times?.length]).filter(([count]) => count !== 1)).toEqual([[250, 1]]);
});

test("the published schema of the queue knows the times", async () => {
  const validate = new Ajv2020({ strict: false }).compile(JSON.parse(readFileSync("infra/schemas/queue-entry.json", "utf8")) as object);
  const [entry] = (await sent(counting(), [alerts(3)])).entries;
  expect([validate(entry), validate.errors]).toEqual([true, null]);
  expect(validate({ ...entry, times: [] })).toBe(false);
});
