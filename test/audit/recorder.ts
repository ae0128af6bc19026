import { gunzipSync } from "node:zlib";
import type { AuditRecord, Change } from "#shared/audit/record.ts";
import { digestHours } from "#shared/pipeline/audit/digest.ts";
import { type AuditPorts, type AuditReport, audit } from "#shared/pipeline/audit.ts";
import { report } from "#shared/pipeline/report.ts";
import type { Table } from "#shared/ports/table.ts";
import type { IncidentReport } from "#shared/report/report.ts";
import { FakeArchive } from "../fakes/archive.ts";
import type { FakeTable } from "../fakes/table.ts";
import type { World } from "../fakes/world.ts";

const signal = new AbortController().signal;

/** What the ledger's stream would carry: every change that took effect, in order. */
function tap(table: FakeTable, now: () => number): Change[] {
  const changes: Change[] = [];
  const at = () => new Date(now()).toISOString();
  const { transact, putAll } = { transact: table.transact.bind(table), putAll: table.putAll.bind(table) };
  const watched: Pick<Table, "transact" | "putAll"> = {
    async transact(writes, stop, token) {
      const result = await transact(writes, stop, token);
      if (result.ok)
        for (const write of writes) {
          if (write.op === "put") changes.push({ key: write.item, item: structuredClone(write.item), changedAt: at(), by: "somebody" });
          if (write.op === "delete") changes.push({ key: write.key, item: null, changedAt: at(), by: "somebody" });
        }
      return result;
    },
    async putAll(items, stop) {
      await putAll(items, stop);
      for (const item of items) changes.push({ key: item, item: structuredClone(item), changedAt: at(), by: "somebody" });
    },
  };
  Object.assign(table, watched);
  return changes;
}

/** A world with its record of proof. */
export class Recorder {
  readonly archive = new FakeArchive();
  readonly changes: Change[];
  readonly world: World;

  constructor(world: World) {
    this.world = world;
    this.changes = tap(world.table, () => world.clock.now());
  }

  ports(): AuditPorts {
    const { table, clock, telemetry, policy, registry } = this.world.respondPorts();
    return { archive: this.archive, table, clock, telemetry, policy, registry };
  }

  /** The stream's function takes what has changed; the index that it writes is on the stream, too. */
  async record(): Promise<AuditReport> {
    const report = await audit(this.changes.splice(0), this.ports(), signal);
    await audit(this.changes.splice(0), this.ports(), signal);
    return report;
  }

  digest(): Promise<number> {
    return digestHours(this.ports(), signal);
  }

  report(incident: string, verify = false): Promise<IncidentReport | null> {
    const { table, clock } = this.world.respondPorts();
    const kept = this.world.evidence;
    const reader = { get: (key: string) => Promise.resolve(kept.has(key) ? Buffer.from(kept.get(key) ?? "") : null) };
    return report(incident, { verify }, { table, clock, audit: this.archive, evidence: reader }, signal);
  }

  /** Every record in the bucket, as an auditor reads it: object by object, line by line. */
  async records(): Promise<readonly AuditRecord[]> {
    const keys = [...this.archive.objects.keys()].filter((key) => key.startsWith("records/"));
    const bytes = await Promise.all(keys.map((key) => this.archive.get(key)));
    return bytes.flatMap((packed) => linesOf(packed ?? new Uint8Array()).map((line) => JSON.parse(line) as AuditRecord));
  }
}

export const linesOf = (packed: Uint8Array): readonly string[] =>
  gunzipSync(packed)
    .toString("utf8")
    .split("\n")
    .filter((line) => line !== "");
