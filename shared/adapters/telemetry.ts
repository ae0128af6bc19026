import { Logger } from "@aws-lambda-powertools/logger";
import { Metrics, MetricUnit } from "@aws-lambda-powertools/metrics";
import type { Telemetry } from "#shared/ports/telemetry.ts";

/**
 * Structured logs and EMF metrics on standard output, by Powertools. Each metric is written at once, with the dimension `service` beside its
 * own: nothing is lost when the function dies. Level: POWERTOOLS_LOG_LEVEL.
 */
export function liveTelemetry(service: string): Telemetry {
  const logger = new Logger({ serviceName: service });
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
