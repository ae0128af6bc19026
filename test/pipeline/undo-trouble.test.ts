import { expect, test } from "vitest";
import { PipelineError } from "#shared/domain/error.ts";
import { incidentPk } from "#shared/ledger/keys.ts";
import type { OrderBody } from "#shared/ledger/order.ts";
import { respond } from "#shared/pipeline/respond.ts";
import { Crash } from "../fakes/table.ts";
import { FORMER, isolate, of, QUARANTINE, receiptsOf, signal, stageOf } from "./stage.ts";

const undoReceipt = (stage: ReturnType<typeof stageOf>) => receiptsOf(stage.world).find(({ undoing }) => undoing === true);
const undoOrder = (stage: ReturnType<typeof stageOf>) => stage.world.bodies<OrderBody>("order").find(({ verb }) => verb === "undo");

async function isolated() {
  const stage = stageOf([isolate]);
  await stage.send();
  await stage.deliver();
  expect(stage.groups()).toEqual([QUARANTINE]);
  return stage;
}

test("an undo that AWS denies is told as failed and may be asked again: it does not come back for ever unheard", async () => {
  const stage = await isolated();
  stage.world.aws.network.fail("setGroups", new PipelineError("aws_denied", "no right to change interfaces"));
  await stage.say("undo");
  await stage.deliver();
  expect(undoReceipt(stage)).toMatchObject({ outcome: "failed", because: expect.stringContaining("no right") });
  expect(undoOrder(stage)).toMatchObject({ state: "carried" });
  stage.world.later(60_000);
  await stage.swept();
  stage.world.later(60_000);
  await stage.swept();
  expect(stage.heard().at(-1)).toContain("NOT taken back");
  expect(await stage.say("undo")).toMatchObject({ kind: "accepted" });
  await stage.deliver();
  expect(stage.groups()).toEqual(FORMER);
  expect(undoReceipt(stage)).toMatchObject({ outcome: "done" });
});

test("an undo in a cluster that is no longer registered is told as failed", async () => {
  const stage = await isolated();
  await stage.say("undo");
  stage.world.registry = { ...stage.world.registry, clusters: [] };
  await stage.deliver();
  expect(undoReceipt(stage)).toMatchObject({ outcome: "failed", because: expect.stringContaining("no longer in falco-responder.yml") });
});

test("an undo whose claim sweep writes at the same moment is recorded all the same", async () => {
  const stage = await isolated();
  await stage.say("undo");
  const { world } = stage;
  world.table.meanwhile = (writes) => {
    const claim = world.table.ofType("claim")[0];
    if (claim === undefined || !writes.some((write) => write.op === "put" && write.item.type === "claim")) return;
    world.table.meanwhile = null;
    world.table.seed({ ...claim, version: claim.version + 1 });
  };
  await stage.deliver().catch((thrown: unknown) => {
    if (!(thrown instanceof PipelineError)) throw thrown;
  });
  world.later(120_000);
  await stage.swept();
  await stage.deliver();
  expect(stage.groups()).toEqual(FORMER);
  expect(undoReceipt(stage)).toMatchObject({ outcome: "done" });
  expect(JSON.parse(String(world.table.ofType("claim")[0]?.["body"]))).toMatchObject({ state: "undone" });
});

test("a crash at any write of an undo ends with the former groups, told", async () => {
  const undone = async (crash: number | null): Promise<number> => {
    const stage = await isolated();
    await stage.say("undo");
    const first = stage.world.table.writes;
    if (crash !== null) stage.world.table.trouble = { crashAfter: first + crash };
    await stage.deliver().catch((thrown: unknown) => {
      if (!(thrown instanceof Crash)) throw thrown;
    });
    const writes = stage.world.table.writes - first;
    stage.world.table.trouble = {};
    stage.world.later(120_000);
    await stage.swept();
    await stage.deliver();
    expect(stage.groups()).toEqual(FORMER);
    expect(undoReceipt(stage)).toBeDefined();
    expect(undoOrder(stage)).toMatchObject({ state: "carried" });
    return writes;
  };
  const total = await undone(null);
  for (let at = 1; at <= total; at++) await undone(at);
});

test("a hold never covers what an owner that died had done: the receipt of its successor stands", async () => {
  const stage = stageOf([of("ecs:tag-task", { mode: "approve" })]);
  await stage.send();
  const { world } = stage;
  world.policy = { ...world.policy, rules: world.policy.rules.map((rule) => ({ ...rule, actions: [of("ecs:tag-task")] })) };
  const alert = stage.alert();
  // Claim, what preparing kept, and then the outcome: it dies when the tag is on and nobody knows.
  world.table.trouble = { crashBefore: world.table.writes + 4 };
  await expect(stage.send(alert)).rejects.toBeInstanceOf(Crash);
  world.table.trouble = {};
  world.later(31_000);
  await stage.send(alert, 2);
  expect(receiptsOf(world)).toMatchObject([{ outcome: "done" }]);
  world.later(14_400_000);
  await stage.swept();
  expect(receiptsOf(world)).toMatchObject([{ outcome: "done" }]);
  expect(world.bodies<OrderBody>("order")).toMatchObject([{ state: "expired" }]);
});

test("another incident's action on the target that a person took back is not told as being taken", async () => {
  const stage = stageOf([of("ecs:tag-task")]);
  await stage.send();
  await stage.say("undo");
  await stage.deliver();
  const { world } = stage;
  world.policy = { ...world.policy, rules: world.policy.rules.map((rule) => ({ ...rule, name: "other" })) };
  await respond({ body: JSON.stringify({ ...stage.alert(), rules: ["other"] }), receiveCount: 1 }, world.respondPorts(), signal);
  expect(receiptsOf(world).find(({ because }) => because.includes("taken back"))).toMatchObject({ outcome: "refused" });
});

test("a person is answered however many alerts an incident has: they are not read for that", async () => {
  const stage = await isolated();
  const reads: string[] = [];
  stage.world.table.onRead = ({ pk, sk }) => {
    if (pk === incidentPk(stage.incident())) reads.push(sk);
  };
  expect(await stage.say("show")).toMatchObject({ kind: "shown" });
  stage.world.table.onRead = null;
  expect(reads).not.toContain("");
  expect(reads.some((sk) => sk.startsWith("ALERT#"))).toBe(false);
});
