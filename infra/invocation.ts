import { att, type Resources, ref } from "./functions.ts";
import type { DeployPlan } from "./plan.ts";

/**
 * CloudWatch Logs is done once Lambda has accepted a batch; from there on Lambda tries three times and then, without this, drops it.
 * https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
 */
export const invocation = (plan: DeployPlan): Resources => ({
  IngestInvocation: {
    Type: "AWS::Lambda::EventInvokeConfig",
    Properties: {
      FunctionName: ref("IngestLambdaFunction"),
      Qualifier: "$LATEST",
      MaximumRetryAttempts: 2,
      MaximumEventAgeInSeconds: 21_600,
      DestinationConfig: { OnFailure: { Destination: att("Unreadable", "Arn") } },
    },
  },
  ...(plan.deploy.alarmEmail === null
    ? {}
    : {
        AlarmsByEmail: {
          Type: "AWS::SNS::Subscription",
          Properties: { TopicArn: ref("Alarms"), Protocol: "email", Endpoint: plan.deploy.alarmEmail },
        },
      }),
});
