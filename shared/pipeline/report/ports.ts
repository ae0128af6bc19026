import type { ArchiveReader } from "#shared/ports/archive.ts";
import type { Clock } from "#shared/ports/clock.ts";
import type { Table } from "#shared/ports/table.ts";

export interface ReportPorts {
  readonly table: Table;
  readonly clock: Clock;
  /** The audit bucket and that of the evidence. */
  readonly audit: ArchiveReader;
  readonly evidence: ArchiveReader;
}
