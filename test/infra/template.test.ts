import { expect, test } from "vitest";
import { template } from "../../infra/template.ts";
import { plan } from "./plan.ts";

const PARAMETERS = { respondConcurrency: 10, chatopsConcurrency: 5 };
const CHATOPS = { ChatopsLambdaFunction: { Properties: { ReservedConcurrentExecutions: 5 } } };

const reserving = (room: number) => ({ ...plan, deploy: { ...plan.deploy, reservedConcurrency: { "respond-ecs": room } } });

test("reserved concurrency is set where the configuration names it, for what everybody may call, and nowhere else", () => {
  expect(template(plan, PARAMETERS).extensions).toEqual({
    ...CHATOPS,
    SweepLambdaFunction: { Properties: { ReservedConcurrentExecutions: 1 } },
  });
});

test("the ceiling of chatops is the parameter's, or the configuration's; without a Slack app nothing is made for it", () => {
  const reserved = { ...plan, deploy: { ...plan.deploy, reservedConcurrency: { chatops: 2 } } };
  expect(template(reserved, PARAMETERS).extensions["ChatopsLambdaFunction"]).toEqual({ Properties: { ReservedConcurrentExecutions: 2 } });
  const { slackApp: _app, ...registry } = plan.registry;
  const without = template({ ...plan, registry }, PARAMETERS);
  expect(JSON.stringify(template(plan, PARAMETERS))).toMatch(/chatops/i);
  expect(JSON.stringify(without)).not.toMatch(/chatops/i);
});

test("a responder with less room than messages at once is refused; with as much it is not", () => {
  expect(() => template(reserving(9), PARAMETERS)).toThrow("--param respondConcurrency=9");
  expect(() => template(reserving(10), PARAMETERS)).not.toThrow();
});

test("alarms by mail where the configuration names an address", () => {
  const subscriptions = (alarmEmail: string | null) =>
    Object.values(template({ ...plan, deploy: { ...plan.deploy, alarmEmail } }, PARAMETERS).Resources).filter(
      ({ Type }) => Type === "AWS::SNS::Subscription",
    );
  expect(subscriptions(null)).toEqual([]);
  expect(subscriptions("ops@example.com")).toHaveLength(1);
});

test("the functions that ask API servers are in the VPC, and no other; without one nothing is said of any", () => {
  const vpc = { subnetIds: ["subnet-0a1b2c3d", "subnet-0a1b2c3e"], securityGroupIds: ["sg-0a1b2c3d"] };
  const placed = { Properties: { VpcConfig: { SubnetIds: vpc.subnetIds, SecurityGroupIds: vpc.securityGroupIds } } };
  const extensions = (deploy: object) =>
    template({ ...plan, deploy: { ...plan.deploy, reservedConcurrency: {}, ...deploy } }, PARAMETERS).extensions;
  expect(extensions({ vpc })).toEqual({ ...CHATOPS, RespondDashkubernetesLambdaFunction: placed, SweepLambdaFunction: placed });
  expect(extensions({ vpc: null })).toEqual(CHATOPS);
  expect(extensions({ vpc, reservedConcurrency: { sweep: 1 } })["SweepLambdaFunction"]).toEqual({
    Properties: { ReservedConcurrentExecutions: 1, ...placed.Properties },
  });
});

test("access entries are made for both roles, sweep's with the group that only looks, where they are asked for", () => {
  const entries = (accessEntries: readonly string[]) =>
    Object.values(template({ ...plan, accessEntries }, PARAMETERS).Resources)
      .filter(({ Type }) => Type === "AWS::EKS::AccessEntry")
      .map(({ Properties }) => Properties);
  const entry = (role: string, group: string) => ({
    ClusterName: "orders-prod",
    PrincipalArn: { "Fn::GetAtt": [role, "Arn"] },
    Type: "STANDARD",
    KubernetesGroups: [group],
  });
  expect(entries(["orders-prod"])).toEqual([
    entry("RespondKubernetesRole", "falco-responder"),
    entry("SweepRole", "falco-responder-observe"),
  ]);
  expect(entries([])).toEqual([]);
});
