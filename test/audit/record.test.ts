import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { hashOfValue } from "#shared/audit/canonical.ts";
import { objectsOf } from "#shared/audit/object.ts";
import { recordOf } from "#shared/audit/record.ts";
import { isRecorded, RECORDED } from "#shared/audit/recorded.ts";
import type { AlertBody } from "#shared/ledger/incident.ts";
import { pack } from "#shared/ledger/items.ts";
import { alertKey, metaKey, SWITCH } from "#shared/ledger/keys.ts";
import type { Item } from "#shared/ports/table.ts";
import { of, stageOf } from "../pipeline/stage.ts";

const AT = "2026-11-28T22:00:00.000Z";
const NOW = Date.parse(AT);

/** An alert of an attacker who typed a secret, as the ledger holds it. */
async function alertItem(fields: Readonly<Record<string, string>>): Promise<Item> {
  const stage = stageOf([of("ecs:stop-task")]);
  await stage.send(stage.alert({ about: { output: "curl -H 'Authorization: Bearer abcdef0123456789abcdef' by alice", fields } }));
  const item = stage.world.table.ofType("alert")[0];
  if (item === undefined) throw new Error("no alert");
  return item;
}

describe("what is kept of an alert", () => {
  const typed = {
    "proc.cmdline": "mysql -phunter2 -u alice",
    "user.name": "alice",
    "proc.env": "DB_PASSWORD=hunter2",
    "fd.name": "10.0.0.9:443",
  };
  const named = {
    "proc.name": "mysql",
    "proc.pname": "sh",
    "evt.type": "execve",
    "container.id": "0123456789ab",
    "proc.aname[2]": "nginx",
  };

  test("no command line, output, environment or name of a user; what happened, where, and by which process stays", async () => {
    const { facts } = recordOf(await alertItem({ ...typed, ...named }), AT, "stream");
    for (const gone of ["hunter2", "alice", "abcdef0123456789", "10.0.0.9", "cmdline"]) expect(facts).not.toContain(gone);
    const { alert, accuser } = JSON.parse(facts) as AlertBody & { readonly alert: { readonly fieldsLeftOut: number } };
    expect(alert).toMatchObject({ fields: named, fieldsLeftOut: 4, rule: "Terminal shell in container" });
    expect(accuser).toMatchObject({
      verified: true,
      logGroup: expect.any(String),
      logStream: expect.any(String),
      eventId: expect.any(String),
    });
  });

  test("the hash of the whole alert proves the one that is kept elsewhere, and no other", async () => {
    const item = await alertItem(typed);
    const record = recordOf(item, AT, "stream");
    const { alert } = JSON.parse(String(item["body"])) as AlertBody;
    const { alert: kept } = JSON.parse(record.facts) as { readonly alert: { readonly whole: { readonly sha256: string } } };
    expect(kept.whole.sha256).toBe(hashOfValue(alert));
    expect(kept.whole.sha256).not.toBe(hashOfValue({ ...alert, fields: { ...alert.fields, "user.name": "bob" } }));
    expect(record.sha256).toBe(hashOfValue(item));
    expect(record.sha256).not.toBe(hashOfValue({ ...item, version: 2 }));
  });
});

test("texts of people and APIs are redacted and bounded wherever they stand", () => {
  const body = {
    state: "held",
    because: `denied: password=${"hunter2".repeat(2)} ${"x".repeat(9_000)}`,
    by: { kind: "slack", team: "T1", user: "U1" },
  };
  const record = recordOf(pack(metaKey("0123456789abcdef"), "order", 1, NOW, body), AT, "stream");
  expect(JSON.stringify(record)).not.toContain("hunter2");
  expect(JSON.stringify(record).length).toBeLessThan(6_000);
  expect(record).toMatchObject({ incident: "0123456789abcdef", state: "held", by: '{"kind":"slack","team":"T1","user":"U1"}' });
});

test("what stands beside a body is kept with it: who was told a notice, and after how many attempts", () => {
  const item = pack(metaKey("0123456789abcdef"), "note", 2, NOW, { title: "paused" }, { state: "sent", channel: "oncall", attempts: 1 });
  expect(JSON.parse(recordOf(item, AT, "stream").facts)).toEqual({ title: "paused", item: { channel: "oncall", attempts: 1 } });
});

test.each([
  ["no JSON", "{"],
  ["no object", "[]"],
  ["an alert without an alert", "{}"],
  ["a claim of another shape", '{"plan":7}'],
])("a body that is %s is recorded with the hash of its item, and stops nothing", (_what, body) => {
  const item = { ...alertKey("0123456789abcdef", "a"), type: body.includes("plan") ? "claim" : "alert", version: 3, at: AT, body };
  expect(isRecorded(item)).toBe(true);
  expect(recordOf(item, AT, "stream")).toMatchObject({ version: 3, sha256: hashOfValue(item) });
});

describe("which items", () => {
  const meta = (version: number, state: string): Item => pack(metaKey("0123456789abcdef"), "incident", version, NOW, { state });
  test("an incident when it opens and when it closes; that it grew, not", () => {
    expect([meta(1, "open"), meta(2, "closed")].map(isRecorded)).toEqual([true, true]);
    expect(isRecorded(meta(2, "open"))).toBe(false);
  });

  test("a message that was sent, or can never be; its attempts on the way, not", () => {
    const note = (state: string): Item => ({ pk: "X", sk: "NOTE#x", type: "note", version: 2, at: AT, state });
    expect(["sent", "dead", "pending", "sending"].filter((state) => isRecorded(note(state)))).toEqual(["sent", "dead"]);
  });

  test("the switch, even set by hand without a type; a type that this code does not know; no helper", () => {
    expect(isRecorded({ ...SWITCH, paused: true } as unknown as Item)).toBe(true);
    expect(isRecorded({ pk: "X", sk: "Y", type: "of-tomorrow", version: 1, at: AT })).toBe(true);
    expect(isRecorded({ pk: "X", sk: "Y", type: "seen", version: 1, at: AT })).toBe(false);
  });

  test("every type that the ledger knows has its place in the list, and whoever is left out a reason", () => {
    const declared = /export type ItemType =([^;]+);/.exec(readFileSync("shared/ledger/items.ts", "utf8"))?.[1] ?? "";
    const types = [...declared.matchAll(/"([a-z-]+)"/g)].map(([, type]) => type ?? "");
    // Flat items have no entry there, and are written with their type beside a version.
    const sources = readdirSync("shared", { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
    const written = sources.flatMap((file) => [
      ...readFileSync(join("shared", file), "utf8").matchAll(/\btype: "([a-z-]+)",\s+version: /g),
    ]);
    types.push(...written.map(([, type]) => type ?? ""));
    expect(types).toEqual(expect.arrayContaining(["alert", "note", "count", "switch", "held"]));
    for (const type of types) expect(RECORDED, type).toHaveProperty(type);
    for (const [type, recording] of Object.entries(RECORDED))
      if (recording.kind !== "always") expect(recording.because.length, type).toBeGreaterThan(10);
  });

  test("the filter of the function's event source leaves out the types that are never recorded, and no other", () => {
    const filter = /anything-but: \[([^\]]+)\]/.exec(readFileSync("serverless.yml", "utf8"))?.[1] ?? "";
    const never = Object.entries(RECORDED).flatMap(([type, { kind }]) => (kind === "never" ? [type] : []));
    expect(filter.split(", ").toSorted()).toEqual(never.toSorted());
  });
});

test("the same records are the same object; records of two days are two", async () => {
  const record = recordOf(await alertItem({}), AT, "stream");
  const first = { ...record, at: "2026-11-28T23:59:59.999Z" };
  const second = { ...record, at: "2026-11-29T00:00:00.000Z" };
  const objects = objectsOf([first, second]);
  expect(objects.map(({ key }) => key.slice(0, 22))).toEqual(["records/dt=2026-11-28/", "records/dt=2026-11-29/"]);
  expect(objectsOf([first]).map(({ key }) => key)).toEqual([objects[0]?.key]);
  expect(objectsOf([{ ...first, state: "other" }])[0]?.key).not.toBe(objects[0]?.key);
});

test("the table of docs/audit.md has a column for every member of a record, in their order", async () => {
  const ddl = /CREATE EXTERNAL TABLE[^(]+\(([\s\S]*?)\n\)/.exec(readFileSync("docs/audit.md", "utf8"))?.[1] ?? "";
  const columns = [...ddl.matchAll(/`(\w+)` \w+/g)].map(([, name]) => name);
  expect(columns).toEqual(Object.keys(recordOf(await alertItem({}), AT, "stream")));
});
