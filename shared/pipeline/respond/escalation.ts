import type { Policy } from "#shared/domain/policy.ts";
import type { OrderBody } from "#shared/ledger/order.ts";

/** As the policy says now; a question that nobody escalates says nothing of it. */
export function escalationOf(
  rule: string,
  { rules, escalation = [] }: Pick<Policy, "rules" | "escalation">,
): Pick<OrderBody, "escalation"> {
  const steps = rules.find(({ name }) => name === rule)?.escalation ?? escalation;
  return steps.length === 0 ? {} : { escalation: steps };
}
