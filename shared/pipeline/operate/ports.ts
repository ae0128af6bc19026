import type { Clock } from "#shared/ports/clock.ts";
import type { Orders } from "#shared/ports/orders.ts";
import type { Table } from "#shared/ports/table.ts";
import type { Telemetry } from "#shared/ports/telemetry.ts";

export interface OperatePorts {
  readonly table: Table;
  readonly clock: Clock;
  readonly orders: Orders;
  readonly telemetry: Telemetry;
}
