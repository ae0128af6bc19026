import { describe, expect, test } from "vitest";
import { iamActor } from "#shared/domain/actor.ts";
import type { IncidentBody, ReceiptBody } from "#shared/ledger/incident.ts";
import { SWITCH } from "#shared/ledger/keys.ts";
import type { OrderBody } from "#shared/ledger/order.ts";
import { operate } from "#shared/pipeline/operate.ts";
import { respond } from "#shared/pipeline/respond.ts";
import { sweep } from "#shared/pipeline/sweep.ts";
import { NETWORK_POLICY, NODE, POD } from "#shared/playbooks/kubernetes/kinds.ts";
import { QUARANTINE } from "#shared/playbooks/kubernetes/marks.ts";
import { encodeOrder } from "#shared/wire/order.ts";
import { podEntry, policyOf, shellRule, World } from "../fakes/world.ts";
import { acting, done } from "./done.ts";

const signal = new AbortController().signal;
const HOUR = 3_600_000;
const ALICE = "arn:aws:iam::111122223333:user/alice";

/** Time passes, sweep runs each minute that counts, and lanes carry out what it sends. */
async function passes(world: World, ms: number): Promise<void> {
  world.later(ms);
  for (let round = 0; round < 3; round++) {
    await sweep(world.sweepPorts(), signal);
    for (let next = world.orders.shift(); next !== undefined; next = world.orders.shift())
      await respond({ body: encodeOrder(next.order), receiveCount: 1 }, world.respondPorts(), signal);
    world.later(61_000);
  }
}

const receipts = (world: World) => world.bodies<ReceiptBody>("receipt").map(({ receipt }) => receipt);
const own = (world: World) => receipts(world).filter(({ undoing }) => undoing === true);
const quarantined = (world: World, uid: string) => world.kubernetes.all(POD).find(({ metadata }) => metadata.uid === uid);
const QUIET = { unproven: "allow" };

describe("an isolation whose time is over", () => {
  test("ends the pod, never lets it go, takes its policy along and says so", async () => {
    const { world, pod } = await done("kubernetes:quarantine", { ...QUIET, expires_after: "2h" });
    expect(receipts(world)).toMatchObject([{ outcome: "done" }]);
    expect(quarantined(world, pod.uid)?.metadata.labels).toMatchObject({ [QUARANTINE]: pod.uid });
    await passes(world, 2 * HOUR - 10 * 60_000);
    expect(quarantined(world, pod.uid)).toBeDefined();
    await passes(world, 10 * 60_000);
    expect(quarantined(world, pod.uid)).toBeUndefined();
    expect(world.kubernetes.all(NETWORK_POLICY)).toEqual([]);
    expect(own(world)).toMatchObject([{ timed: "ended", outcome: "done" }]);
    const told = world.messages.flatMap((message) => (message.kind === "sns" ? [message.subject] : []));
    expect(told.at(-1)).toContain("Ended when its time was over");
  });

  test("does not keep its incident open meanwhile", async () => {
    const { world, pod } = await done("kubernetes:quarantine", { ...QUIET, expires_after: "2h" });
    await passes(world, HOUR);
    expect(world.bodies<IncidentBody>("incident").map(({ state }) => state)).toEqual(["closed"]);
    await passes(world, HOUR);
    expect(quarantined(world, pod.uid)).toBeUndefined();
  });

  test("waits for the kill switch; its twin without does not", async () => {
    const { world, pod } = await done("kubernetes:quarantine", { ...QUIET, expires_after: "2h" });
    const paused = { ...SWITCH, type: "switch", version: 1, at: "2026-03-01T12:00:00.000Z", paused: true };
    await world.table.transact([{ op: "put", item: paused, when: null }], signal);
    await passes(world, 3 * HOUR);
    expect(quarantined(world, pod.uid)).toBeDefined();
    await world.table.transact([{ op: "put", item: { ...paused, paused: false }, when: null }], signal);
    await passes(world, HOUR);
    expect(quarantined(world, pod.uid)).toBeUndefined();
  });

  test("asks when the policy says so: nothing changes, and a person's yes ends it", async () => {
    const { world, pod } = await done("kubernetes:quarantine", { ...QUIET, expires_after: "2h", on_expiry: "ask" });
    await passes(world, 2 * HOUR);
    expect(quarantined(world, pod.uid)).toBeDefined();
    expect(own(world)).toMatchObject([{ timed: "asked", outcome: "refused" }]);
    const asked = world.bodies<OrderBody>("order").find(({ verb }) => verb === "approve");
    expect(asked).toMatchObject({ state: "awaiting", key: "kubernetes:terminate", target: pod.uid });
    const { table, clock, telemetry, orders } = world.respondPorts();
    const request = { verb: "approve", incident: asked?.incident ?? "", action: null, target: null } as const;
    expect(await operate(request, iamActor(ALICE), { table, clock, telemetry, orders }, signal)).toMatchObject({ kind: "accepted" });
    await passes(world, 60_000);
    expect(quarantined(world, pod.uid)).toBeUndefined();
  });

  test.each([
    ["observe", /no longer enforces/],
    ["approve", /no longer enforces/],
  ] as const)("nobody is ended by time when the policy's mode is %s by then: a person is asked, with the reason", async (mode, because) => {
    const { world, pod } = await done("kubernetes:quarantine", { ...QUIET, expires_after: "2h" });
    world.policy = { ...world.policy, mode };
    await passes(world, 2 * HOUR);
    expect(quarantined(world, pod.uid)).toBeDefined();
    expect(own(world)).toMatchObject([{ timed: "asked", because: expect.stringMatching(because) }]);
  });

  test("whom somebody protects by then is not ended, and that is told", async () => {
    const { world, pod } = await done("kubernetes:quarantine", { ...QUIET, expires_after: "2h" });
    world.policy = { ...world.policy, protect: { ...world.policy.protect, labels: { keep: "true" } } };
    const { labels } = world.kubernetes.running().find(({ uid }) => uid === pod.uid) ?? { labels: {} };
    world.kubernetes.change(pod, { labels: { ...labels, keep: "true" } });
    await passes(world, 2 * HOUR);
    expect(quarantined(world, pod.uid)).toBeDefined();
    expect(own(world)).toMatchObject([
      { timed: "ended", outcome: "refused", because: expect.stringContaining("the label keep protects it") },
    ]);
  });

  test("what a person had to approve is not ended without a person", async () => {
    const world = new World(
      policyOf([{ ...shellRule, actions: [{ ...acting("kubernetes:quarantine", { ...QUIET, expires_after: "2h" }), mode: "approve" }] }]),
    );
    const pod = world.kubernetes.run();
    const entry = podEntry(world, { ...pod, containerId: pod.containers[0]?.id ?? "" });
    await respond({ body: JSON.stringify(entry), receiveCount: 1 }, world.respondPorts(), signal);
    const { table, clock, telemetry, orders } = world.respondPorts();
    const [{ incident } = { incident: "" }] = world.bodies<IncidentBody>("incident");
    await operate({ verb: "approve", incident, action: null, target: null }, iamActor(ALICE), { table, clock, telemetry, orders }, signal);
    await passes(world, 60_000);
    expect(receipts(world)).toMatchObject([{ action: "kubernetes:quarantine", outcome: "done" }]);
    await passes(world, 2 * HOUR);
    expect(quarantined(world, pod.uid)).toBeDefined();
    expect(own(world)).toMatchObject([{ timed: "asked", because: expect.stringContaining("a person approved it") }]);
  });

  test("a person who took it back before is not overruled", async () => {
    const { world, pod, order } = await done("kubernetes:quarantine", { ...QUIET, expires_after: "2h" });
    const { table, clock, telemetry, orders } = world.respondPorts();
    await operate(
      { verb: "undo", incident: order?.incident ?? "", action: null, target: null },
      iamActor(ALICE),
      { table, clock, telemetry, orders },
      signal,
    );
    await passes(world, 60_000);
    expect(quarantined(world, pod.uid)?.metadata.labels).toEqual({ app: "web" });
    await passes(world, 3 * HOUR);
    expect(world.kubernetes.deleted.has(pod.uid)).toBe(false);
    expect(own(world).some(({ timed }) => timed !== undefined)).toBe(false);
  });
});

describe("a cordon whose time is over", () => {
  const unschedulable = (world: World) => world.kubernetes.object(NODE, null, "node-1")?.spec?.["unschedulable"] === true;

  test("is taken back; one without a time stays", async () => {
    const { world } = await done("kubernetes:cordon", { expires_after: "30m" });
    expect(unschedulable(world)).toBe(true);
    await passes(world, 30 * 60_000);
    expect(unschedulable(world)).toBe(false);
    expect(own(world)).toMatchObject([{ timed: "undone", outcome: "done" }]);
    const lasting = await done("kubernetes:cordon");
    await passes(lasting.world, 48 * HOUR);
    expect(unschedulable(lasting.world)).toBe(true);
    expect(lasting.order).toBeUndefined();
  });

  test("is taken back although the kill switch is on: nobody is hurt by it", async () => {
    const { world } = await done("kubernetes:cordon", { expires_after: "30m" });
    const paused = { ...SWITCH, type: "switch", version: 1, at: "2026-03-01T12:00:00.000Z", paused: true };
    await world.table.transact([{ op: "put", item: paused, when: null }], signal);
    expect(unschedulable(world)).toBe(true);
    await passes(world, 30 * 60_000);
    expect(unschedulable(world)).toBe(false);
  });
});
