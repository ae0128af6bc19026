import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { PipelineError } from "#shared/domain/error.ts";
import type { Workload } from "#shared/domain/workload.ts";
import { payloadOf } from "#shared/playbooks/aws/invoke-lambda.ts";
import { playbooks } from "#shared/playbooks/index.ts";
import { ecsCluster, kubeCluster } from "./builders.ts";
import { because, EcsStage, occasion, planned, planningOf } from "./ecs-stage.ts";

const INVOKE = "aws:invoke-lambda";
const ARN = "arn:aws:lambda:eu-west-1:111122223333:function:quarantine-user:live";

const schema = JSON.parse(readFileSync(new URL("../../infra/schemas/invoke.json", import.meta.url), "utf8")) as object;
const valid = new Ajv2020({ allErrors: true, allowUnionTypes: true }).compile(schema);

const pod: Workload = {
  kind: "pod",
  cluster: "kube-prod",
  uid: "00000000-0000-4000-8000-000000000000",
  owner: { kind: "Deployment", name: "web", uid: "00000000-0000-4000-8000-000000000001" },
  container: { name: "app", id: "a".repeat(64), image: null },
  labels: { app: "web" },
  namespace: "shop",
  name: "web-0",
  node: null,
  phase: "Running",
  annotations: {},
  serviceAccount: null,
  priorityClass: null,
  hostNetwork: false,
  mirror: false,
  deleting: false,
};

describe(INVOKE, () => {
  test("calls the function once with what the schema says, and is done when it answers", async () => {
    const stage = new EcsStage();
    stage.aws.functions.function(ARN);
    const step = stage.action(INVOKE, { function: ARN });
    expect(await step.execute({})).toMatchObject({ kind: "done", because: expect.stringContaining("quarantine-user:live") });
    const [call, another] = stage.aws.functions.invoked;
    expect(another).toBeUndefined();
    expect(call).toMatchObject({ arn: ARN, timeoutMs: 10_000 });
    const payload = JSON.parse(call?.payload ?? "") as Record<string, unknown>;
    expect(valid(payload), JSON.stringify(valid.errors)).toBe(true);
    expect(payload).toMatchObject({
      schema: "falco-responder/invoke/1",
      incident: occasion.incident,
      rule: occasion.rule,
      action: INVOKE,
      cluster: { name: "shop-prod", kind: "ecs", account: "111122223333", region: "eu-west-1", awsName: "shop" },
      workload: { kind: "task", uid: stage.offender.taskArn },
    });
  });

  test("a pod fits the schema too, and what the schema does not know does not", () => {
    const plan = planned(playbooks[INVOKE].plan(pod, { function: ARN }, occasion));
    const payload = JSON.parse(payloadOf(plan, kubeCluster)) as Record<string, unknown>;
    expect(valid(payload), JSON.stringify(valid.errors)).toBe(true);
    expect(valid({ ...payload, claim: "x" })).toBe(false);
    expect(valid({ ...payload, output: "from the alert" })).toBe(false);
    expect(valid({ ...payload, workload: { ...pod, environment: {} } })).toBe(false);
  });

  test("the claim is the same for every call of one action, and another for another incident, target or function", () => {
    const claim = (workload: Workload, incident: string, arn: string): unknown =>
      (
        JSON.parse(payloadOf(planned(playbooks[INVOKE].plan(workload, { function: arn }, { incident, rule: "r" })), ecsCluster)) as {
          claim: unknown;
        }
      ).claim;
    const stage = new EcsStage();
    const [offender, sibling] = [stage.workload(), stage.workload(stage.sibling)];
    expect(claim(offender, "i", ARN)).toMatch(/^[0-9a-f]{32}$/);
    expect(claim({ ...offender, lastStatus: "STOPPED" }, "i", ARN)).toBe(claim(offender, "i", ARN));
    const claims = [
      claim(offender, "i", ARN),
      claim(offender, "j", ARN),
      claim(sibling, "i", ARN),
      claim(offender, "i", ARN.replace(":live", "")),
    ];
    expect(new Set(claims).size).toBe(4);
  });

  test.each<[unknown, boolean]>([
    [ARN, true],
    ["arn:aws-us-gov:lambda:us-gov-west-1:111122223333:function:f", true],
    ["arn:aws:lambda:eu-west-1:111122223333:function:f:$LATEST", true],
    ["arn:aws:lambda:eu-west-1:111122223333:function:f:7", true],
    ["f", false],
    [undefined, false],
    ["111122223333:function:f", false],
    ["arn:aws:lambda:eu-west-1:111122223333:function:f:*", false],
    ["arn:aws:lambda:eu-west-1:111122223333:function:f:a:b", false],
    ["arn:aws:lambda:eu-west-1:1111222233334:function:f", false],
    ["arn:aws:lambda:eu-west-1:111122223333:layer:f", false],
    [`arn:aws:lambda:eu-west-1:111122223333:function:${"f".repeat(65)}`, false],
    [`${ARN}\n`, false],
  ])("function %j, planned: %j", (arn, fine) => {
    const planning = planningOf(new EcsStage(), INVOKE, arn === undefined ? {} : { function: arn as string });
    expect(planning.kind).toBe(fine ? "planned" : "refused");
  });

  test.each<[number | string, number | null]>([
    [1, 1],
    ["20", 20],
    [0, null],
    [21, null],
    [2.5, null],
  ])("timeout_seconds %j", async (given, seconds) => {
    const stage = new EcsStage();
    stage.aws.functions.function(ARN);
    const params = { function: ARN, timeout_seconds: given };
    if (seconds === null)
      return expect(because(planningOf(stage, INVOKE, params))).toContain("1 to 20 seconds".slice(given === 2.5 ? 13 : 0));
    await stage.action(INVOKE, params).execute({});
    expect(stage.aws.functions.invoked[0]?.timeoutMs).toBe(seconds * 1_000);
  });

  test("a function that fails is a failure with its error; one that takes too long is called again with the same claim", async () => {
    const stage = new EcsStage();
    stage.aws.functions.function(ARN, () => ({ kind: "function-error", error: "TypeError: x is not a function" }));
    const step = stage.action(INVOKE, { function: ARN });
    expect(await step.execute({})).toMatchObject({ kind: "failed", because: expect.stringContaining("TypeError") });
    stage.aws.functions.lose("invoke", new PipelineError("timed_out", "slow"));
    await expect(step.execute({})).rejects.toMatchObject({ retryable: true });
    expect(await step.verify({})).toMatchObject({ kind: "pending", begun: false, blind: true });
    await step.execute({});
    expect(new Set(stage.aws.functions.invoked.map(({ payload }) => payload)).size).toBe(1);
  });

  test("cannot be taken back, and says why", () => {
    expect(playbooks[INVOKE].undo).toMatchObject({ possible: false, because: expect.stringMatching(/\S/) });
  });

  test("does not act on a plan of another playbook", async () => {
    const stage = new EcsStage();
    const { plan } = stage.action("ecs:tag-task");
    await expect(playbooks[INVOKE].execute(plan, {}, stage.reach, new AbortController().signal)).rejects.toThrow(
      "given a plan of ecs:tag-task",
    );
  });
});
