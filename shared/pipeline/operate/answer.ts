import type { ActionName } from "#shared/domain/action.ts";
import type { Pause } from "#shared/pipeline/switch/pauses.ts";

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

/** Times in ms since the epoch. */
export interface IncidentSummary {
  readonly incident: string;
  readonly cluster: string | null;
  readonly who: string;
  readonly rule: string | null;
  readonly state: string;
  readonly firstAlertAtMs: number;
  readonly lastAlertAtMs: number;
  readonly closedAtMs: number | null;
  /** Alerts: at least so many. */
  readonly count: number;
  readonly actions: readonly ActionView[];
}

/** An incident in a list. `waiting`: questions to people that are open now. */
export type IncidentRow = Omit<IncidentSummary, "actions"> & { readonly waiting: number };

/** A mute. `state` unreadable: it is there, holds what it is about, and keeps nobody from being told. */
export interface MuteView {
  readonly mute: string;
  readonly state: "active" | "over" | "ended" | "unreadable";
  readonly cluster: string | null;
  readonly rule: string | null;
  readonly who: string | null;
  readonly reason: string | null;
  readonly by: string | null;
  readonly sinceMs: number | null;
  readonly untilMs: number | null;
}

/** refused: with what the person can do instead. */
export type Answer =
  | { readonly kind: "shown"; readonly summary: IncidentSummary }
  | {
      readonly kind: "accepted";
      readonly says: string;
      readonly summary: IncidentSummary | null;
      readonly mute?: MuteView;
      readonly pauses?: readonly Pause[];
    }
  | { readonly kind: "refused"; readonly because: string; readonly summary: IncidentSummary | null }
  /** `next`: the cursor of the page after this one; null: there is none. `sinceMs`: how far back the list goes. */
  | { readonly kind: "listed"; readonly incidents: readonly IncidentRow[]; readonly next: string | null; readonly sinceMs: number }
  | { readonly kind: "mutes"; readonly mutes: readonly MuteView[] }
  /** `pauses`: every source of the kill switch, also what does not pause now. */
  | { readonly kind: "status"; readonly paused: boolean; readonly pauses: readonly Pause[]; readonly mutes: readonly MuteView[] };

/** A verb that was carried out, or, as a text, why it was not. */
export type Done = { readonly says: string } | string;

export const refused = (because: string): Answer => ({ kind: "refused", because, summary: null });
