import { LambdaClient } from "@aws-sdk/client-lambda";
import { describe, expect, test } from "vitest";
import { userFunctions } from "#shared/adapters/user-functions.ts";
import { never } from "../playbooks/builders.ts";
import { type Answer, awsDouble, inTurn, json, type Silence } from "./aws-double.ts";

const ARN = "arn:aws:lambda:eu-west-1:111122223333:function:on-alert:live";
const answered = (body: string): Answer => ({ status: 200, body, headers: { "content-type": "application/json" } });
const failed = (body: string): Answer => ({ ...answered(body), headers: { "x-amz-function-error": "Unhandled" } });
const error = (name: string, status: number): Answer => {
  const { body } = json({ Type: "User", message: "as AWS says" });
  return { status, body, headers: { "x-amzn-errortype": name } };
};

async function lambda(...answers: readonly (Answer | Silence)[]) {
  const double = await awsDouble(inTurn(...answers));
  const functions = userFunctions(new LambdaClient({ ...double.config, requestHandler: { connectionTimeout: 2_000 } }));
  return Object.assign(double, {
    invoke: (timeoutMs = 5_000, signal = never) => functions.invoke(ARN, '{"claim":"c-1"}', timeoutMs, signal),
  });
}

describe("a function of yours", () => {
  test("is invoked once, waited for, and its answer read", async () => {
    await using double = await lambda(answered('{"ok":true}'));
    expect(await double.invoke()).toEqual({ kind: "answered", body: '{"ok":true}' });
    expect(double.asked).toHaveLength(1);
    expect(double.asked[0]).toMatchObject({
      method: "POST",
      url: `/2015-03-31/functions/${encodeURIComponent(ARN)}/invocations`,
      headers: { "x-amz-invocation-type": "RequestResponse" },
      body: '{"claim":"c-1"}',
    });
  });

  test("that answers nothing has answered", async () => {
    await using double = await lambda(answered(""));
    expect(await double.invoke()).toEqual({ kind: "answered", body: "" });
  });

  test("of a long answer 64 KB are read, no character in two", async () => {
    await using double = await lambda(answered(`a${"\u00e9".repeat(40_000)}`), answered("\u00e9".repeat(32_768)));
    const cut = await double.invoke();
    expect(cut).toEqual({ kind: "answered", body: `a${"\u00e9".repeat(32_767)}` });
    expect(await double.invoke()).toEqual({ kind: "answered", body: "\u00e9".repeat(32_768) });
  });

  test.each<[string, string, string]>([
    ["its type and message", '{"errorType":"ValueError","errorMessage":"no such pod","stackTrace":["secret"]}', "ValueError: no such pod"],
    ["a message alone", '{"errorMessage":"Task timed out after 3.00 seconds"}', "Task timed out after 3.00 seconds"],
    ["what is printable", '{"errorType":"E","errorMessage":"a\\nb\\u001b[31mc\u00e9"}', "E: a?b?[31mc?"],
    ["that it failed, where it says nothing that can be read", "<html>", "Unhandled"],
    ["that it failed, where its error is none", '["x"]', "Unhandled"],
    ["that it failed, where its words are none", '{"errorType":7,"errorMessage":""}', "Unhandled"],
  ])("that fails tells %s", async (_title, body, words) => {
    await using double = await lambda(failed(body), answered(body));
    expect(await double.invoke()).toEqual({ kind: "function-error", error: words });
    expect(await double.invoke()).toEqual({ kind: "answered", body });
  });

  test("that fails at length is cut to 300 characters", async () => {
    await using double = await lambda(failed(JSON.stringify({ errorType: "E", errorMessage: "x".repeat(1_000) })));
    const outcome = await double.invoke();
    expect(outcome).toEqual({ kind: "function-error", error: `E: ${"x".repeat(297)}` });
  });
});

describe("time", () => {
  test("that is over is told as such, and nothing is sent again", async () => {
    await using double = await lambda("silence");
    await expect(double.invoke(50)).rejects.toMatchObject({
      code: "timed_out",
      retryable: true,
      message: expect.stringContaining("may have run all the same"),
    });
    expect(double.asked).toHaveLength(1);
  });

  test("that is over in the middle of the answer is told so too", async () => {
    await using double = await lambda({ ...answered('{"half":'), unfinished: true });
    await expect(double.invoke(100)).rejects.toMatchObject({ code: "timed_out" });
  });

  test("of the caller counts too", async () => {
    await using double = await lambda("silence");
    await expect(double.invoke(60_000, AbortSignal.timeout(50))).rejects.toMatchObject({ code: "timed_out" });
    await expect(double.invoke(60_000, AbortSignal.abort())).rejects.toMatchObject({ code: "timed_out" });
    expect(double.asked).toHaveLength(1);
  });

  test.each([0, -1, 1.5, 900_001, Number.NaN])("is never %d ms", async (timeoutMs) => {
    await using double = await lambda(answered("{}"));
    await expect(double.invoke(timeoutMs)).rejects.toThrow(RangeError);
    expect(double.asked).toEqual([]);
  });
});

test.each([
  ["TooManyRequestsException", 429, "aws_throttled"],
  ["AccessDeniedException", 403, "aws_denied"],
  ["ResourceNotFoundException", 404, "aws_rejected"],
  ["ResourceConflictException", 409, "aws_throttled"],
  ["RequestTooLargeException", 413, "aws_rejected"],
  ["ServiceException", 500, "aws_unreachable"],
])("%s (%i) is %s, and is asked once", async (name, status, code) => {
  await using double = await lambda(error(name, status));
  await expect(double.invoke()).rejects.toMatchObject({ name: "PipelineError", code });
  expect(double.asked).toHaveLength(1);
});
