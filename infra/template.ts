import { alarms } from "./alarms.ts";
import { FUNCTIONS, functionId, type Resource, type Resources } from "./functions.ts";
import { invocation } from "./invocation.ts";
import { ownLogs } from "./own-logs.ts";
import type { DeployPlan } from "./plan.ts";
import { roles } from "./roles.ts";
import { sources } from "./sources.ts";

/** The part of the template that follows from `falco-responder.yml`; the rest is infra/cloudformation/*.yml. */
export const template = (plan: DeployPlan): { readonly Resources: Resources; readonly extensions: Extensions } => ({
  Resources: { ...ownLogs(plan), ...roles(plan), ...sources(plan), ...invocation(plan), ...alarms(plan) },
  extensions: reserved(plan),
});

/** What osls merges into the resources that it made itself. */
type Extensions = Readonly<Record<string, Pick<Resource, "Properties">>>;

const reserved = ({ deploy }: DeployPlan): Extensions =>
  Object.fromEntries(
    FUNCTIONS.flatMap((key) => {
      const count = deploy.reservedConcurrency[key];
      return count === undefined ? [] : [[functionId(key), { Properties: { ReservedConcurrentExecutions: count } }]];
    }),
  );
