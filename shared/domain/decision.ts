import type { ActionName } from "#shared/domain/action.ts";
import type { PolicyAction } from "#shared/domain/policy.ts";

/** What is to become of one (target, action) of one alert. Anything but `act` touches nothing. */
export type Decision =
  | { readonly kind: "act"; readonly action: PolicyAction; readonly rule: string; readonly because: string }
  /** observe mode: exactly what enforce would have done. `would`: that is to ask a person first; absent: to act. */
  | {
      readonly kind: "would-act";
      readonly action: PolicyAction;
      readonly rule: string;
      readonly because: string;
      readonly would?: "ask";
    }
  | { readonly kind: "await-approval"; readonly action: PolicyAction; readonly rule: string; readonly because: string }
  | { readonly kind: "hold"; readonly action: ActionName; readonly rule: string; readonly because: string };

export type DecisionKind = Decision["kind"];
