/** Structured logs and EMF metrics. Values of dimensions are from bounded sets; alert text never goes here. */
export interface Telemetry {
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
  count(name: string, value: number, dimensions?: Readonly<Record<string, string>>): void;
  /** A duration in ms. */
  latency(name: string, ms: number, dimensions?: Readonly<Record<string, string>>): void;
}
