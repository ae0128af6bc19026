import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { policyOf, shellRule, World } from "../fakes/world.ts";
import { deliver, incidentIn, MINUTE, offender } from "../pipeline/operate/desk.ts";
import { cli, type Desk, openDesk } from "./desk.ts";

const published = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(
  JSON.parse(readFileSync("infra/schemas/answer.json", "utf8")) as object,
);
const HOSTILE = "web\u001b[2J\u202etxt.exe";

let world: World;
let desk: Desk;
const incidents: string[] = [];

beforeAll(async () => {
  world = new World(policyOf([{ ...shellRule, mode: "approve" }]));
  for (const name of ["web", "api", HOSTILE]) {
    incidents.push(incidentIn(await deliver(world, offender(world, name).alert())));
    world.later(MINUTE);
  }
  desk = await openDesk(world);
});
afterAll(() => desk.close());

const ask = (...args: readonly string[]) => cli([...args, "--url", desk.url]);
const json = async (...args: readonly string[]) => {
  const { status, stdout } = await ask(...args, "--json");
  const answer = JSON.parse(stdout) as Record<string, unknown>;
  expect(published(answer), JSON.stringify(published.errors)).toBe(true);
  return { status, answer };
};

describe("falco-responder", () => {
  test("incidents list: a table, the newest first, without a character that steers the terminal", async () => {
    const { status, stdout } = await ask("incidents", "list");
    expect(status).toBe(0);
    const lines = stdout.trimEnd().split("\n");
    expect(lines[0]).toMatch(/^INCIDENT\s+STATE\s+CLUSTER\s+WHO\s+RULE\s+ALERTS\s+OPENED\s+LAST\s+WAITS$/);
    expect(lines.slice(1).map((line) => line.slice(0, 16))).toEqual([...incidents].reverse());
    expect(stdout).toContain("1 for a person");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the point is to find them
    expect(stdout.replaceAll("\n", "")).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
  });

  test("incidents list pages by --limit and --cursor, and --json is as published", async () => {
    const first = await json("incidents", "list", "--limit", "2");
    expect(first).toMatchObject({
      status: 0,
      answer: { kind: "listed", incidents: [{ incident: incidents[2] }, { incident: incidents[1] }] },
    });
    const rest = await json("incidents", "list", "--limit", "2", "--cursor", String(first.answer["next"]));
    expect(rest.answer).toMatchObject({ incidents: [{ incident: incidents[0] }], next: null });
    expect((await ask("incidents", "list", "--limit", "2")).stdout).toContain(
      `there are more: add --cursor ${String(first.answer["next"])}`,
    );
  });

  test("filters arrive as they were typed", async () => {
    await ask(
      "incidents",
      "list",
      "--state",
      "all",
      "--cluster",
      "c",
      "--rule",
      "r",
      "--since",
      "2026-01-02T03:04Z",
      "--waiting",
      "--limit",
      "7",
    );
    expect(desk.requests.at(-1)).toEqual({
      verb: "list",
      state: "all",
      cluster: "c",
      rule: "r",
      sinceMs: Date.parse("2026-01-02T03:04Z"),
      waiting: true,
      most: 7,
      cursor: null,
    });
  });

  test("incidents show and show are the same, with times in the reader's zone and UTC beside", async () => {
    const [incident = ""] = incidents;
    const shown = await cli(["incidents", "show", incident, "--url", desk.url], { TZ: "Asia/Tokyo" });
    expect(shown.stdout).toMatch(/first alert \d{4}-\d\d-\d\d \d\d:\d\d GMT\+9 \((?:\d{4}-\d\d-\d\d )?\d\d:\d\d UTC, \d+ d ago\)/);
    expect((await json("show", incident)).answer).toEqual((await json("incidents", "show", incident)).answer);
  });

  test("approve and deny: done is 0, too late is 1 with the reason, an unknown incident is 1", async () => {
    const [first = "", second = ""] = incidents;
    expect(await json("deny", first)).toMatchObject({ status: 0, answer: { kind: "accepted" } });
    expect(await ask("approve", first)).toMatchObject({ status: 1, stderr: "refused: nothing of this incident waits for approval\n" });
    expect(await ask("approve", second, "--action", "ecs:stop-task")).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^accepted: /),
    });
    expect(await json("release", second)).toMatchObject({ status: 1, answer: { kind: "refused" } });
    expect(await ask("undo", "0".repeat(16))).toMatchObject({ status: 1, stderr: expect.stringContaining("there is no incident") });
  });

  test("mute, mutes, unmute", async () => {
    const [first = ""] = incidents;
    const muted = await json("mute", first, "--for", "4h", "--reason", "a test");
    expect(muted).toMatchObject({ status: 0, answer: { mute: { state: "active", reason: "a test" } } });
    expect(desk.requests.at(-1)).toMatchObject({ seconds: 14_400 });
    const { mute } = muted.answer["mute"] as { readonly mute: string };
    expect((await ask("mutes")).stdout).toMatch(new RegExp(`${mute}\\s+active`));
    expect(await ask("unmute", mute)).toMatchObject({ status: 0 });
    expect(await json("mutes")).toMatchObject({ answer: { mutes: [{ state: "ended" }] } });
  });

  test("pause, status, resume", async () => {
    const [cluster] = world.registry.clusters;
    expect(await json("pause", "--cluster", cluster?.name ?? "", "--reason", "mesh")).toMatchObject({
      status: 0,
      answer: { kind: "accepted" },
    });
    expect((await ask("status")).stdout).toMatch(/^paused: [\s\S]*mesh/);
    expect(await json("status")).toMatchObject({ answer: { paused: true } });
    expect(await ask("resume", "--cluster", cluster?.name ?? "")).toMatchObject({ status: 0 });
    expect((await ask("status")).stdout).toMatch(/^running: nothing is paused\n/);
  });

  test("what cannot be reached or understood is 3 with a remedy, in --json too", async () => {
    desk.instead = { status: 502, body: "Internal Server Error" };
    try {
      expect(await ask("status")).toMatchObject({ status: 3, stderr: expect.stringContaining("see its log group") });
      expect(await json("status")).toMatchObject({ status: 3, answer: { kind: "error" } });
      desk.instead = { status: 403, body: '{"Message":"Forbidden"}' };
      expect(await ask("status")).toMatchObject({ status: 3, stderr: expect.stringContaining("docs/permissions.md") });
      // A service of the version before, which says less.
      const summary = { incident: "1f0c2d3e4a5b6c7d", cluster: null, who: "web", rule: null, state: "open", actions: [] };
      desk.instead = { status: 200, body: JSON.stringify({ schema: "falco-responder/answer/1", kind: "shown", summary }) };
      expect(await ask("show", "1f0c2d3e4a5b6c7d")).toMatchObject({
        status: 0,
        stdout: expect.stringContaining("web in no registered cluster"),
      });
      desk.instead = { status: 200, body: JSON.stringify({ schema: "falco-responder/answer/9", kind: "shown", summary }) };
      expect(await ask("show", "1f0c2d3e4a5b6c7d")).toMatchObject({ status: 3 });
    } finally {
      desk.instead = null;
    }
    expect(await ask("status")).toMatchObject({ status: 0 });
  });
});

describe("without asking anybody", () => {
  test.each([
    ["a mute without a time", ["mute", "1f0c2d3e4a5b6c7d", "--reason", "x"], "--for"],
    ["a mute without a reason", ["mute", "1f0c2d3e4a5b6c7d", "--for", "4h"], "--reason"],
    ["a mute of everything", ["mute", "--for", "4h", "--reason", "x"], "is a pause"],
    ["a mute of two things", ["mute", "1f0c2d3e4a5b6c7d", "--rule", "r", "--for", "4h", "--reason", "x"], "either an incident, or"],
    ["a mute for 31 days", ["mute", "1f0c2d3e4a5b6c7d", "--for", "31d", "--reason", "x"], "1m to 30d"],
    ["a pause without a reason", ["pause"], "--reason"],
    ["a list of a state that is none", ["incidents", "list", "--state", "half"], "open, closed, all"],
    ["a verb that is nearly one", ["aprove", "1f0c2d3e4a5b6c7d"], "Did you mean approve?"],
  ])("%s is wrong usage (2) and says what is right", async (_what, args, because) => {
    const { status, stderr } = await cli([...args, "--url", "http://127.0.0.1:9/"]);
    expect(status).toBe(2);
    expect(stderr).toContain(because);
  });

  test("completion: scripts for three shells, and candidates", async () => {
    for (const shell of ["bash", "zsh", "fish"])
      expect(await cli(["complete", shell])).toMatchObject({ status: 0, stdout: expect.stringContaining("falco-responder") });
    expect((await cli(["complete", "--", "incidents", "list", "--state", ""])).stdout).toMatch(/^open\s+closed\s+all/);
    expect((await cli(["complete", "--", "un"])).stdout).toMatch(/^undo\t[\s\S]*unmute\t/);
  });
});
