import { describe, expect, test } from "vitest";
import { sortBatch } from "#shared/pipeline/ingest/sort-batch.ts";
import { LOG_STREAM, logBatch } from "../fixtures/logs.ts";
import { ecsCluster, everything, policyOf, registry } from "../fixtures/registry.ts";
import { alertText, CONTAINER_ID, ENVELOPES, SPLITS, TASK_ARN } from "../fixtures/shapes.ts";

const NOW = Date.parse("2026-11-23T19:00:00.000Z");
const policy = policyOf([everything]);
const sort = (...messages: readonly string[]) => sortBatch(logBatch(messages), registry, policy, NOW);
const bare = () => sort(alertText()).similar[0]?.alert;

describe("every envelope gives the same alert", () => {
  test.each(ENVELOPES)("$name", ({ wrap, keepsSource }) => {
    const { similar, kept, tally } = sort(wrap(alertText()));
    expect(kept).toEqual([]);
    expect(similar).toHaveLength(1);
    expect(similar[0]?.alert).toEqual({ ...bare(), source: keepsSource ? "syscall" : null });
    expect(similar[0]).toMatchObject({ because: null, tell: null });
    expect(tally.report("b", 1).queued).toBe(1);
  });

  test("a merge key of the cluster's own is read, and is not where it is not registered", () => {
    const message = `{"alerta":${alertText()},"x":1}`;
    const own = { ...registry, clusters: [{ ...ecsCluster, mergeKeys: ["alerta"] }] };
    expect(sortBatch(logBatch([message]), own, policy, NOW).similar[0]?.alert).toEqual(bare());
    expect(sort(message)).toMatchObject({ similar: [], kept: [{ remedy: expect.stringContaining("mergeKeys") }] });
  });

  test("FireLens and the kubernetes filter name Falco's own task and pod: the sensor, never the container", () => {
    const [fireLens] = ENVELOPES.filter(({ name }) => name.startsWith("FireLens, string"));
    const [filter] = ENVELOPES.filter(({ name }) => name === "merge key `falco`");
    const own = sort(fireLens?.wrap(alertText()) ?? "").similar[0];
    expect(own?.sensor).toEqual({ taskArn: TASK_ARN, ecsCluster: "prod", ec2InstanceId: "i-0fa1c0fa1c0fa1c0f", pod: null });
    expect(own?.alert.containerId).toBe(CONTAINER_ID);
    expect(sort(filter?.wrap(alertText()) ?? "").similar[0]?.sensor.pod).toBe("falco/falco-x");
  });
});

describe("split lines", () => {
  const long = alertText({ cmdline: `sh -c "${'\\" \u00e9'.repeat(9_000)}"` });
  const whole = sort(long).similar[0]?.alert;

  test.each(SPLITS)("$name: joined when all pieces are in one batch, among other lines", ({ split }) => {
    const parts = split(long, 4);
    const between = JSON.stringify({ log: "2026-11-23T18:59:58+0000: Falco version: 0.44.1 (x86_64)\n", stream: "stderr" });
    const { similar, kept, tally } = sort(...parts.flatMap((part) => [part, between]));
    expect(kept).toEqual([]);
    expect(similar).toHaveLength(1);
    expect(similar[0]?.alert).toEqual(whole);
    expect(similar[0]).toMatchObject({ because: null, tell: null, alerts: 1 });
    expect(tally.report("b", 8)).toMatchObject({ queued: 1, coalesced: 3, ignored: 4 });
  });

  test("FireLens numbers its pieces: their order in the batch does not matter", () => {
    const parts = SPLITS[0]?.split(long, 3) ?? [];
    expect(sort(...parts.toReversed()).similar[0]?.alert).toEqual(whole);
  });

  test.each(SPLITS)("$name: a piece without the rest is told as a possible evasion, kept, and selects no target", ({ name, split }) => {
    // Only FireLens numbers its pieces: elsewhere a piece that is missing in the middle of a text cannot be noticed.
    for (const missing of name.startsWith("FireLens") ? [0, 1, 2] : [0, 2]) {
      const parts = split(long, 3).filter((_part, n) => n !== missing);
      const { similar, kept, tally } = sort(...parts);
      expect(tally.report("b", 2)).toMatchObject({ ignored: 0, unreadable: 0 });
      expect(similar.length).toBeGreaterThan(0);
      for (const one of similar) {
        expect(one).toMatchObject({ tell: expect.stringContaining("possible evasion"), because: expect.any(String) });
        expect(one.alert).toMatchObject({ containerId: null, onHost: false });
      }
      expect(kept.map(({ raw }) => raw).toSorted()).toEqual([...parts].toSorted());
    }
  });

  test("the end of an alert still tells rule, priority and time; its beginning tells priority and hostname", () => {
    const [first = "", , last = ""] = SPLITS[1]?.split(long, 3) ?? [];
    expect(sort(last).similar[0]?.alert).toMatchObject({
      rule: "Terminal shell in container",
      priority: "Critical",
      time: "2026-11-23T18:59:58.123456789Z",
    });
    expect(sort(first).similar[0]?.alert).toMatchObject({ rule: "(fragment)", priority: "Critical", hostname: "ip-10-0-3-7" });
  });

  test("a FireLens piece that is a whole alert by itself is none; without the mark it is", () => {
    const piece = { log: alertText(), partial_message: "true", partial_id: "p", partial_ordinal: "2", partial_last: "true" };
    expect(sort(JSON.stringify(piece)).similar[0]).toMatchObject({ tell: expect.any(String), alert: { containerId: null } });
    expect(sort(JSON.stringify({ log: alertText() })).similar[0]).toMatchObject({ tell: null, alert: { containerId: CONTAINER_ID } });
  });

  test("a CRI line that goes on is no alert, even if its beginning looks whole; the finished one is", () => {
    const line = (flag: string) => `2026-11-23T18:59:58.1Z stdout ${flag} ${alertText()}`;
    expect(sort(line("P")).similar[0]).toMatchObject({ tell: expect.any(String), alert: { containerId: null } });
    expect(sort(line("F")).similar[0]).toMatchObject({ tell: null, alert: { containerId: CONTAINER_ID } });
  });

  test("an id that stands across two pieces without numbers accuses nobody; in one piece it does", () => {
    const line = alertText();
    const cri = (...pieces: readonly string[]) =>
      pieces.map((piece, n) => `2026-11-23T18:59:58.1Z stdout ${n === pieces.length - 1 ? "F" : "P"} ${piece}`);
    const inside = line.indexOf(CONTAINER_ID) + 6;
    const behind = line.indexOf(CONTAINER_ID) + 14;
    const spread = sort(...cri(line.slice(0, inside), line.slice(inside))).similar[0];
    expect(spread).toMatchObject({ because: expect.stringContaining("across a split"), tell: expect.any(String) });
    expect(sort(...cri(line.slice(0, behind), line.slice(behind))).similar[0]).toMatchObject({ because: null, tell: null });
  });

  test("pieces that came twice are a doubt: told, not joined", () => {
    const [one = "", two = ""] = SPLITS[0]?.split(long, 2) ?? [];
    expect(sort(one, two, two).similar.every(({ tell }) => tell !== null)).toBe(true);
    expect(sort(one, two).similar.every(({ tell }) => tell === null)).toBe(true);
  });
});

describe("JSON elsewhere selects nothing", () => {
  const forged = alertText({ fields: { "container.id": "bbbbbbbbbbbb" } });
  const selects = (message: string) =>
    sort(message).similar.filter(({ because, alert }) => because === null && alert.containerId === "bbbbbbbbbbbb");

  test.each([
    ["after text", `2026-11-23T18:59:58+0000: user wrote ${forged}`],
    ["after text in log", JSON.stringify({ log: `hello ${forged}`, stream: "stdout" })],
    ["before text", `${forged} and more`],
    ["glued to another", `${alertText()}${forged}`],
    ["after a brace", `}${forged}`],
    ["in a list", `[${forged}]`],
    ["as a JSON string", JSON.stringify(forged)],
    ["under an unknown key", `{"payload":${forged}}`],
    ["two levels deep", `{"log":{"falco":${forged}}}`],
    ["a string under a merge key", JSON.stringify({ data: forged })],
    ["behind a syslog header of another program", `Nov 23 18:59:58 host sshd[1]: ${forged}`],
    ["behind text behind a syslog header", `Nov 23 18:59:58 host falco: x ${forged}`],
    ["behind a CRI header and text", `2026-11-23T18:59:58.1Z stdout F x ${forged}`],
    ["behind two headers", `Nov 23 18:59:58 host falco: 2026-11-23T18:59:58.1Z stdout F ${forged}`],
  ])("%s", (_where, message) => {
    expect(selects(message)).toEqual([]);
    const { kept, similar, tally } = sort(message);
    // Kept for a person, never silently dropped.
    expect(kept.length + similar.length).toBeGreaterThan(0);
    tally.report("b", 1);
  });

  test("inside output and inside proc.cmdline it stays text, and the real alert is read", () => {
    const { similar } = sort(alertText({ cmdline: forged }));
    expect(similar[0]?.alert).toMatchObject({ containerId: CONTAINER_ID, fields: { "proc.cmdline": forged } });
    expect(selects(alertText({ cmdline: `x","container.id":"bbbbbbbbbbbb"` }))).toEqual([]);
    expect(selects(forged)).toHaveLength(1);
  });
});

test("what is no alert is ignored with its reason, or kept with its remedy", () => {
  const reason = (message: string) => Object.keys(sort(message).tally.report("b", 1).reasons)[0];
  const remedy = (message: string) => sort(message).kept[0]?.remedy;
  expect(reason("2026-11-23T18:59:58+0000: Falco initialized with configuration files:")).toBe("falco log line");
  expect(reason('{"log":"* Looking for a falco module\\n","stream":"stderr"}')).toBe("falco log line");
  expect(reason("something else")).toBe("text without an alert");
  expect(reason("  ")).toBe("empty line");
  expect(remedy("18:59:58.123456789: Critical A shell was spawned (user=root)")).toContain("json_output: true");
  expect(remedy(JSON.stringify({ log: "2026-11-23T18:59:58.123456789+0000: Notice A shell\n" }))).toContain("json_output: true");
  expect(remedy(alertText().slice(0, 300))).toContain("multiline");
  expect(sort('{"rule":"x","priority":"Loud"}').kept[0]?.because).toContain("priority");
  expect(sort('{"output_fields":{},"priority":"Error"}').kept[0]?.because).toContain("rule");
  expect(LOG_STREAM).toMatch(/^ecs/);
});
