import type { Registry } from "#shared/domain/registry.ts";
import type { Channel } from "#shared/ports/channel.ts";
import type { Clock } from "#shared/ports/clock.ts";
import type { Table } from "#shared/ports/table.ts";
import type { Telemetry } from "#shared/ports/telemetry.ts";

export interface NotifyPorts {
  readonly table: Table;
  readonly channel: Channel;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly registry: Registry;
}
