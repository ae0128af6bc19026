import type { SwitchPorts } from "#shared/pipeline/switch/pauses.ts";
import type { Orders } from "#shared/ports/orders.ts";
import type { Telemetry } from "#shared/ports/telemetry.ts";

export interface OperatePorts extends SwitchPorts {
  readonly orders: Orders;
  readonly telemetry: Telemetry;
}
