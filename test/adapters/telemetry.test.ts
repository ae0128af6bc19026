import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { liveTelemetry } from "#shared/adapters/telemetry.ts";

let lines: unknown[] = [];
beforeEach(() => {
  lines = [];
  vi.stubEnv("POWERTOOLS_DEV", "true");
  vi.stubEnv("POWERTOOLS_METRICS_DISABLED", "false");
  for (const method of ["log", "info", "warn", "error"] as const)
    vi.spyOn(console, method).mockImplementation((line: unknown) => void lines.push(JSON.parse(String(line))));
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

test("a count is written at once, with its service and its own dimension", () => {
  liveTelemetry("notify").count("Notifications", 2, { outcome: "sent" });
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatchObject({ service: "notify", outcome: "sent", Notifications: 2 });
  expect(lines[0]).toMatchObject({
    _aws: {
      CloudWatchMetrics: [
        { Namespace: "FalcoResponder", Dimensions: [["service", "outcome"]], Metrics: [{ Name: "Notifications", Unit: "Count" }] },
      ],
    },
  });
});

test("without own dimensions the service is the only one, as the alarms expect", () => {
  liveTelemetry("sweep").count("NotificationFailed", 1);
  expect(lines[0]).toMatchObject({ _aws: { CloudWatchMetrics: [{ Dimensions: [["service"]] }] }, service: "sweep" });
});

test("a dimension of one metric does not stay for the next", () => {
  const telemetry = liveTelemetry("ingest");
  telemetry.count("Alerts", 1, { outcome: "queued" });
  telemetry.latency("FalcoToIngest", 12);
  expect(lines[1]).toMatchObject({
    FalcoToIngest: 12,
    _aws: { CloudWatchMetrics: [{ Dimensions: [["service"]], Metrics: [{ Unit: "Milliseconds" }] }] },
  });
});

test("a log line is JSON with its service, level and fields", () => {
  liveTelemetry("notify").error("Can never tell", { incident: "inc1" });
  expect(lines[0]).toMatchObject({ level: "ERROR", service: "notify", message: "Can never tell", incident: "inc1" });
});

test("no name that it logs steers the terminal of who reads it, and what can be seen stays", () => {
  liveTelemetry("ingest").info("batch ingested", { logStream: "a\u009b31mb\u202ec", nested: { of: ["d\u200be"] }, plain: "Grüße 日本語" });
  expect(lines[0]).toMatchObject({ logStream: "a\\u{9b}31mb\\u{202e}c", nested: { of: ["d\\u{200b}e"] }, plain: "Grüße 日本語" });
});
