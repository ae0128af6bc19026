import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { alarms, OWN } from "../../infra/alarms.ts";
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
    "FalcoResponder SweepTroubles",
    "FalcoResponder Leftovers",
    "FalcoResponder LedgerItemsRemoved",
    "FalcoResponder AuditRepaired",
    "FalcoResponder ChatopsRefusedAll",
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

test("an alarm on one of our metrics waits for the name and dimensions that the code writes", () => {
  // In a process of its own: Powertools writes to the console that it finds when it is loaded.
  const script = `import { liveTelemetry } from "#shared/adapters/telemetry.ts";
    liveTelemetry("ingest").count("Alerts", 1, { outcome: "unreadable" });
    liveTelemetry("ingest").count("UnregisteredAccuser", 1);
    liveTelemetry("sweep").count("SweepTroubles", 1);
    liveTelemetry("sweep").count("Leftovers", 1);
    liveTelemetry("sweep").count("SensorsUnwatched", 1);
    liveTelemetry("refetch").count("RefetchTroubles", 1);
    liveTelemetry("sweep").count("AuditRepaired", 1);
    liveTelemetry("audit").count("LedgerItemsRemoved", 1);
    liveTelemetry("chatops").count("ChatopsRefusedAll", 1);
    for (const service of ["notify", "sweep"]) liveTelemetry(service).count("NotificationFailed", 1);`;
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    encoding: "utf8",
    env: { POWERTOOLS_METRICS_NAMESPACE: OWN },
  });
  expect(stderr).toBe("");
  const printed = stdout.split("\n").filter((line) => line.startsWith("{"));
  const written = printed.map((line) => {
    const { _aws, ...values } = JSON.parse(line) as EmbeddedMetric;
    const [{ Namespace, Dimensions, Metrics }] = _aws.CloudWatchMetrics;
    const dimensions = Dimensions.flat().toSorted();
    return `${Namespace} ${Metrics[0].Name} ${dimensions.map((name) => `${name}=${String(values[name])}`).join(" ")}`;
  });
  const awaited = properties
    .filter((alarm) => alarm["Namespace"] === OWN)
    .map((alarm) => {
      const dimensions = alarm["Dimensions"] as readonly { readonly Name: string; readonly Value: string }[];
      const shown = dimensions.map(({ Name, Value }) => `${Name}=${Value}`).toSorted();
      return `${String(alarm["Namespace"])} ${String(alarm["MetricName"])} ${shown.join(" ")}`;
    });
  expect(awaited.toSorted()).toEqual(written.toSorted());

  const pipeline = [
    "ingest.ts",
    "notify/deliver.ts",
    "sweep.ts",
    "sweep/leftovers.ts",
    "sweep/record.ts",
    "sweep/sensors.ts",
    "refetch.ts",
    "audit.ts",
    "chatops.ts",
  ]
    .map((file) => readFileSync(`shared/pipeline/${file}`, "utf8"))
    .join("\n");
  for (const name of new Set(awaited.map((text) => text.split(" ")[1]))) expect(pipeline).toContain(`.count("${name}"`);
});

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html */
interface EmbeddedMetric {
  readonly _aws: {
    readonly CloudWatchMetrics: readonly [
      {
        readonly Namespace: string;
        readonly Dimensions: readonly (readonly string[])[];
        readonly Metrics: readonly [{ readonly Name: string }];
      },
    ];
  };
  readonly [value: string]: unknown;
}
