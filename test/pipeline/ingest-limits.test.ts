import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";

/**
 * What one invocation may bring at its worst, in a process of its own whose heap is bounded well below the function's 1,769 MB: it would die of
 * `heap out of memory`. Prints the report.
 */
function inBoundedHeap(
  megabytes: number,
  setUp: string,
): { readonly events: number; readonly queued: number; readonly coalesced: number; readonly ignored: number; readonly unreadable: number } {
  const script = `
    import { ingest } from "#shared/pipeline/ingest.ts";
    import { fakeIngestPorts } from "./test/fixtures/ingest-ports.ts";
    import { logsEvent, packed } from "./test/fixtures/logs.ts";
    import { alertText } from "./test/fixtures/shapes.ts";
    import { gzipSync } from "node:zlib";
    const event = await (async () => { ${setUp} })();
    const ports = fakeIngestPorts();
    const report = await ingest(event, ports, new AbortController().signal);
    console.log(JSON.stringify({ ...report, sent: ports.queue.sent.length }));
  `;
  const out = execFileSync(process.execPath, [`--max-old-space-size=${megabytes}`, "--input-type=module-typescript", "--eval", script], {
    encoding: "utf8",
    cwd: new URL("../../", import.meta.url),
    stdio: ["ignore", "pipe", "pipe"],
  });
  return JSON.parse(out) as ReturnType<typeof inBoundedHeap>;
}

test("10,000 distinct alerts in one batch", () => {
  const report = inBoundedHeap(
    400,
    `return logsEvent(Array.from({ length: 10_000 }, (_alert, n) => alertText({ fields: { "container.id": n.toString(16).padStart(12, "0") } })));`,
  );
  expect(report).toMatchObject({ events: 10_000, queued: 10_000 });
});

test("10,000 torn lines in one batch", () => {
  expect(
    inBoundedHeap(300, `return logsEvent(Array.from({ length: 10_000 }, (_line, n) => alertText().slice(0, 200 + n % 300)));`),
  ).toMatchObject({
    events: 10_000,
    unreadable: 10_000,
  });
});

test("ten events of 1 MB, one of them an alert", () => {
  const report = inBoundedHeap(
    300,
    `return logsEvent([alertText({ cmdline: "x".repeat(1_000_000) }), ...Array.from({ length: 9 }, (_line, n) => String(n).repeat(1_000_000))]);`,
  );
  expect(report).toMatchObject({ events: 10, queued: 1, ignored: 9 });
});

test("nesting bombs: each is unreadable, and the alert between them is queued", () => {
  const report = inBoundedHeap(
    400,
    `const deep = "[".repeat(450_000) + "]".repeat(450_000);
     return logsEvent([deep, '{"a":'.repeat(150_000) + "1" + "}".repeat(150_000), '{"log":' + deep + "}", alertText(),
       '{"rule":"r","priority":"Error","output_fields":{"a":' + deep + "}}", '{"rule":"r","priority":"Error","tags":' + deep + "}"]);`,
  );
  expect(report.events).toBe(6);
  expect(report.queued + report.coalesced).toBe(2);
  expect(report.ignored + report.unreadable).toBe(4);
});

test("a decompression bomb of 1 GB is kept as it came, its size never unpacked", () => {
  expect(
    inBoundedHeap(
      300,
      `const zeros = gzipSync(Buffer.alloc(1024 * 1024 * 1024), { level: 1 }); return { awslogs: { data: zeros.toString("base64") } };`,
    ),
  ).toMatchObject({
    events: 1,
    unreadable: 1,
  });
});
