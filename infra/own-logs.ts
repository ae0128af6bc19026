import { att, deployed, type FunctionKey, logGroupId, type Resources, sub } from "./functions.ts";
import type { DeployPlan } from "./plan.ts";

/** Log groups of our own functions: declared, so that they expire and are encrypted before the first line is written. */
export const ownLogs = (plan: DeployPlan): Resources =>
  Object.fromEntries(
    deployed(plan).map((key: FunctionKey) => [
      logGroupId(key),
      {
        Type: "AWS::Logs::LogGroup",
        Properties: {
          LogGroupName: sub(`/aws/lambda/\${AWS::StackName}-${key}`),
          RetentionInDays: plan.deploy.logRetentionDays,
          KmsKeyId: att("Key", "Arn"),
        },
      },
    ]),
  );
