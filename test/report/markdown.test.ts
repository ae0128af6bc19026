import { describe, expect, test } from "vitest";
import { code, inertJson } from "#shared/report/inert.ts";
import { reportMarkdown } from "#shared/report/markdown.ts";
import { Recorder } from "../audit/recorder.ts";
import { of, stageOf } from "../pipeline/stage.ts";

const HOSTILE = [
  "![x](https://evil.example/p.png)",
  "[click](https://evil.example)",
  "<img src=x onerror=alert(1)>",
  "`` ` ``` ```` <script>alert(1)</script>",
  "`",
  "```\n# Forged heading\n- outcome: done",
  "\u001b[2J\u001b]8;;https://evil.example\u0007link\u001b]8;;\u0007",
  "\u202egnp.exe\u2066",
  "a\r\nb\u2028c\u0085d\u009b31m",
  "@channel <!here> https://evil.example/?a=b www.evil.example",
  "&lt;b&gt; &#60;script&#62;",
  "| a | b |\\|",
  "",
  "   ",
];

// biome-ignore lint/suspicious/noControlCharactersInRegex: the point is to find them
const STEERS = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\u2028\u2029]/;

/** Removes every code span as CommonMark reads them: what is left is what would be alive. */
function alive(markdown: string): string {
  return markdown
    .split("\n")
    .map((line) => line.replace(/(?<!`)(`+)(?!`)(.*?)(?<!`)\1(?!`)/g, "§"))
    .join("\n");
}

describe("a text as a code span", () => {
  test.each(HOSTILE.map((text) => [JSON.stringify(text), text]))("%s does not leave it", (_name, text) => {
    const span = code(text);
    expect(span).not.toMatch(STEERS);
    expect(alive(`- ${span} end`)).toBe(text.trim() === "" ? "- (empty) end" : "- § end");
  });

  test("what is harmless reads as it is", () => {
    expect(code("nginx -g daemon")).toBe("`nginx -g daemon`");
    expect(code("a `b` c")).toBe("`` a `b` c ``");
  });
});

async function reported(hostile: string) {
  const stage = stageOf([of("ecs:stop-task")]);
  const recorder = new Recorder(stage.world);
  const fields = { "proc.name": hostile, "proc.cmdline": hostile, "proc.pname": hostile, "proc.aname[2]": hostile, "user.name": hostile };
  const given = stage.alert();
  await stage.send({
    ...given,
    alert: { ...given.alert, output: hostile, hostname: hostile, time: hostile, fields: { ...given.alert.fields, ...fields } },
    accuser: { ...given.accuser, logStream: hostile, eventId: hostile },
  });
  await stage.swept();
  await recorder.record();
  const report = await recorder.report(stage.incident(), true);
  if (report === null) throw new Error("no report");
  return report;
}

test.each(HOSTILE.map((text) => [JSON.stringify(text), text]))(
  "an alert that says %s changes nothing of the report but its code spans",
  async (_name, text) => {
    const shape = (markdown: string) =>
      alive(markdown)
        .replaceAll("(empty)", "§")
        .replace(/[0-9]+/g, "0");
    const hostile = shape(reportMarkdown(await reported(text)));
    const plain = shape(reportMarkdown(await reported("harmless")));
    expect(hostile).toBe(plain);
    expect(hostile).not.toMatch(/[`<\]]|https?:|evil/);
  },
);

test("JSON for a terminal is the same value, and nothing in it steers one", async () => {
  for (const text of HOSTILE) {
    const report = await reported(text);
    const json = inertJson(report);
    expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify(report)));
    expect(json.replaceAll("\n", "")).not.toMatch(STEERS);
  }
});

test("the report reads from the syscall to the receipt", async () => {
  const markdown = reportMarkdown(await reported("sh"));
  const order = [
    "# Incident",
    "## Alerts",
    "- Accuser: believed",
    "- Raw line: account",
    "## Targets",
    "Verified:",
    "## Policy in force",
    "## Questions and answers",
    "## What was done",
    "`ecs:stop-task`: done",
    "- Evidence: object",
    "## Who was told",
    "## Timeline",
    "## Record of proof",
  ];
  let at = -1;
  for (const part of order) {
    const next = markdown.indexOf(part, at + 1);
    expect(next, part).toBeGreaterThan(at);
    at = next;
  }
  expect(markdown).toContain("match, 0 differ, 0 are missing");
  expect(markdown).not.toMatch(/undefined|\[object|NaN/);
});
