import { describe, expect, test } from "vitest";
import type { Alert } from "#shared/domain/alert.ts";
import { readPriority } from "#shared/domain/priority.ts";
import { sortBatch } from "#shared/pipeline/ingest/sort-batch.ts";
import { logBatch } from "../fixtures/logs.ts";
import { everything, policyOf, registry } from "../fixtures/registry.ts";
import { corpusIsHere, corpusLines, corpusStrings, rawLines, SET_UPS, SKIPPED } from "./corpus.ts";

const NOW = Date.parse("2026-11-23T19:00:00.000Z");
const policy = policyOf([everything]);
const sort = (messages: readonly string[]) => sortBatch(logBatch(messages), registry, policy, NOW);

/** Each line for itself, as nothing coalesces then. */
function alone(line: string): Alert {
  const [similar, ...more] = sort([line]).similar;
  if (similar === undefined || more.length > 0) throw new Error(`not one alert: ${line.slice(0, 200)}`);
  return similar.alert;
}

interface RawAlert {
  readonly rule: string;
  readonly priority: string;
  readonly source?: string;
  readonly time?: string;
  readonly tags?: readonly string[];
  readonly output?: string;
  readonly hostname?: string;
  readonly output_fields?: Readonly<Record<string, unknown>>;
}

// Without the folder these are skipped: the same shapes are tested with our own fixtures in envelopes.test.ts.
describe.skipIf(!corpusIsHere)(corpusIsHere ? "the corpus (../shared/corpus)" : SKIPPED, () => {
  test("every real alert is decoded with rule, priority, source, container and fields equal to the raw JSON", () => {
    const lines = corpusLines("alerts.jsonl");
    expect(lines).toHaveLength(212);
    const ids = new Set<string>();
    for (const line of lines) {
      const raw = JSON.parse(line) as RawAlert;
      const exact = JSON.parse(line, exactText) as RawAlert;
      const alert = alone(line);
      ids.add(alert.id);
      expect(alert).toMatchObject({
        rule: raw.rule,
        priority: readPriority(raw.priority),
        source: raw.source ?? null,
        time: raw.time ?? null,
        tags: raw.tags ?? [],
        output: raw.output || null,
        hostname: raw.hostname || null,
        onHost: raw.output_fields?.["container.id"] === "host",
      });
      expect(alert.fields).toEqual(exact.output_fields ?? {});
      expect(alert.containerId).toBe(expectedContainer(raw));
      expect(alert.internal).toBe(raw.rule.startsWith("Falco internal:"));
    }
    expect(ids.size).toBe(212);
  });

  test("every line that is no alert is ignored, and none is unreadable", () => {
    const lines = corpusLines("non-alerts.txt");
    expect(lines).toHaveLength(192);
    for (const line of lines) {
      for (const message of [line, JSON.stringify({ log: line, stream: "stderr" }), `2026-11-23T19:00:00.1Z stderr F ${line}`]) {
        expect(sort([message]).tally.report("b", 1), message).toMatchObject({ ignored: 1, unreadable: 0, queued: 0 });
      }
    }
  });

  test("every alert printed as text is unreadable, with the remedy", () => {
    const lines = corpusLines("text-alerts.txt");
    expect(lines).toHaveLength(50);
    for (const line of lines) {
      const { kept, similar } = sort([line]);
      expect(similar).toEqual([]);
      expect(kept[0]?.remedy, line).toContain("json_output: true");
    }
  });

  test("each wrapped record is an alert or unreadable, as the table says", () => {
    const messages = corpusStrings("wrapped.jsonl");
    expect(messages).toHaveLength(WRAPPED.length);
    for (const [n, [expected, why]] of WRAPPED.entries()) {
      const { similar, kept } = sort([messages[n] ?? ""]);
      expect(expected === "alert" ? similar.length : kept.length, `record ${n + 1}: ${why}`).toBe(1);
      expect(similar.length + kept.length).toBe(1);
    }
  });

  describe.each(SET_UPS)("Fluent Bit as %s", (setUp) => {
    const DESTROYS_SOURCE = setUp === "ecs-firelens-parse-json";
    const raw = rawLines();
    const expected = raw.filter(({ kind }) => kind !== "text").map(({ line }) => alone(line));
    const messages = corpusStrings(`shipped/${setUp}.jsonl`);

    test("every alert line becomes the same alert with the same id, no text line becomes one, no fragment is lost", () => {
      const batch = sort(messages);
      const report = batch.tally.report("b", messages.length);
      expect(report).toMatchObject({ ignored: raw.filter(({ kind }) => kind === "text").length, unreadable: 0 });
      expect(batch.fragments).toBe(0);
      expect(batch.similar.reduce((sum, { alerts }) => sum + alerts, 0)).toBe(expected.length);
      expect(batch.similar.every(({ because, tell }) => because === null && tell === null)).toBe(true);
      // Alone in a batch every whole line shows its own alert; of the split lines the batch shows them.
      const found = new Map(batch.similar.map(({ alert }) => [alert.id, alert]));
      for (const message of messages) {
        const own = sort([message]);
        for (const { alert, tell } of own.similar) if (tell === null) found.set(alert.id, alert);
      }
      for (const alert of expected) {
        const shipped = found.get(alert.id);
        // The common parse-json recipe overwrites the alert's source with the name of the stream: it is lost.
        expect(shipped, alert.rule).toEqual(DESTROYS_SOURCE && shipped?.source === null ? { ...alert, source: null } : alert);
      }
      expect(found.size).toBe(new Set(expected.map(({ id }) => id)).size);
    });

    test("split lines whose pieces come in different batches are told, each piece, and accuse nobody", () => {
      const whole = messages.length === raw.length;
      const pieces = messages.filter((message) => sort([message]).fragments > 0 || /"partial_message"/.test(message));
      expect(pieces.length > 0).toBe(!whole);
      for (const piece of pieces) {
        const { similar, kept } = sort([piece]);
        if (similar.length === 0) continue;
        expect(similar[0]).toMatchObject({ tell: expect.stringContaining("possible evasion"), because: expect.any(String) });
        expect(similar[0]?.alert.containerId).toBeNull();
        expect(kept[0]?.raw).toBe(piece);
      }
    });
  });
});

/** Why each record of wrapped.jsonl is what it is. */
const WRAPPED: readonly (readonly ["alert" | "unreadable", string])[] = [
  ["alert", "the bare alert"],
  ["unreadable", "a line break inside a string: broken by the terminal it was copied from"],
  ["unreadable", "line breaks inside strings"],
  ["unreadable", "line breaks inside strings"],
  ["alert", "behind a syslog header of the program Falco"],
  ["alert", "behind a syslog header of the program Falco"],
  ["alert", "behind a syslog header (RFC 3164)"],
  ["alert", "behind a syslog header with a pid"],
  ["alert", "behind a syslog header with a pid"],
  ["unreadable", "quotes that are not escaped"],
  ["unreadable", "cut off"],
  ["alert", "flat, with the metadata of Falco's own pod beside it"],
  ["alert", "output_fields nested by Datadog: no container id can be read, so it selects no target"],
  ["unreadable", "line breaks inside strings and keys"],
  ["unreadable", "glued to the end of another document"],
];

/** The same reading of numbers, written in another way. */
function exactText(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const text = context?.source ?? "";
  return typeof value === "number" && /^-?\d+$/.test(text) && !Number.isSafeInteger(value) ? text : value;
}

function expectedContainer({ output_fields: fields }: RawAlert): string | null {
  const id = fields?.["container.id"];
  const full = fields?.["container.full_id"];
  if (typeof full === "string" && typeof id === "string" && id !== "" && full.startsWith(id)) return full;
  return typeof id === "string" && /^[0-9a-f]{12}$/.test(id) ? id : null;
}
