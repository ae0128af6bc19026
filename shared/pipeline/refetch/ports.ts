import type { IngestPorts } from "#shared/pipeline/ingest.ts";
import type { LogGroups } from "#shared/ports/log-groups.ts";
import type { Table } from "#shared/ports/table.ts";

export interface RefetchPorts extends Omit<IngestPorts, "table"> {
  readonly table: Pick<Table, "get" | "query" | "transact" | "putAll">;
  readonly groups: LogGroups;
}

/** What is known of a log group between two runs. */
export interface DeliveryState {
  /** What was received before was compared with what arrived. */
  readonly checkedMs: number;
  /** A gap that is being filled; null: none. Written before anything is fetched, so that it is told even if we die. */
  readonly gap: Gap | null;
}

export interface Gap {
  readonly fromMs: number;
  readonly toMs: number;
  readonly openedMs: number;
  /** Events with earlier timestamps were fetched. */
  readonly resumeMs: number;
  readonly received: number;
  readonly arrived: number;
}
