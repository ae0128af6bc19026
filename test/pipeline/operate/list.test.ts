import { describe, expect, test } from "vitest";
import { sweep } from "#shared/pipeline/sweep.ts";
import { policyOf, shellRule, World } from "../../fakes/world.ts";
import { ask, DAY, deliver, HOUR, incidentIn, listed, MINUTE, offender, signal } from "./desk.ts";

/** Incidents of so many services, a quarter of an hour apart, the first one first. */
async function many(count: number, apartMs = 15 * MINUTE) {
  const world = new World(policyOf([{ ...shellRule, mode: "approve" }]));
  const incidents: string[] = [];
  for (let nth = 0; nth < count; nth++) {
    incidents.push(incidentIn(await deliver(world, offender(world, `web-${nth}`).alert())));
    world.later(apartMs);
  }
  return { world, incidents };
}

const ids = ({ incidents }: Awaited<ReturnType<typeof listed>>): readonly string[] => incidents.map(({ incident }) => incident);

describe("incidents list", () => {
  test("shows the newest first, page after page, each incident once and none left out", async () => {
    const { world, incidents } = await many(7);
    const seen: string[] = [];
    let cursor: string | null = null;
    for (let page = 0; page < 10; page++) {
      const answer: Awaited<ReturnType<typeof listed>> = await listed(world, { most: 3, cursor });
      seen.push(...ids(answer));
      cursor = answer.next;
      if (cursor === null) break;
    }
    expect(seen).toEqual([...incidents].reverse());
  });

  test("goes on over days without an incident", async () => {
    const { world, incidents } = await many(3, 9 * DAY);
    expect(ids(await listed(world))).toEqual([...incidents].reverse());
    const first = await listed(world, { most: 1 });
    expect(ids(await listed(world, { most: 5, cursor: first.next }))).toEqual([...incidents].reverse().slice(1));
  });

  test("a row says what the incident's own item says, and how many questions are open", async () => {
    const { world, incidents } = await many(1, MINUTE);
    expect((await listed(world)).incidents).toEqual([
      expect.objectContaining({
        incident: incidents[0],
        state: "open",
        rule: "shell",
        who: expect.stringContaining("web-0"),
        count: 1,
        waiting: 1,
      }),
    ]);
  });

  test("--waiting leaves out what nobody is asked about any more; before the answer it is there", async () => {
    const { world, incidents } = await many(2);
    const [first = ""] = incidents;
    expect(ids(await listed(world, { waiting: true }))).toContain(first);
    await ask(world, { verb: "deny", incident: first, action: null, target: null });
    expect(ids(await listed(world, { waiting: true }))).toEqual([incidents[1]]);
    world.later(policyOf().approvalSeconds * 1_000);
    expect(ids(await listed(world, { waiting: true }))).toEqual([]);
  });

  test.each([
    ["cluster", { cluster: "shop-ecs" }, { cluster: "elsewhere" }],
    ["rule", { rule: "shell" }, { rule: "another" }],
  ] as const)("filters by %s", async (_what, fits, fitsNot) => {
    const { world } = await many(2);
    const { cluster } = (await listed(world)).incidents[0] ?? {};
    const wanted = "cluster" in fits ? { cluster: cluster ?? "" } : fits;
    expect(ids(await listed(world, wanted))).toHaveLength(2);
    expect(ids(await listed(world, fitsNot))).toEqual([]);
  });

  test("since cuts at its moment, to the millisecond", async () => {
    const { world, incidents } = await many(2, HOUR);
    const openedAtMs = (await listed(world)).incidents[0]?.firstAlertAtMs ?? 0;
    expect(ids(await listed(world, { sinceMs: openedAtMs }))).toEqual([incidents[1]]);
    expect(ids(await listed(world, { sinceMs: openedAtMs + 1 }))).toEqual([]);
  });

  test("an incident that was closed is among the closed, and no longer among the open", async () => {
    const world = new World(policyOf([{ ...shellRule, mode: "observe" }]));
    const incident = incidentIn(await deliver(world, offender(world, "web").alert()));
    expect(ids(await listed(world, { state: "open" }))).toEqual([incident]);
    world.later(HOUR);
    await sweep(world.sweepPorts(), signal);
    expect(ids(await listed(world, { state: "open" }))).toEqual([]);
    expect(ids(await listed(world, { state: "closed" }))).toEqual([incident]);
  });

  test("another alert of an open incident makes no second row", async () => {
    const world = new World(policyOf([{ ...shellRule, mode: "observe" }]));
    const { alert } = offender(world, "web");
    await deliver(world, alert());
    world.later(DAY / 48);
    await deliver(world, alert());
    expect((await listed(world)).incidents).toMatchObject([{ count: 2 }]);
  });

  test("what matches nothing costs a bounded number of reads in a call, and says where to go on", async () => {
    const { world } = await many(4, 0);
    const before = world.table.reads;
    const answer = await listed(world, { sinceMs: 0, rule: "another" });
    expect(world.table.reads - before).toBeLessThanOrEqual(110);
    expect(answer.incidents).toEqual([]);
    expect(answer.next).toMatch(/^\d{4}-\d\d-\d\d$/);
    const rest = await listed(world, { sinceMs: 0, cursor: answer.next });
    expect(rest.incidents).toEqual([]);
  });

  test("a cursor that no list gave is refused; its twin is taken", async () => {
    const { world } = await many(1);
    const request = { verb: "list", state: "all", cluster: null, rule: null, sinceMs: null, waiting: false, most: 5 } as const;
    expect(await ask(world, { ...request, cursor: "INCIDENT#x" })).toMatchObject({ kind: "refused" });
    expect(await ask(world, { ...request, cursor: "2026-01-01" })).toMatchObject({ kind: "listed" });
  });
});
