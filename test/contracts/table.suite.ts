import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { Item, Table } from "#shared/ports/table.ts";

const signal = new AbortController().signal;

/** What every Table promises. `table` is called once; the keys of each test are its own. */
export function tableSuite(title: string, table: () => Table | Promise<Table>): void {
  describe(`the ledger's table: ${title}`, () => {
    const made = Promise.resolve().then(table);
    const item = (pk: string, sk: string, version = 1, more: Partial<Item> = {}): Item => ({
      pk,
      sk,
      type: "test",
      version,
      at: "2026-01-01T00:00:00.000Z",
      ...more,
    });
    const fresh = () => `TEST#${randomUUID()}`;

    test("a missing item is null, and a written one comes back whole", async () => {
      const t = await made;
      const pk = fresh();
      expect(await t.get({ pk, sk: "A" }, signal)).toBeNull();
      const whole = item(pk, "A", 1, {
        body: '{"n":1}',
        list: ["a", 1, null, { deep: true }],
        due: "2020-01-01T00:00:00.000Z",
        expires: 9,
      });
      expect(await t.transact([{ op: "put", item: whole, when: { kind: "absent" } }], signal)).toEqual({ ok: true });
      expect(await t.get({ pk, sk: "A" }, signal)).toEqual(whole);
    });

    test("absent fails where an item is, and names the position of the failed write only", async () => {
      const t = await made;
      const pk = fresh();
      await t.transact([{ op: "put", item: item(pk, "A"), when: null }], signal);
      const result = await t.transact(
        [
          { op: "put", item: item(pk, "B"), when: { kind: "absent" } },
          { op: "put", item: item(pk, "A", 2), when: { kind: "absent" } },
        ],
        signal,
      );
      expect(result).toEqual({ ok: false, failed: [1] });
      expect(await t.get({ pk, sk: "B" }, signal)).toBeNull();
      expect((await t.get({ pk, sk: "A" }, signal))?.version).toBe(1);
    });

    test("a version condition holds for exactly that version and never for a missing item", async () => {
      const t = await made;
      const pk = fresh();
      const put = (version: number, at: number) =>
        t.transact([{ op: "put", item: item(pk, "A", version), when: { kind: "version", version: at } }], signal);
      expect(await put(2, 1)).toEqual({ ok: false, failed: [0] });
      await t.transact([{ op: "put", item: item(pk, "A"), when: { kind: "absent" } }], signal);
      expect(await put(2, 1)).toEqual({ ok: true });
      expect(await put(3, 1)).toEqual({ ok: false, failed: [0] });
    });

    test.each([
      ["absent", null, true],
      ["false", { paused: false }, true],
      ["true", { paused: true }, false],
      ["no boolean", { paused: "yes" }, false],
      ["there without saying", {}, false],
    ] as const)("a switch that is %s", async (_title, content, passes) => {
      const t = await made;
      const pk = fresh();
      if (content !== null) await t.transact([{ op: "put", item: item(pk, "SWITCH", 1, content), when: null }], signal);
      const result = await t.transact(
        [
          { op: "put", item: item(pk, "A"), when: { kind: "absent" } },
          { op: "check", key: { pk, sk: "SWITCH" }, when: { kind: "not-paused" } },
        ],
        signal,
      );
      expect(result).toEqual(passes ? { ok: true } : { ok: false, failed: [1] });
      expect(await t.get({ pk, sk: "A" }, signal)).toEqual(passes ? item(pk, "A") : null);
    });

    test("a delete is conditional too", async () => {
      const t = await made;
      const pk = fresh();
      await t.transact([{ op: "put", item: item(pk, "A"), when: null }], signal);
      const remove = (version: number) => t.transact([{ op: "delete", key: { pk, sk: "A" }, when: { kind: "version", version } }], signal);
      expect(await remove(2)).toEqual({ ok: false, failed: [0] });
      expect(await remove(1)).toEqual({ ok: true });
      expect(await t.get({ pk, sk: "A" }, signal)).toBeNull();
    });

    test("of many concurrent writers of one version exactly one wins", async () => {
      const t = await made;
      const pk = fresh();
      await t.transact([{ op: "put", item: item(pk, "A"), when: { kind: "absent" } }], signal);
      const results = await Promise.all(
        Array.from({ length: 8 }, (_, n) =>
          t.transact([{ op: "put", item: item(pk, "A", 2, { by: n }), when: { kind: "version", version: 1 } }], signal),
        ),
      );
      expect(results.filter(({ ok }) => ok)).toHaveLength(1);
    });

    test("a token makes a repeated call the same call", async () => {
      const t = await made;
      const pk = fresh();
      const token = randomUUID();
      const call = () => t.transact([{ op: "put", item: item(pk, "A"), when: { kind: "absent" } }], signal, token);
      expect(await call()).toEqual({ ok: true });
      expect(await call()).toEqual({ ok: true });
    });

    test("a query answers what begins so, in order, across pages, and putAll takes any number", async () => {
      const t = await made;
      const pk = fresh();
      const many = Array.from({ length: 60 }, (_, n) => item(pk, `NOTE#${String(n).padStart(3, "0")}`, 1, { pad: "x".repeat(30_000) }));
      await t.putAll([...many, item(pk, "META")], signal);
      const found = await t.query(pk, "NOTE#", signal);
      expect(found.map(({ sk }) => sk)).toEqual(many.map(({ sk }) => sk));
      await t.putAll(many, signal);
      expect(await t.query(pk, "NOTE#", signal)).toHaveLength(60);
    });

    test("due answers the earliest first, to the limit, and an item without due has left", async () => {
      const t = await made;
      const pk = fresh();
      const at = (n: number) => `1990-01-0${n}T00:00:00.000Z`;
      await t.putAll([item(pk, "C", 1, { due: at(3) }), item(pk, "A", 1, { due: at(1) }), item(pk, "B", 1, { due: at(2) })], signal);
      const mine = async (until: string, limit: number) =>
        (await t.due(until, limit, signal)).filter((found) => found.pk === pk).map(({ sk }) => sk);
      await expect.poll(() => mine(at(9), 100), { timeout: 10_000 }).toEqual(["A", "B", "C"]);
      expect(await mine(at(2), 100)).toEqual(["A", "B"]);
      await t.putAll([item(pk, "A", 2), item(pk, "B", 2), item(pk, "C", 2)], signal);
      await expect.poll(() => mine(at(9), 100), { timeout: 10_000 }).toEqual([]);
    });
  });
}
