import { Logger } from "@aws-lambda-powertools/logger";
import { Metrics, MetricUnit } from "@aws-lambda-powertools/metrics";
import type { Telemetry } from "#shared/ports/telemetry.ts";

/** JSON escapes control characters below U+0020 only; names of streams may hold others, and terminals obey those of eight bits. */
const seen = (text: string): string => text.replace(UNSEEN, (one) => `\\u{${one.codePointAt(0)?.toString(16)}}`);
const UNSEEN = /[\u007f-\u009f\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/gu;

/**
 * Structured logs and EMF metrics on standard output, by Powertools. Each metric is written at once, with the dimension `service` beside its
 * own: nothing is lost when the function dies. Level: POWERTOOLS_LOG_LEVEL.
 */
export function liveTelemetry(service: string): Telemetry {
  const logger = new Logger({
    serviceName: service,
    jsonReplacerFn: (_key, value: unknown) => (typeof value === "string" ? seen(value) : value),
  });
  const metrics = new Metrics({ serviceName: service, namespace: process.env["POWERTOOLS_METRICS_NAMESPACE"] ?? "FalcoResponder" });
  const emit = (name: string, unit: "Count" | "Milliseconds", value: number, dimensions: Readonly<Record<string, string>>): void => {
    const metric = metrics.singleMetric();
    for (const [key, text] of Object.entries(dimensions)) metric.addDimension(key, text);
    metric.addMetric(name, unit, value);
  };
  return {
    info: (message, fields = {}) => logger.info(message, { ...fields }),
    warn: (message, fields = {}) => logger.warn(message, { ...fields }),
    error: (message, fields = {}) => logger.error(message, { ...fields }),
    count: (name, value, dimensions = {}) => emit(name, MetricUnit.Count, value, dimensions),
    latency: (name, ms, dimensions = {}) => emit(name, MetricUnit.Milliseconds, ms, dimensions),
  };
}
