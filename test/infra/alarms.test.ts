import { describe, expect, test } from "vitest";
import { alarms } from "../../infra/alarms.ts";
import { sourceId } from "../../infra/sources.ts";
import { plan } from "./plan.ts";

const built = alarms(plan);
const properties = Object.values(built).map((alarm) => alarm.Properties);
const watched = properties.map((alarm) => `${String(alarm["Namespace"])} ${String(alarm["MetricName"])}`);

describe("alarms", () => {
  test.each([
    "FalcoResponder Alerts",
    "FalcoResponder UnregisteredAccuser",
    "FalcoResponder NotificationFailed",
    "AWS/SQS ApproximateNumberOfMessagesVisible",
    "AWS/SQS ApproximateAgeOfOldestMessage",
    "AWS/Lambda Errors",
    "AWS/Lambda Throttles",
    "AWS/Lambda AsyncEventsDropped",
    "AWS/Lambda DestinationDeliveryFailures",
    "AWS/Lambda IteratorAge",
    "AWS/Lambda Invocations",
    "AWS/Logs DeliveryErrors",
    "AWS/Logs DeliveryThrottling",
  ])("one watches %s", (metric) => {
    expect(watched).toContain(metric);
  });

  test("each tells the alarms topic, and its name has the prefix that the topic's policy allows", () => {
    for (const alarm of properties) {
      expect(alarm["AlarmActions"]).toEqual([{ Ref: "Alarms" }]);
      expect(alarm["AlarmName"]).toEqual({ "Fn::Sub": expect.stringMatching(/^\$\{AWS::StackName\}-[A-Za-z0-9-]+$/) });
    }
  });

  test("each has a name of its own", () => {
    const names = properties.map((alarm) => JSON.stringify(alarm["AlarmName"]));
    expect(new Set(names).size).toBe(names.length);
  });

  test("silence is an alarm for sweep, which runs every minute, and for nothing else", () => {
    const silent = Object.keys(built).filter((id) => built[id]?.Properties["TreatMissingData"] === "breaching");
    expect(silent).toEqual(["SweepSilentAlarm"]);
  });

  test("delivery is watched for every log group under the filter's own name", () => {
    for (const { name } of plan.logGroups) {
      expect(built[`DeliveryErrors${sourceId(name)}Alarm`]?.Properties["Dimensions"]).toEqual([
        { Name: "LogGroupName", Value: name },
        { Name: "DestinationType", Value: "Lambda" },
        { Name: "FilterName", Value: { "Fn::Sub": `falco-responder-\${AWS::StackName}` } },
      ]);
    }
  });
});
