import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { sha256 } from "#shared/audit/canonical.ts";
import { isRecorded } from "#shared/audit/recorded.ts";
import { SWITCH } from "#shared/ledger/keys.ts";
import type { Digest } from "#shared/pipeline/audit/digest.ts";
import { recordMissing } from "#shared/pipeline/audit/missing.ts";
import { audit } from "#shared/pipeline/audit.ts";
import { lookAtRecord } from "#shared/pipeline/sweep/record.ts";
import { sweep } from "#shared/pipeline/sweep.ts";
import { of, stageOf } from "../pipeline/stage.ts";
import { linesOf, Recorder } from "./recorder.ts";

const signal = new AbortController().signal;
const schema = (name: string) =>
  new Ajv2020({ strict: false }).compile(JSON.parse(readFileSync(`infra/schemas/${name}.json`, "utf8")) as object);

async function acted() {
  const stage = stageOf([of("ecs:stop-task")]);
  const recorder = new Recorder(stage.world);
  await stage.send();
  return { ...stage, recorder };
}

const digestsIn = async ({
  archive,
}: Recorder): Promise<readonly { readonly key: string; readonly text: string; readonly digest: Digest }[]> => {
  const keys = [...archive.objects.keys()].filter((key) => key.startsWith("digests/")).toSorted();
  return await Promise.all(
    keys.map(async (key) => {
      const text = Buffer.from((await archive.get(key)) ?? []).toString("utf8");
      return { key, text, digest: JSON.parse(text) as Digest };
    }),
  );
};

describe("the function of the stream", () => {
  test("writes records that the published schema describes, and the policy and its index beside them", async () => {
    const { recorder, world } = await acted();
    expect(await recorder.record()).toMatchObject({ objects: 1, removed: 0 });
    const records = await recorder.records();
    const valid = schema("audit");
    for (const record of records) expect(valid(record), JSON.stringify(valid.errors)).toBe(true);
    expect(valid({ ...records[0], sha256: "x" })).toBe(false);
    const policy = await recorder.archive.get(`policy/${world.policy.version}.json`);
    expect(JSON.parse(Buffer.from(policy ?? []).toString("utf8"))).toMatchObject({ rules: [{ name: "shell" }] });
  });

  test("repeated, as a whole or in halves, records nothing else: every version stands in the bucket, and each once in what is true of it", async () => {
    const { recorder } = await acted();
    const changes = [...recorder.changes];
    await recorder.record();
    const keys = [...recorder.archive.objects.keys()];
    await audit(changes, recorder.ports(), signal);
    expect([...recorder.archive.objects.keys()]).toEqual(keys);
    await audit(changes.slice(0, 3), recorder.ports(), signal);
    const lines = (await recorder.records()).map((record) => JSON.stringify(record));
    expect(new Set(lines).size).toBe(changes.filter(({ item }) => item !== null && isRecorded(item)).length);
  });

  test("a bucket that does not answer fails the batch, and the next try has all of it", async () => {
    const { recorder } = await acted();
    const changes = [...recorder.changes];
    recorder.archive.failures = 1;
    await expect(audit(changes, recorder.ports(), signal)).rejects.toThrow("S3 does not answer");
    expect(recorder.world.table.ofType("audit")).toEqual([]);
    expect(await audit(changes, recorder.ports(), signal)).toMatchObject({ objects: 1 });
    expect(recorder.world.table.ofType("audit")).toHaveLength(2);
  });

  test("what somebody deletes is recorded, alarmed and named; what time deletes is not", async () => {
    const { recorder } = await acted();
    await recorder.record();
    const removal = { key: SWITCH, item: null, changedAt: new Date(recorder.world.clock.now()).toISOString() };
    const ports = recorder.ports();
    expect(await audit([{ ...removal, by: "service" }], ports, signal)).toMatchObject({ records: 0, removed: 0 });
    expect(await audit([{ ...removal, by: "somebody" }], ports, signal)).toMatchObject({ records: 1, removed: 1 });
    expect((await recorder.records()).at(-1)).toMatchObject({ event: "removed", type: "removal", pk: SWITCH.pk });
    expect(recorder.world.counts.get("LedgerItemsRemoved")).toBe(1);
  });
});

describe("digests", () => {
  test("each hour with records has one, with the hash of the one before; hours without have none", async () => {
    const { recorder, world, send, alert } = await acted();
    await recorder.record();
    world.later(2 * 3_600_000);
    await send(alert());
    await recorder.record();
    world.later(3 * 3_600_000);
    expect(await recorder.digest()).toBe(2);
    const [first, second, ...more] = await digestsIn(recorder);
    expect(more).toEqual([]);
    expect(first?.digest.previous).toBeNull();
    expect(second?.digest.previous).toEqual({ key: first?.key, sha256: sha256(first?.text ?? "") });
    const valid = schema("audit-digest");
    for (const { digest } of [first, second].flatMap((one) => one ?? [])) expect(valid(digest), JSON.stringify(valid.errors)).toBe(true);
    const named = [first, second].flatMap((one) => one?.digest.objects.map(({ key }) => key) ?? []);
    expect(named.toSorted()).toEqual([...recorder.archive.objects.keys()].filter((key) => key.startsWith("records/")).toSorted());
  });

  test("an hour that may still be written to has none yet; repeated, nothing changes", async () => {
    const { recorder, world } = await acted();
    await recorder.record();
    const untilNext = 3_600_000 - (world.clock.now() % 3_600_000);
    world.later(untilNext + 9 * 60_000);
    expect(await recorder.digest()).toBe(0);
    world.later(2 * 60_000);
    expect(await recorder.digest()).toBe(1);
    const before = await digestsIn(recorder);
    expect(await recorder.digest()).toBe(0);
    expect(await digestsIn(recorder)).toEqual(before);
  });

  test("two that write the same hour at once write the same digest", async () => {
    const { recorder, world } = await acted();
    await recorder.record();
    world.later(2 * 3_600_000);
    await Promise.all([recorder.digest(), recorder.digest()]);
    expect(await digestsIn(recorder)).toHaveLength(1);
  });
});

describe("what the stream lost", () => {
  const later = async (stage: Awaited<ReturnType<typeof acted>>, minutes: number) => {
    for (let minute = 0; minute < minutes; minute += 30) {
      stage.world.later(30 * 60_000);
      await sweep({ ...stage.world.sweepPorts(), audit: stage.recorder.archive }, signal);
    }
    return stage.world.counts.get("AuditRepaired") ?? 0;
  };

  test("is recorded by sweep a day after the incident closed, from what the ledger says, and alarmed", async () => {
    const stage = await acted();
    stage.recorder.changes.length = 0;
    expect(await later(stage, 27 * 60)).toBeGreaterThan(4);
    const records = await stage.recorder.records();
    expect(records.every(({ via }) => via === "sweep")).toBe(true);
    expect(records.map(({ type }) => type)).toEqual(expect.arrayContaining(["incident", "alert", "target", "claim", "receipt", "note"]));
    // That it was looked at is written to the incident afterwards, and comes by the stream.
    expect((await stage.recorder.report(stage.incident()))?.record.notRecorded).toEqual(["META@3"]);
  });

  test("its twin whose stream worked has nothing to repair, and is not looked at again", async () => {
    const stage = await acted();
    await stage.recorder.record();
    for (let hour = 0; hour < 30; hour++) {
      await later(stage, 60);
      await stage.recorder.record();
    }
    expect(stage.world.counts.get("AuditRepaired")).toBeUndefined();
    expect(stage.world.table.ofType("incident").map(({ due }) => due)).toEqual([undefined]);
  });

  test("an incident that is open is not looked at, whatever is due of it", async () => {
    const stage = await acted();
    stage.recorder.changes.length = 0;
    const [meta] = stage.world.table.ofType("incident");
    if (meta === undefined) throw new Error("no incident");
    stage.world.later(2 * 3_600_000);
    await lookAtRecord(meta, { ...stage.world.sweepPorts(), audit: stage.recorder.archive }, signal);
    expect(await stage.recorder.records()).toEqual([]);
    expect(stage.world.table.ofType("incident")).toEqual([meta]);
  });

  test("what is a few minutes old is on its way, not lost", async () => {
    const stage = await acted();
    const { table, clock } = stage.world.respondPorts();
    const look = () => recordMissing(stage.incident(), { archive: stage.recorder.archive, table, clock }, signal);
    expect(await look()).toBe(0);
    stage.world.later(11 * 60_000);
    expect(await look()).toBeGreaterThan(4);
    expect(await look()).toBe(0);
  });
});

test("whoever forges an object or the ledger is seen by whoever verifies; what nobody touched matches", async () => {
  const { recorder, incident, world } = await acted();
  await recorder.record();
  const results = async () =>
    new Set((await recorder.report(incident(), true))?.record.verified?.map(({ what, result }) => `${what} ${result}`));
  expect(await results()).toEqual(new Set(["audit matches", "item matches", "evidence matches"]));

  const receipt = world.table.ofType("receipt")[0];
  if (receipt === undefined) throw new Error("no receipt");
  world.table.seed({ ...receipt, body: String(receipt["body"]).replace('"done"', '"refused"') });
  expect(await results()).toContain("item differs");
  world.table.seed(receipt);
  expect(await results()).not.toContain("item differs");

  const [key = ""] = [...recorder.archive.objects.keys()].filter((name) => name.startsWith("records/"));
  const whole = await recorder.archive.get(key);
  recorder.archive.forge(key, "not what was written");
  expect(await results()).toContain("audit differs");
  const told = linesOf(whole ?? new Uint8Array()).join("\n");
  recorder.archive.forge(key, gzipSync(`${told.replace('"done"', '"refused"')}\n`));
  expect(await results()).toContain("audit differs");
  recorder.archive.forge(key, null);
  expect(await results()).toContain("audit missing");
  recorder.archive.forge(key, whole);
  const [evidence = ""] = world.evidence.keys();
  world.evidence.set(evidence, "{}");
  expect(await results()).toContain("evidence differs");
});
