import { describe, expect, test } from "vitest";
import { PipelineError } from "#shared/domain/error.ts";
import { ingest } from "#shared/pipeline/ingest.ts";
import { decodeEntry, encodeEntry } from "#shared/wire/queue-entry.ts";
import { fakeIngestPorts } from "../fixtures/ingest-ports.ts";
import { logsEvent } from "../fixtures/logs.ts";
import { alertText } from "../fixtures/shapes.ts";

async function entry() {
  const ports = fakeIngestPorts();
  await ingest(logsEvent([alertText()]), ports, new AbortController().signal);
  const sent = ports.queue.sent[0]?.entry;
  if (sent === undefined) throw new Error("nothing was sent");
  return sent;
}

describe("a body read back", () => {
  test("is the entry that was written", async () => {
    const sent = await entry();
    expect(decodeEntry(encodeEntry(sent))).toEqual(sent);
  });

  test.each([
    ["another schema", { schema: "falco-responder/queue-entry/2" }],
    ["a count of none", { count: 0 }],
    ["no rules", { rules: "all" }],
    ["a verdict that is no boolean", { accuser: { verified: "true" } }],
    ["an id that is no hash", { alert: { id: "1" } }],
    ["a priority that Falco does not know", { alert: { priority: "critical" } }],
    ["a time that is no number", { receivedMs: null }],
  ])("with %s is refused without its text", async (_what, change) => {
    const sent = await entry();
    const changed = Object.fromEntries(
      Object.entries(sent).map(([key, value]) => {
        const part: unknown = Object.entries(change).find(([name]) => name === key)?.[1];
        if (part === undefined) return [key, value];
        return [key, typeof part === "object" && part !== null && typeof value === "object" ? { ...value, ...part } : part];
      }),
    );
    const refused = () => decodeEntry(JSON.stringify(changed));
    expect(refused).toThrow(PipelineError);
    expect(refused).not.toThrow("Terminal shell");
    // The twin with nothing changed is read.
    expect(decodeEntry(JSON.stringify(sent)).count).toBe(1);
  });

  test.each(["", "x", "null", "[]", "{}"])("%j is refused", (body) => {
    expect(() => decodeEntry(body)).toThrow(PipelineError);
  });
});
