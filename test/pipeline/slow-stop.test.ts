import { afterEach, expect, test, vi } from "vitest";
import { clusterAccess } from "#shared/adapters/cluster-access.ts";
import { ecsOpeners } from "#shared/adapters/openers-ecs.ts";
import { sweepOpeners } from "#shared/adapters/openers-sweep.ts";
import type { Receipt } from "#shared/domain/receipt.ts";
import type { ReceiptBody } from "#shared/ledger/incident.ts";
import { respond } from "#shared/pipeline/respond.ts";
import { sweep } from "#shared/pipeline/sweep.ts";
import { Aws } from "../doubles/aws/aws.ts";
import type { NewStandaloneTask } from "../doubles/aws/world.ts";
import { taskEntry, World } from "../fakes/world.ts";

const signal = new AbortController().signal;
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const close of closing.splice(0)) await close();
});

/** The deployed adapters over the double; its time is the world's, so that minutes pass in no time. */
async function stage(given: NewStandaloneTask = {}) {
  const world = new World();
  const aws = await Aws.start({ now: () => world.clock.now() });
  closing.push(() => aws[Symbol.asyncDispose]());
  for (const [name, value] of Object.entries(aws.env)) vi.stubEnv(name, value);
  const { arn: instanceArn } = aws.world.instance();
  const task = aws.world.task({ instanceArn, ...given });
  const secrets = { read: () => Promise.reject(new Error("no secret is read here")) };
  const respondPorts = { ...world.respondPorts(), access: clusterAccess(ecsOpeners()) };
  const sweepPorts = { ...world.sweepPorts(), access: clusterAccess(sweepOpeners(secrets)) };
  const entry = taskEntry(world, { taskArn: task.arn, containerId: task.containers[0]?.runtimeId ?? "" });
  const receipt = (): Receipt | undefined => world.bodies<ReceiptBody>("receipt")[0]?.receipt;
  const told = (text: string) => world.messages.filter((message) => message.kind === "sns" && message.text.includes(text)).length;
  return {
    world,
    aws,
    instanceArn,
    task,
    receipt,
    told,
    stop: () => respond({ body: JSON.stringify(entry), receiveCount: 1 }, respondPorts, signal),
    look: async (laterMs: number) => {
      world.later(laterMs);
      return (await sweep(sweepPorts, signal)).claims;
    },
  };
}

test("a task that traps SIGTERM is requested, and done by sweep with the true time that it took", async () => {
  const { stop, look, receipt, told } = await stage({ exitsAfterSeconds: Number.POSITIVE_INFINITY });
  expect(await stop()).toMatchObject({ acted: ["requested"] });
  expect(receipt()).toMatchObject({ outcome: "requested", verifiedAtMs: null, because: expect.stringContaining("wants the task STOPPED") });
  expect(await look(15_000)).toEqual({ waiting: 1 });
  expect(await look(60_000)).toEqual({ done: 1 });
  // 30 s of stop timeout, not the 80 s until somebody looked.
  expect(receipt()).toMatchObject({ outcome: "done", because: expect.stringMatching(/STOPPED, 30\.\d s after StopTask/) });
  // The stream is faster where there is one: here sweep sends.
  await look(20_000);
  expect(told("done and verified")).toBe(1);
});

test("its twin that obeys is done at once, with its own time", async () => {
  const { stop, receipt } = await stage({ exitsAfterSeconds: 1 });
  expect(await stop()).toMatchObject({ acted: ["done"] });
  expect(receipt()?.because).toMatch(/STOPPED, 1\.\d s after StopTask/);
});

test("behind a disconnected agent a stop is requested, escalated once after a quarter of an hour, and done when the agent is back", async () => {
  const { aws, instanceArn, stop, look, receipt, told } = await stage();
  aws.world.connect(instanceArn, false);
  expect(await stop()).toMatchObject({ acted: ["requested"] });
  expect(await look(60_000)).toEqual({ waiting: 1 });
  expect(receipt()).toMatchObject({ outcome: "requested" });
  expect(await look(15 * 60_000)).toEqual({ unknown: 1 });
  expect(receipt()?.because).toMatch(
    /still not confirmed 16 min after the claim: .*agent .* disconnected: the container may run on; next best/,
  );
  await look(20_000);
  expect(told("unknown, it was tried")).toBe(1);
  await look(60 * 60_000);
  expect(told("unknown, it was tried")).toBe(1);
  aws.world.connect(instanceArn, true);
  aws.world.tick(40_000);
  expect(await look(60 * 60_000)).toEqual({ done: 1 });
  expect(receipt()).toMatchObject({ outcome: "done" });
});
