import { expect, test } from "vitest";
import { template } from "../../infra/template.ts";
import { plan } from "./plan.ts";

const reserving = (room: number) => ({ ...plan, deploy: { ...plan.deploy, reservedConcurrency: { "respond-ecs": room } } });

test("reserved concurrency is set where the configuration names it, and nowhere else", () => {
  expect(template(plan, { respondConcurrency: 10 }).extensions).toEqual({
    SweepLambdaFunction: { Properties: { ReservedConcurrentExecutions: 1 } },
  });
});

test("a responder with less room than messages at once is refused; with as much it is not", () => {
  expect(() => template(reserving(9), { respondConcurrency: 10 })).toThrow("--param respondConcurrency=9");
  expect(() => template(reserving(10), { respondConcurrency: 10 })).not.toThrow();
});

test("alarms by mail where the configuration names an address", () => {
  const subscriptions = (alarmEmail: string | null) =>
    Object.values(template({ ...plan, deploy: { ...plan.deploy, alarmEmail } }, { respondConcurrency: 10 }).Resources).filter(
      ({ Type }) => Type === "AWS::SNS::Subscription",
    );
  expect(subscriptions(null)).toEqual([]);
  expect(subscriptions("ops@example.com")).toHaveLength(1);
});
