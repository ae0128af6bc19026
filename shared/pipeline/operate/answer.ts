import type { ActionName } from "#shared/domain/action.ts";

/** One action of an incident, as far as it is. `state`: of the order, else the outcome of the receipt. */
export interface ActionView {
  readonly action: ActionName;
  readonly key: string;
  readonly target: string;
  readonly who: string;
  readonly state: string;
  readonly because: string;
  readonly undo: string;
  readonly by: string | null;
}

export interface IncidentSummary {
  readonly incident: string;
  readonly cluster: string | null;
  readonly who: string;
  readonly rule: string | null;
  readonly state: string;
  readonly actions: readonly ActionView[];
}

/** refused: with what the person can do instead. */
export type Answer =
  | { readonly kind: "shown"; readonly summary: IncidentSummary }
  | { readonly kind: "accepted"; readonly says: string; readonly summary: IncidentSummary }
  | { readonly kind: "refused"; readonly because: string; readonly summary: IncidentSummary | null };

/** A verb that was carried out, or, as a text, why it was not. */
export type Done = { readonly says: string } | string;
