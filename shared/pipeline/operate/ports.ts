import type { PermitPorts } from "#shared/pipeline/operate/permit.ts";
import type { Clock } from "#shared/ports/clock.ts";
import type { Orders } from "#shared/ports/orders.ts";
import type { Table } from "#shared/ports/table.ts";

export interface OperatePorts extends PermitPorts {
  readonly table: Table;
  readonly clock: Clock;
  readonly orders: Orders;
}
