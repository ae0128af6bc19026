import { describe, expect, test } from "vitest";
import { iamActor } from "#shared/domain/actor.ts";
import type { EscalationStep } from "#shared/domain/policy.ts";
import { noticeOf, readNotice } from "#shared/ledger/notices.ts";
import { operate } from "#shared/pipeline/operate.ts";
import { respond } from "#shared/pipeline/respond.ts";
import { sweep } from "#shared/pipeline/sweep.ts";
import { Crash } from "../fakes/table.ts";
import { policyOf, shellRule, taskEntry, World } from "../fakes/world.ts";

const signal = new AbortController().signal;
const MINUTE = 60_000;
const STEPS: readonly EscalationStep[] = [
  { afterSeconds: 600, notify: ["oncall"] },
  { afterSeconds: 1_800, notify: ["oncall", "boss"] },
];

async function begun(more: {
  readonly mode?: "approve" | "enforce";
  readonly rule?: readonly EscalationStep[];
  readonly policy?: readonly EscalationStep[];
}) {
  const { mode = "approve", rule, policy } = more;
  const rules = [{ ...shellRule, mode, ...(rule === undefined ? {} : { escalation: rule }) }];
  const world = new World(policyOf(rules, policy === undefined ? {} : { escalation: policy }));
  const [task] = world.ecs.service("web", { family: "web", instance: world.ecs.instance("i-1"), tags: {}, desired: 2 });
  if (task === undefined) throw new Error("no task");
  if (mode === "enforce") for (let n = 0; n < 1_000; n++) world.ecs.lose("stop");
  const entry = taskEntry(world, { taskArn: task.taskArn, containerId: task.containers[0]?.runtimeId ?? "" });
  const answer = await respond({ body: JSON.stringify(entry), receiveCount: 1 }, world.respondPorts(), signal).catch(() => null);
  const incident = answer?.kind === "recorded" ? answer.incident : "";
  /** Sweep every minute. */
  const pass = async (minutes: number) => {
    for (let n = 0; n < minutes; n++) {
      world.later(MINUTE);
      await sweep(world.sweepPorts(), signal);
    }
  };
  const say = (verb: "approve" | "deny") => {
    const { table, clock, telemetry, orders, registry, switchParameter } = world.respondPorts();
    return operate(
      { verb, incident, action: null, target: null },
      iamActor("arn:aws:iam::111122223333:user/alice"),
      { table, clock, telemetry, orders, registry, switchParameter },
      signal,
    );
  };
  return { world, incident, pass, say };
}

const told = (world: World): readonly string[] =>
  world.table
    .ofType("note")
    .flatMap((item) => {
      const notice = readNotice(item);
      if (notice === null || noticeOf(notice).kind !== "incident-unanswered") return [];
      return [`${notice.channel}: ${noticeOf(notice).lines.at(-1)}`];
    })
    .toSorted();

const FIRST = "oncall: Step 1 of 2 of the escalation.";
const SECOND = ["boss: Step 2 of 2 of the escalation.", "oncall: Step 2 of 2 of the escalation."];

describe("a question that nobody answers", () => {
  test("is told to those of each step, once, and to nobody after the last", async () => {
    const { world, pass, incident } = await begun({ policy: STEPS });
    await pass(9);
    expect(told(world)).toEqual([]);
    await pass(2);
    expect(told(world)).toEqual([FIRST]);
    await pass(18);
    expect(told(world)).toEqual([FIRST]);
    await pass(2);
    expect(told(world)).toEqual([...SECOND, FIRST].toSorted());
    await pass(300);
    expect(told(world)).toHaveLength(3);
    const notice = world.table
      .ofType("note")
      .map(readNotice)
      .find((one) => one !== null);
    expect(notice == null ? null : noticeOf(notice)).toMatchObject({
      severity: "critical",
      subject: incident,
      remedy: expect.stringContaining(`approve ${incident}`),
    });
  });

  test.each(["approve", "deny"] as const)("and is answered (%s): nobody else is told; its twin without an answer is", async (verb) => {
    const { world, pass, say } = await begun({ policy: STEPS });
    await pass(11);
    expect(await say(verb)).toMatchObject({ kind: "accepted" });
    await pass(60);
    expect(told(world)).toEqual([FIRST]);
    const twin = await begun({ policy: STEPS });
    await twin.pass(71);
    expect(told(twin.world)).toHaveLength(3);
  });

  test("the rule's own steps count in place of the policy's; none means nobody", async () => {
    const own = await begun({ policy: STEPS, rule: [{ afterSeconds: 60, notify: ["boss"] }] });
    await own.pass(60);
    expect(told(own.world)).toEqual(["boss: Step 1 of 1 of the escalation."]);
    const none = await begun({ policy: STEPS, rule: [] });
    await none.pass(60);
    expect(told(none.world)).toEqual([]);
  });

  test("is told once also when sweep dies between, or runs twice at once", async () => {
    for (const trouble of ["crashBefore", "crashAfter"] as const) {
      const { world, pass } = await begun({ policy: STEPS });
      await pass(9);
      world.later(MINUTE);
      world.table.trouble = { [trouble]: world.table.writes + 1 };
      await sweep(world.sweepPorts(), signal).catch((thrown: unknown) => expect(thrown).toBeInstanceOf(Crash));
      world.table.trouble = {};
      await Promise.all([sweep(world.sweepPorts(), signal), sweep(world.sweepPorts(), signal)]);
      expect(told(world)).toEqual([FIRST]);
    }
  });

  test("expires as before when its steps are later than its end", async () => {
    const { world, pass } = await begun({ policy: [{ afterSeconds: 40_000, notify: ["boss"] }] });
    await pass(245);
    expect(told(world)).toEqual([]);
    expect(world.bodies<{ readonly state: string }>("order")).toMatchObject([{ state: "expired" }]);
  });
});

describe("an action of which nobody knows what became of it", () => {
  test("is told to those of each step while nobody answers, and to nobody once the incident is closed", async () => {
    const { world, pass } = await begun({ mode: "enforce", policy: STEPS });
    for (const instance of world.ecs.instances.values()) instance.agentConnected = false;
    await pass(20);
    const outcomes = world.bodies<{ readonly receipt: { readonly outcome: string } }>("receipt").map(({ receipt }) => receipt.outcome);
    expect(["unknown", "failed"]).toContain(outcomes[0]);
    expect(told(world)).toEqual([]);
    await pass(12);
    expect(told(world)).toEqual([FIRST]);
    await pass(40);
    expect(told(world).length).toBeLessThanOrEqual(3);
  });

  test("without steps nothing is written for it", async () => {
    const { world, pass } = await begun({ mode: "enforce" });
    await pass(40);
    expect(world.table.ofType("escalation")).toEqual([]);
  });
});
