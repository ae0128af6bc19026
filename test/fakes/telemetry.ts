import type { Telemetry } from "#shared/ports/telemetry.ts";

export interface LoggedLine {
  readonly level: "info" | "warn" | "error";
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Keeps what was told. */
export class FakeTelemetry implements Telemetry {
  readonly lines: LoggedLine[] = [];
  readonly metrics: { readonly name: string; readonly value: number; readonly dimensions: Readonly<Record<string, string>> }[] = [];

  info(message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    this.lines.push({ level: "info", message, fields });
  }
  warn(message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    this.lines.push({ level: "warn", message, fields });
  }
  error(message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    this.lines.push({ level: "error", message, fields });
  }
  count(name: string, value: number, dimensions: Readonly<Record<string, string>> = {}): void {
    this.metrics.push({ name, value, dimensions });
  }
  latency(name: string, ms: number, dimensions: Readonly<Record<string, string>> = {}): void {
    this.metrics.push({ name, value: ms, dimensions });
  }

  /** Sum of a metric over everything told, optionally of one outcome. */
  total(name: string, outcome?: string): number {
    return this.metrics
      .filter((metric) => metric.name === name && (outcome === undefined || metric.dimensions["outcome"] === outcome))
      .reduce((sum, { value }) => sum + value, 0);
  }
}
