import { alarms } from "./alarms.ts";
import { accessEntries, asksApiServers, vpcConfig } from "./api-servers.ts";
import { FUNCTIONS, functionId, type Resource, type Resources, type Value } from "./functions.ts";
import { invocation } from "./invocation.ts";
import { ownLogs } from "./own-logs.ts";
import type { DeployPlan, Parameters } from "./plan.ts";
import { roleOutputs, roles } from "./roles.ts";
import { sources } from "./sources.ts";
import { switchParameter } from "./switch.ts";

/**
 * The part of the template that follows from `falco-responder.yml`; the rest is infra/cloudformation/*.yml.
 * Throws when a responder would be given more messages at once than it has room for: those would be throttled into the dead-letter queue.
 */
export function template(
  plan: DeployPlan,
  { respondConcurrency }: Parameters,
): { readonly Resources: Resources; readonly Outputs: Readonly<Record<string, Value>>; readonly extensions: Extensions } {
  for (const key of ["respond-ecs", "respond-kubernetes", "respond-wide"] as const) {
    const room = plan.deploy.reservedConcurrency[key];
    if (room !== undefined && room < respondConcurrency) {
      throw new Error(
        `deploy.reservedConcurrency.${key} is ${room}, less than respondConcurrency (${respondConcurrency}): raise it, or deploy with --param respondConcurrency=${room}`,
      );
    }
  }
  return {
    Resources: {
      ...ownLogs(plan),
      ...switchParameter(plan),
      ...roles(plan),
      ...accessEntries(plan),
      ...sources(plan),
      ...invocation(plan),
      ...alarms(plan),
    },
    Outputs: roleOutputs(plan),
    extensions: ofFunctions(plan),
  };
}

/** What osls merges into the resources that it made itself. */
type Extensions = Readonly<Record<string, Pick<Resource, "Properties">>>;

/** What is not configured is absent: `null` or an empty list would be a setting too. */
const ofFunctions = ({ deploy: { reservedConcurrency, vpc } }: DeployPlan): Extensions =>
  Object.fromEntries(
    FUNCTIONS.flatMap((key) => {
      const count = reservedConcurrency[key];
      const Properties = {
        ...(count === undefined ? {} : { ReservedConcurrentExecutions: count }),
        ...(vpc === null || !asksApiServers(key) ? {} : { VpcConfig: vpcConfig(vpc) }),
      };
      return Object.keys(Properties).length === 0 ? [] : [[functionId(key), { Properties }]];
    }),
  );
