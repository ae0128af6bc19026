import { describe, expect, test } from "vitest";
import { PipelineError } from "#shared/domain/error.ts";
import type { IncidentBody } from "#shared/ledger/incident.ts";
import { SWITCH } from "#shared/ledger/keys.ts";
import type { OrderBody } from "#shared/ledger/order.ts";
import { Crash } from "../fakes/table.ts";
import { policyOf } from "../fakes/world.ts";
import { isolate, of, receiptsOf, stageOf } from "./stage.ts";

const HOURS_4 = policyOf().approvalSeconds * 1_000;
const stop = of("ecs:stop-task", { mode: "approve" });

/** Time in which sweep runs every minute, as deployed. */
function pass(stage: ReturnType<typeof stageOf>) {
  return async (ms: number): Promise<string[]> => {
    stage.world.later(ms - 60_000);
    await stage.swept();
    stage.world.later(60_000);
    await stage.swept();
    return stage.heard();
  };
}
const orders = (stage: ReturnType<typeof stageOf>) => stage.world.bodies<OrderBody>("order");

describe("a question", () => {
  test("keeps its incident open: the offender's next alert does not ask the same beside it", async () => {
    const stage = stageOf([stop]);
    await stage.send();
    await pass(stage)(40 * 60_000);
    await stage.send(stage.alert());
    expect(stage.world.bodies<IncidentBody>("incident")).toMatchObject([{ state: "open" }]);
    expect(orders(stage)).toMatchObject([{ state: "awaiting" }]);
    await pass(stage)(HOURS_4);
    await pass(stage)(40 * 60_000);
    expect(stage.world.bodies<IncidentBody>("incident")).toMatchObject([{ state: "closed" }]);
  });

  test("that nobody answered is heard as a question again, with the command that answers it, and its end is heard again", async () => {
    const stage = stageOf([stop]);
    const wait = pass(stage);
    await stage.send();
    expect(await wait(120_000)).toEqual([expect.stringContaining("Waiting for approval to stop the task")]);
    await wait(HOURS_4 - 180_000);
    await stage.send(stage.alert());
    expect(await wait(180_000)).toEqual([expect.stringContaining("Not stopped")]);
    await stage.send(stage.alert());
    await stage.swept();
    stage.world.later(60_000);
    await stage.swept();
    const [message] = stage.world.messages;
    expect(message).toMatchObject({ subject: expect.stringContaining("Waiting for approval"), text: expect.stringContaining("approve") });
    stage.heard();
    expect(await wait(HOURS_4)).toEqual([expect.stringContaining("Not stopped")]);
  });

  test("beside an action that was told before is heard all the same", async () => {
    const stage = stageOf([of("ecs:tag-task")]);
    const wait = pass(stage);
    await stage.send();
    expect(await wait(120_000)).toHaveLength(1);
    const actions = [of("ecs:tag-task"), { ...isolate, mode: "approve" } as const];
    stage.world.policy = { ...stage.world.policy, rules: stage.world.policy.rules.map((rule) => ({ ...rule, actions })) };
    await stage.send(stage.alert());
    expect(await wait(120_000)).toEqual([expect.stringContaining("your answer is needed to isolate the EC2 instance")]);
    await stage.send(stage.alert());
    expect(await wait(120_000)).toEqual([]);
  });

  test("is over and told although sweep dies at any of its writes", async () => {
    const ended = async (crash: number | null): Promise<number> => {
      const stage = stageOf([stop]);
      await stage.send();
      await pass(stage)(120_000);
      stage.heard();
      stage.world.later(HOURS_4);
      const first = stage.world.table.writes;
      if (crash !== null) stage.world.table.trouble = { crashAfter: first + crash };
      await stage.swept().catch((thrown: unknown) => {
        if (!(thrown instanceof Crash)) throw thrown;
      });
      const writes = stage.world.table.writes - first;
      stage.world.table.trouble = {};
      await pass(stage)(120_000);
      await pass(stage)(120_000);
      expect(orders(stage)).toMatchObject([{ state: "expired" }]);
      expect(receiptsOf(stage.world)).toMatchObject([{ because: expect.stringContaining("nobody approved it") }]);
      return writes;
    };
    const total = await ended(null);
    for (let at = 1; at <= total; at++) await ended(at);
  });
});

describe("a yes", () => {
  test("that the kill switch holds is told to those who were told that nobody had answered before", async () => {
    const stage = stageOf([stop]);
    const wait = pass(stage);
    await stage.send();
    await wait(HOURS_4 - 60_000);
    await stage.send(stage.alert());
    await wait(180_000);
    await stage.send(stage.alert());
    await wait(120_000);
    stage.world.table.seed({ ...SWITCH, type: "switch", version: 1, at: "", paused: true });
    expect(await stage.say("approve")).toMatchObject({ kind: "accepted" });
    await stage.deliver();
    // Beside that everything is paused.
    const heard = await wait(120_000);
    expect(heard.filter((subject) => /Paused: nothing is acted on/.test(subject))).toHaveLength(1);
    expect(heard).toHaveLength(2);
    expect(receiptsOf(stage.world)).toMatchObject([{ because: expect.stringContaining("kill switch") }]);
  });

  test("whose action failed is asked again by the next alert that finds the offender running; one that was done is not", async () => {
    for (const fails of [true, false]) {
      const stage = stageOf([of("ecs:tag-task", { mode: "approve" })]);
      await stage.send();
      if (fails) stage.world.aws.marks.fail("tag", new PipelineError("aws_denied", "no right"));
      await stage.say("approve");
      await stage.deliver();
      expect(receiptsOf(stage.world)).toMatchObject([{ outcome: fails ? "failed" : "done" }]);
      await stage.send(stage.alert());
      expect(orders(stage)).toMatchObject([{ state: fails ? "awaiting" : "carried" }]);
      if (!fails) continue;
      expect(await stage.say("approve")).toMatchObject({ kind: "accepted" });
      await stage.deliver();
      expect(receiptsOf(stage.world)).toMatchObject([{ outcome: "done" }]);
    }
  });

  test("for a cluster that is no longer registered is told as not done", async () => {
    const stage = stageOf([stop]);
    await stage.send();
    await pass(stage)(120_000);
    await stage.say("approve");
    stage.world.registry = { ...stage.world.registry, clusters: [] };
    await stage.deliver();
    expect(receiptsOf(stage.world)).toMatchObject([
      { outcome: "refused", because: expect.stringContaining("no longer in falco-responder.yml") },
    ]);
    expect(await pass(stage)(120_000)).toHaveLength(1);
  });
});

describe("the command in a message", () => {
  const commandOf = (text: string, verb: string) =>
    new RegExp(`responder -- ${verb} (\\S+) --action (\\S+) --target (\\S+)`).exec(text) ?? [];

  test("is about the target of that message: when its question is over, it answers none about another", async () => {
    const stage = stageOf([stop]);
    await stage.send();
    stage.world.later(60_000);
    await stage.swept();
    const [message] = stage.world.messages;
    const [, incident = "", action = "", target = ""] = commandOf(message?.kind === "sns" ? message.text : "", "approve");
    expect(await stage.say("deny", { target })).toMatchObject({ kind: "accepted" });
    await stage.send(stage.alert({}, stage.neighbour));
    expect(await stage.say("approve", { incident, action, target })).toMatchObject({ kind: "refused" });
    expect(await stage.say("approve", { incident, action, target: stage.neighbour.taskArn })).toMatchObject({ kind: "accepted" });
    await stage.deliver();
    expect([...stage.world.ecs.stopped.keys()]).toEqual([stage.neighbour.taskArn]);
  });

  test("names one of two functions, and stands there although the other has its receipt; a stray end of an id fits nobody", async () => {
    const invoke = (name: string, mode: "enforce" | "approve") =>
      of("aws:invoke-lambda", { mode, params: { function: `arn:aws:lambda:eu-west-1:111122223333:function:${name}` } });
    const stage = stageOf([invoke("page", "enforce"), invoke("cut", "approve")]);
    await stage.send();
    stage.world.later(60_000);
    await stage.swept();
    const text = stage.world.messages.map((message) => (message.kind === "sns" ? message.text : "")).join("\n");
    expect(text).toContain("Waits for a person to approve aws:invoke-lambda");
    const [, incident = "", action = "", target = ""] = commandOf(text, "approve");
    expect(action).toBe("aws:invoke-lambda/arn:aws:lambda:eu-west-1:111122223333:function:cut");
    expect(await stage.say("approve", { incident, action, target: target.slice(-1) })).toMatchObject({ kind: "refused" });
    expect(await stage.say("approve", { incident, action, target })).toMatchObject({ kind: "accepted" });
  });
});

test("a crash before or after any write between the alert and the receipt loses no question and no yes, and stops the task once", async () => {
  const total = async (trouble: "crashBefore" | "crashAfter", at: number): Promise<number> => {
    const stage = stageOf([stop]);
    const { world } = stage;
    const alive = async <T>(step: () => Promise<T>): Promise<T | null> => {
      try {
        return await step();
      } catch (thrown) {
        if (!(thrown instanceof Crash)) throw thrown;
        world.table.trouble = {};
        world.later(31_000);
        return null;
      }
    };
    world.table.trouble = { [trouble]: at };
    const alert = stage.alert();
    for (let receive = 1; receive <= 2; receive++) await alive(() => stage.send(alert, receive));
    for (let n = 0; n < 2; n++) await alive(() => stage.say("approve"));
    await alive(() => stage.deliver());
    const writes = world.table.writes;
    world.table.trouble = {};
    for (let n = 0; n < 3; n++) {
      world.later(90_000);
      await stage.swept();
      await stage.deliver();
    }
    expect([...world.ecs.stopped], `${trouble} ${at}`).toEqual([[stage.task.taskArn, 1]]);
    expect(receiptsOf(world)).toMatchObject([{ outcome: "done" }]);
    expect(orders(stage)).toMatchObject([{ state: "carried" }]);
    expect(stage.heard().at(-1)).toContain("Task stopped");
    return writes;
  };
  for (const trouble of ["crashBefore", "crashAfter"] as const) {
    const most = await total(trouble, Number.POSITIVE_INFINITY);
    for (let at = 1; at <= most; at++) await total(trouble, at);
  }
});
