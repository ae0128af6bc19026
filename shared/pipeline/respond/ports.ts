import type { Lane } from "#shared/domain/action.ts";
import type { Policy } from "#shared/domain/policy.ts";
import type { Registry } from "#shared/domain/registry.ts";
import type { Sightings } from "#shared/playbooks/ecs/sightings.ts";
import type { DeadLetters } from "#shared/ports/alert-queue.ts";
import type { Archive } from "#shared/ports/archive.ts";
import type { Clock } from "#shared/ports/clock.ts";
import type { ClusterAccess } from "#shared/ports/cluster-access.ts";
import type { Orders } from "#shared/ports/orders.ts";
import type { SwitchParameter } from "#shared/ports/switch.ts";
import type { Table } from "#shared/ports/table.ts";
import type { Telemetry } from "#shared/ports/telemetry.ts";

/** What carrying out a claim needs: respond and sweep both do. */
export interface ClaimPorts {
  readonly table: Table;
  readonly access: ClusterAccess;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly registry: Registry;
  readonly policy: Policy;
  readonly switchParameter: SwitchParameter;
  /** Absent: this function keeps none. */
  readonly evidence?: Archive;
}

export interface RespondPorts extends ClaimPorts {
  /** Whose rights this function has: what is another's goes there. */
  readonly lanes: readonly Lane[];
  readonly orders: Orders;
  readonly evidence: Archive;
  readonly deadLetters: DeadLetters;
  /** What ECS said lately, for decisions that touch nothing; absent: ECS is asked for every alert. */
  readonly sightings?: Sightings;
  /** A new id at each call: who holds a lease. */
  readonly newId: () => string;
}
