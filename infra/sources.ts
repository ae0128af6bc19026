import { createHash } from "node:crypto";
import { arn, att, functionId, type Resources, ref, sub } from "./functions.ts";
import type { DeployPlan } from "./plan.ts";

/** Logical ids take letters and digits only; the hash keeps two groups that differ in punctuation apart. */
export const sourceId = (group: string): string =>
  `Source${group.replace(/[^A-Za-z0-9]/g, "").slice(-40)}${createHash("sha256").update(group).digest("hex").slice(0, 8)}`;

/** CloudWatch reports deliveries by this name. */
export const filterName = "falco-responder";

/**
 * One subscription filter per log group, with an empty pattern: classification is code, because a pattern on a `log` that arrives as a
 * string matches nothing and says so nowhere, and a group has room for two filters.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
 */
export function sources(plan: DeployPlan): Resources {
  const resources: Record<string, Resources[string]> = {};
  for (const { name, create } of plan.logGroups) {
    const id = sourceId(name);
    if (create) {
      resources[`${id}Group`] = {
        Type: "AWS::Logs::LogGroup",
        DeletionPolicy: "Retain",
        UpdateReplacePolicy: "Retain",
        Properties: { LogGroupName: name, RetentionInDays: plan.deploy.logRetentionDays, KmsKeyId: att("Key", "Arn") },
      };
    }
    resources[`${id}MayInvoke`] = {
      Type: "AWS::Lambda::Permission",
      Properties: {
        Action: "lambda:InvokeFunction",
        FunctionName: att(functionId("ingest"), "Arn"),
        Principal: sub(`logs.\${AWS::Region}.amazonaws.com`),
        SourceAccount: ref("AWS::AccountId"),
        SourceArn: arn("logs", `log-group:${name}:*`),
      },
    };
    resources[`${id}Filter`] = {
      Type: "AWS::Logs::SubscriptionFilter",
      DependsOn: [`${id}MayInvoke`, ...(create ? [`${id}Group`] : [])],
      Properties: {
        FilterName: sub(`${filterName}-\${AWS::StackName}`),
        LogGroupName: name,
        FilterPattern: "",
        DestinationArn: att(functionId("ingest"), "Arn"),
      },
    };
  }
  return resources;
}
