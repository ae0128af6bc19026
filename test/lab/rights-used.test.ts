import { mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { FUNCTIONS } from "../../infra/functions.ts";
import type { Call } from "../../lab/lab.ts";
import { type Allowed, allowedBy, CALLS_FOLDER, compareRights, iamAction, leaveRun, leftRuns } from "../e2e/rights-used.ts";
import { plan } from "../infra/plan.ts";

const nobody = Object.fromEntries(FUNCTIONS.map((key) => [key, []])) as unknown as Allowed;
const having = (over: Partial<Allowed>): Allowed => ({ ...nobody, ...over });
const call = (principal: string, service: string, action: string): Call => ({ principal, service, action });
const stop = call("falco-responder-lab-respond-ecs", "ecs", "StopTask");
const allowed = having({ "respond-ecs": ["ecs:StopTask"] });

describe("a role against what its function called", () => {
  test("a call that the role does not allow is missing; its twin that it allows is not", () => {
    expect(compareRights([{ calls: [stop], allowed: nobody }]).missing).toEqual(["respond-ecs ecs:StopTask"]);
    expect(compareRights([{ calls: [stop], allowed }])).toEqual({ missing: [], unused: [] });
  });

  test("another function's right does not help", () => {
    expect(compareRights([{ calls: [stop], allowed: having({ sweep: ["ecs:StopTask"] }) }])).toEqual({
      missing: ["respond-ecs ecs:StopTask"],
      unused: ["sweep ecs:StopTask"],
    });
  });

  test("a right that nobody used is unused; the call of another run, or of a double under the function's key, uses it", () => {
    const wide = having({ "respond-ecs": ["ecs:StopTask", "ecs:UpdateService"] });
    const run = { calls: [stop], allowed: wide };
    expect(compareRights([run]).unused).toEqual(["respond-ecs ecs:UpdateService"]);
    const onDouble = { calls: [call("respond-ecs", "ecs", "UpdateService")], allowed: wide };
    expect(compareRights([run, onDouble])).toEqual({ missing: [], unused: [] });
  });

  test("what a role allows in another run does not make up for it in this one", () => {
    expect(
      compareRights([
        { calls: [stop], allowed: nobody },
        { calls: [], allowed },
      ]).missing,
    ).toEqual(["respond-ecs ecs:StopTask"]);
  });

  test("what AWS does in the function's name needs no call, for those functions only", () => {
    const queue = having({ "respond-ecs": ["ecs:StopTask", "sqs:ReceiveMessage"], operate: ["sqs:ReceiveMessage"] });
    expect(compareRights([{ calls: [stop], allowed: queue }]).unused).toEqual(["operate sqs:ReceiveMessage"]);
  });

  test("a transaction is what is in it, a batch is its single action, and an operation without a name is missing", () => {
    expect(iamAction(call("x", "dynamodb", "TransactWriteItems/Put"))).toBe("dynamodb:PutItem");
    expect(iamAction(call("x", "dynamodb", "TransactWriteItems/ConditionCheck"))).toBe("dynamodb:ConditionCheckItem");
    expect(iamAction(call("x", "sqs", "SendMessageBatch"))).toBe("sqs:SendMessage");
    expect(iamAction(call("x", "lambda", "Invoke"))).toBe("lambda:InvokeFunction");
    expect(iamAction(call("x", "ecs", "StopTask"))).toBe("ecs:StopTask");
    const odd = call("falco-responder-lab-ingest", "s3", "PUT /somewhere");
    expect(compareRights([{ calls: [odd], allowed: nobody }]).missing).toEqual(["ingest s3:PUT /somewhere"]);
  });

  test("nobody's calls compare nothing, and that is a failure", () => {
    const own = call("test", "ecs", "RunTask");
    expect(() => compareRights([{ calls: [own], allowed }])).toThrow("nothing was compared");
    expect(compareRights([{ calls: [own, stop], allowed }]).missing).toEqual([]);
  });

  test("the rights are those of the roles as they are deployed", () => {
    expect(allowedBy(plan)["respond-wide"]).toContain("iam:PutRolePolicy");
    expect(allowedBy(plan)["respond-ecs"]).not.toContain("iam:PutRolePolicy");
  });
});

describe("runs that are compared at the end of all", () => {
  afterEach(() => vi.unstubAllEnvs());

  test("are whole only when every file that deploys has left its run", () => {
    const [left, tests] = ["left", "tests"].map((name) => mkdtempSync(join(tmpdir(), `falco-responder-${name}-`))) as [string, string];
    writeFileSync(join(tests, "one.test.ts"), "await openWorld({});");
    writeFileSync(join(tests, "two.test.ts"), "leaveRun(file, run);");
    writeFileSync(join(tests, "helper.test.ts"), "nothing");
    vi.stubEnv(CALLS_FOLDER, left);
    leaveRun("/somewhere/one.test.ts", { calls: [stop], allowed });
    expect(leftRuns(left, tests)).toEqual({ runs: [{ calls: [stop], allowed }], absent: ["two.test.ts"] });
    leaveRun("/somewhere/two.test.ts", { calls: [], allowed });
    expect(leftRuns(left, tests).absent).toEqual([]);
  });

  test("leave nothing where nobody asked for them", () => {
    const left = mkdtempSync(join(tmpdir(), "falco-responder-left-"));
    vi.stubEnv(CALLS_FOLDER, undefined);
    leaveRun("one.test.ts", { calls: [stop], allowed });
    expect(readdirSync(left)).toEqual([]);
  });

  test("and the files of this repository are looked for where they are", () => {
    const { absent } = leftRuns(mkdtempSync(join(tmpdir(), "falco-responder-left-")), "test/e2e");
    expect(absent).toEqual(expect.arrayContaining(["story.test.ts", "darker.test.ts", "observe.test.ts", "thousand.test.ts"]));
  });
});
