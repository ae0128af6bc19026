import type { PolicyRule } from "#shared/domain/policy.ts";
import type { Versions } from "#shared/domain/versions.ts";
import type { ClaimBody } from "#shared/ledger/claim.ts";
import type { AlertBody, IncidentBody, ReceiptBody, TargetBody } from "#shared/ledger/incident.ts";
import type { NoteItem } from "#shared/ledger/notes.ts";
import type { OrderBody } from "#shared/ledger/order.ts";
import type { RecordPart } from "#shared/report/report.ts";

/** What the ledger has of an incident, read but not yet told. `at`: when the item was last written. */
export interface Material {
  readonly nowMs: number;
  readonly about: IncidentBody;
  readonly count: number;
  readonly alerts: readonly AlertBody[];
  readonly alertsLeftOut: number;
  readonly targets: readonly TargetBody[];
  readonly orders: readonly OrderBody[];
  readonly receipts: readonly (ReceiptBody & { readonly at: string })[];
  readonly claims: readonly ClaimBody<{ readonly params: Readonly<Record<string, unknown>> }>[];
  readonly notes: readonly NoteItem[];
  readonly policies: readonly {
    readonly versions: Versions;
    readonly name: string;
    readonly rule: PolicyRule | null;
    readonly from: string;
  }[];
  readonly record: RecordPart;
}
