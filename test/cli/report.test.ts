import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { IncidentReport } from "#shared/report/report.ts";
import { decodeReportRequest } from "#shared/wire/report.ts";
import { Recorder } from "../audit/recorder.ts";
import { of, stageOf } from "../pipeline/stage.ts";

const folder = mkdtempSync(join(tmpdir(), "report-"));
const asked: unknown[] = [];
let answer: object = {};
const server = createServer((request, response) => {
  let body = "";
  request.on("data", (part: Buffer) => {
    body += part.toString("utf8");
  });
  request.on("end", () => {
    asked.push(decodeReportRequest(body));
    response.end(JSON.stringify({ schema: "falco-responder/answer/1", ...answer }));
  });
});
let report: IncidentReport;

beforeAll(async () => {
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const stage = stageOf([of("ecs:stop-task")]);
  const recorder = new Recorder(stage.world);
  await stage.send();
  await recorder.record();
  const made = await recorder.report(stage.incident(), true);
  if (made === null) throw new Error("no report");
  report = made;
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

const KEYS = { AWS_ACCESS_KEY_ID: "none", AWS_SECRET_ACCESS_KEY: "none", AWS_REGION: "eu-west-1" };

/** The command line as people call it, against a function URL that answers what the test says. */
async function run(...args: readonly string[]) {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const child = spawn(process.execPath, ["cli/main.ts", "incidents", "report", report.incident, "--url", url, ...args], {
    env: { ...process.env, ...KEYS },
  });
  const said = { stdout: "", stderr: "" };
  child.stdout.on("data", (part: Buffer) => {
    said.stdout += part.toString("utf8");
  });
  child.stderr.on("data", (part: Buffer) => {
    said.stderr += part.toString("utf8");
  });
  const status = await new Promise<number | null>((ended) => child.on("close", ended));
  return { status, ...said };
}

describe("incidents report", () => {
  test("prints Markdown, or the same as JSON, and asks for what was asked for", async () => {
    answer = { kind: "reported", report };
    const markdown = await run();
    expect(markdown, markdown.stderr).toMatchObject({ status: 0, stderr: "" });
    expect(markdown.stdout).toContain(`# Incident \`${report.incident}\``);
    expect(asked.at(-1)).toEqual({ incident: report.incident, verify: false });
    const json = await run("--format", "json", "--verify");
    expect(JSON.parse(json.stdout)).toEqual(JSON.parse(JSON.stringify(report)));
    expect(asked.at(-1)).toEqual({ incident: report.incident, verify: true });
  });

  test("writes a new file for its owner alone, and never over another", async () => {
    answer = { kind: "reported", report };
    const out = join(folder, "report.md");
    expect(await run("--out", out)).toMatchObject({ status: 0, stdout: "" });
    const text = readFileSync(out, "utf8");
    expect(text).toContain("## Record of proof");
    const again = await run("--out", out);
    expect(again).toMatchObject({ status: 3, stderr: expect.stringContaining("does not exist yet") });
    expect(readFileSync(out, "utf8")).toBe(text);
  });

  test("what does not match is exit code 1, and so is an incident that is none", async () => {
    const verified = report.record.verified?.map((one, at) => (at === 0 ? { ...one, result: "differs" as const } : one)) ?? null;
    answer = { kind: "reported", report: { ...report, record: { ...report.record, verified } } };
    const forged = await run("--verify");
    expect(forged.status).toBe(1);
    expect(forged.stdout).toContain("1 differ");
    answer = { kind: "refused", because: "there is no incident", summary: null };
    const out = join(folder, "none.md");
    expect(await run("--out", out)).toMatchObject({ status: 1, stderr: expect.stringContaining("there is no incident") });
    expect(existsSync(out)).toBe(false);
  });
});
