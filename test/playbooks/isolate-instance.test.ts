import { describe, expect, test } from "vitest";
import { PipelineError } from "#shared/domain/error.ts";
import type { SecurityGroup } from "#shared/ports/host-network.ts";
import { because, EcsStage, MACHINE, planned, planningOf, QUARANTINE } from "./ecs-stage.ts";

const ISOLATE = "ecs:isolate-instance";
const PARAMS = { security_group: QUARANTINE };

const groupsOf = ({ aws }: EcsStage) => aws.network.own(MACHINE).map(({ groups }) => groups.join());

/** A stage whose group is as given; 443 open unless said otherwise. */
function stageWith(group: Partial<SecurityGroup> = {}): EcsStage {
  const stage = new EcsStage();
  stage.aws.network.group(QUARANTINE, { allowsHttpsOut: true, ...group });
  return stage;
}

describe(ISOLATE, () => {
  test("gives every own interface of the machine that group alone, and no other machine's", async () => {
    const stage = stageWith();
    const elsewhere = stage.aws.network.attach("i-0fedcba9876543210", ["sg-00000000000000001"]);
    const step = stage.action(ISOLATE, PARAMS);
    const { kept } = await step.ready();
    expect(kept).toEqual({
      machine: MACHINE,
      [stage.primary.id]: JSON.stringify(stage.primary.groups),
      [stage.second.id]: JSON.stringify(stage.second.groups),
    });
    const pending = await step.verify(kept);
    expect(pending).toMatchObject({ kind: "pending", begun: false });
    expect(pending).not.toHaveProperty("partly");
    expect((await step.execute(kept)).kind).toBe("accepted");
    expect(groupsOf(stage)).toEqual([QUARANTINE, QUARANTINE]);
    expect((await step.verify(kept)).kind).toBe("done");
    expect(stage.aws.network.own("i-0fedcba9876543210")).toEqual([elsewhere]);
  });

  test.each<[unknown, boolean]>([
    [QUARANTINE, true],
    ["sg-01234567", true],
    ["sg-0123456", false],
    ["sg-0123456789abcdef01", false],
    ["sg-0123456G", false],
    [" sg-01234567", false],
    ["sg-01234567\n", false],
    [7, false],
    [undefined, false],
  ])("security_group %j, planned: %j", (group, fine) => {
    const params = group === undefined ? {} : { security_group: group as string };
    expect(planningOf(new EcsStage(), ISOLATE, params).kind).toBe(fine ? "planned" : "refused");
  });

  test("Fargate and an external machine are refused; the twin on EC2 is planned", async () => {
    const stage = stageWith();
    expect(because(planningOf(stage, ISOLATE, PARAMS, { containerInstanceArn: null }))).toMatch(/Fargate.*next best: ecs:stop-task/);
    expect(because(planningOf(stage, ISOLATE, PARAMS, { launchType: "EXTERNAL" }))).toMatch(/ECS Anywhere.*next best: ecs:stop-task/);
    expect(planned(planningOf(stage, ISOLATE, PARAMS)).params).toEqual(PARAMS);
    const external = stage.aws.ecs.run({ containerInstanceArn: stage.aws.ecs.instance("mi-0123456789abcdef0") });
    expect(await stage.action(ISOLATE, PARAMS, external).prepare()).toMatchObject({
      kind: "refused",
      because: expect.stringContaining("ECS Anywhere"),
    });
  });

  test("a group that does not exist or is of another VPC is refused, and the twin is not", async () => {
    const stage = stageWith();
    const step = stage.action(ISOLATE, PARAMS);
    stage.aws.network.groups.delete(QUARANTINE);
    expect(await step.prepare()).toMatchObject({ kind: "refused", because: expect.stringMatching(/does not exist.*next best/) });
    stage.aws.network.group(QUARANTINE, { vpcId: "vpc-0000000000000000f" });
    expect(await step.prepare()).toMatchObject({ kind: "refused", because: expect.stringMatching(/vpc-0000000000000000f.*next best/) });
    stage.aws.network.group(QUARANTINE);
    expect((await step.prepare()).kind).toBe("ready");
  });

  test("interfaces of tasks, trunks and branches are nobody's to change, and no interface at all is refused", async () => {
    const stage = stageWith();
    const trunk = stage.aws.network.attach(MACHINE, ["sg-00000000000000001"], { type: "trunk" });
    const branch = stage.aws.network.attach(MACHINE, ["sg-00000000000000001"], { type: "branch" });
    const managed = stage.aws.network.attach(MACHINE, ["sg-00000000000000001"], { requesterManaged: true });
    const step = stage.action(ISOLATE, PARAMS);
    const { kept } = await step.done();
    expect(Object.keys(kept).sort()).toEqual(["machine", stage.primary.id, stage.second.id].sort());
    for (const one of [trunk, branch, managed]) expect(stage.aws.network.own(MACHINE)).toContainEqual(one);
    expect((await step.verify(kept)).kind).toBe("done");
    stage.aws.network.detach(stage.primary.id);
    stage.aws.network.detach(stage.second.id);
    expect(await step.prepare()).toMatchObject({ kind: "refused", because: expect.stringContaining("next best") });
    expect((await step.execute(kept)).kind).toBe("gone");
    expect((await step.verify(kept)).kind).toBe("unknown");
  });

  test("exactly that group everywhere already: nothing; on one of two only: not", async () => {
    const stage = stageWith();
    stage.aws.network.regroup(stage.primary.id, [QUARANTINE]);
    expect((await stage.action(ISOLATE, PARAMS).prepare()).kind).toBe("ready");
    stage.aws.network.regroup(stage.second.id, [QUARANTINE]);
    expect((await stage.action(ISOLATE, PARAMS).prepare()).kind).toBe("nothing");
  });

  test("a neighbour that the policy protects holds it; a daemon does not", async () => {
    const stage = stageWith();
    stage.protecting("api");
    expect(await stage.action(ISOLATE, PARAMS).prepare()).toMatchObject({
      kind: "refused",
      because: expect.stringMatching(/1 protected task.*next best/),
    });
    stage.protecting("falco");
    expect((await stage.action(ISOLATE, PARAMS).prepare()).kind).toBe("ready");
  });

  describe("what people are told", () => {
    test("who is cut too, what is not cut, and that connections may live on", async () => {
      const stage = stageWith({ inboundRules: 2 });
      stage.aws.ecs.service("mesh", { family: "mesh", instance: stage.here, tags: {}, desired: 1, awsvpc: true });
      const told = (await stage.action(ISOLATE, PARAMS).ready()).remarks.join(" ");
      expect(told).toMatch(/4 other tasks of the host share its interfaces .*\(services api, falco, web\)/);
      expect(told).toMatch(/1 task with interfaces of their own \(awsvpc\) NOT cut\./);
      expect(told).toMatch(/up to 5 days while idle, 350 s on Nitro v6/);
      expect(told).toMatch(/lets 443 out/);
      expect(told).toMatch(/2 inbound rules/);
    });

    test("that an offender with an interface of its own is not cut", async () => {
      const stage = stageWith();
      const [task] = stage.aws.ecs.service("mesh", { family: "mesh", instance: stage.here, tags: {}, desired: 1, awsvpc: true });
      const told = (await stage.action(ISOLATE, PARAMS, task).ready()).remarks.join(" ");
      expect(told).toContain("the offender is one: ecs:stop-task stops it");
    });

    test("that the agent is cut off when 443 is closed", async () => {
      const told = (await stageWith({ allowsHttpsOut: false }).action(ISOLATE, PARAMS).ready()).remarks.join(" ");
      expect(told).toMatch(/agent is cut off/);
      expect(told).not.toContain("inbound");
    });
  });

  describe("a group that lets no 443 out", () => {
    test("is given only when the offender is seen STOPPED", async () => {
      const stage = stageWith({ allowsHttpsOut: false });
      const before = groupsOf(stage);
      const step = stage.action(ISOLATE, PARAMS);
      const { kept } = await step.ready();
      await expect(step.execute(kept)).rejects.toMatchObject({ code: "not_yet", retryable: true });
      await expect(step.execute(kept)).rejects.toMatchObject({ code: "not_yet" });
      expect(stage.aws.ecs.stopped).toEqual(new Map([[stage.offender.taskArn, 1]]));
      expect(groupsOf(stage)).toEqual(before);
      stage.tick(1);
      expect((await step.execute(kept)).kind).toBe("accepted");
      expect(groupsOf(stage)).toEqual([QUARANTINE, QUARANTINE]);
    });

    test("waits for a disconnected agent, and says what else there is", async () => {
      const stage = stageWith({ allowsHttpsOut: false });
      stage.aws.instances.at(stage.here).agentConnected = false;
      const step = stage.action(ISOLATE, PARAMS);
      const { kept } = await step.ready();
      await expect(step.execute(kept)).rejects.toThrow(/disconnected.*443 out, or terminate the EC2 instance/);
    });

    test("whose twin lets 443 out is given at once: the agent still hears of a stop", async () => {
      const stage = stageWith();
      expect((await stage.action(ISOLATE, PARAMS).done()).execution.kind).toBe("accepted");
      expect(stage.aws.ecs.stopCalls).toEqual([]);
    });

    test("is given at once when ECS has forgotten the offender", async () => {
      const stage = stageWith({ allowsHttpsOut: false });
      const step = stage.action(ISOLATE, PARAMS);
      const { kept } = await step.ready();
      stage.aws.ecs.forget(stage.offender.taskArn);
      expect((await step.execute(kept)).kind).toBe("accepted");
    });
  });

  test("a crash behind the first interface: half is not done, and executing again does the rest", async () => {
    const stage = stageWith();
    const step = stage.action(ISOLATE, PARAMS);
    const { kept } = await step.ready();
    stage.aws.network.lose("setGroups", new PipelineError("timed_out", "lost"));
    await expect(step.execute(kept)).rejects.toMatchObject({ code: "timed_out" });
    expect(await step.verify(kept)).toMatchObject({
      kind: "pending",
      begun: false,
      partly: true,
      because: expect.stringMatching(/1 of 2/),
    });
    expect((await step.execute(kept)).kind).toBe("accepted");
    expect((await step.verify(kept)).kind).toBe("done");
    expect((await step.undo(kept)).kind).toBe("undone");
    expect(groupsOf(stage)).toEqual([stage.primary.groups.join(), stage.second.groups.join()]);
  });

  test("the second interface refused: told as not isolated; the first refused: nothing happened", async () => {
    const stage = stageWith();
    const step = stage.action(ISOLATE, PARAMS);
    const { kept } = await step.ready();
    stage.aws.network.fail("setGroups", new PipelineError("aws_denied", "no"));
    await expect(step.execute(kept)).rejects.toMatchObject({ code: "aws_denied" });
    const change = stage.aws.network.setGroups.bind(stage.aws.network);
    stage.aws.network.setGroups = (id, groups) =>
      id === stage.second.id ? Promise.reject(new PipelineError("aws_denied", "no")) : change(id, groups);
    expect(await step.execute(kept)).toMatchObject({ kind: "accepted", remarks: [`Interface ${stage.second.id} is NOT isolated: no`] });
    expect((await step.verify(kept)).kind).toBe("pending");
  });

  test("a group that was deleted after preparing is a conflict, and nothing is touched", async () => {
    const stage = stageWith({ allowsHttpsOut: false });
    const step = stage.action(ISOLATE, PARAMS);
    const { kept } = await step.ready();
    stage.aws.network.groups.delete(QUARANTINE);
    expect(await step.execute(kept)).toMatchObject({ kind: "conflict", because: expect.stringContaining("next best") });
    expect(stage.aws.ecs.stopCalls).toEqual([]);
  });

  test("an interface that goes away while the groups are swapped is said, and the others are swapped", async () => {
    const stage = stageWith();
    const step = stage.action(ISOLATE, PARAMS);
    const { kept } = await step.ready();
    const seen = await stage.aws.network.interfacesOf(MACHINE);
    stage.aws.network.detach(stage.primary.id);
    stage.aws.network.interfacesOf = () => Promise.resolve(seen);
    expect((await step.execute(kept)).remarks).toEqual([`Interface ${stage.primary.id} was gone.`]);
    expect(groupsOf(stage)).toEqual([QUARANTINE]);
  });

  test("what was never prepared is never executed", async () => {
    await expect(stageWith().action(ISOLATE, PARAMS).execute({})).rejects.toThrow("not prepared");
    await expect(new EcsStage().action("ecs:scale-service-to-zero").undo({})).rejects.toThrow("not prepared");
    await expect(new EcsStage().action("ecs:revoke-role-sessions").execute({})).rejects.toThrow("not prepared");
  });

  test("an interface that came after preparing is cut and given back too; without the note of it, that is said", async () => {
    const stage = stageWith();
    const step = stage.action(ISOLATE, PARAMS);
    const { kept } = await step.ready();
    const late = stage.aws.network.attach(MACHINE, ["sg-00000000000000009"]);
    const executed = await step.execute(kept);
    expect((await step.verify(kept)).kind).toBe("done");
    expect(await step.undo(kept)).toMatchObject({
      kind: "changed",
      because: expect.stringMatching(new RegExp(`${late.id} has ${QUARANTINE}, and what it had before is not known; ${stage.primary.id}`)),
    });
    expect((await step.undo(executed.kept ?? kept)).kind).toBe("undone");
    expect(groupsOf(stage).at(-1)).toBe("sg-00000000000000009");
  });

  describe("taking it back", () => {
    const acted = async () => {
      const stage = stageWith();
      const step = stage.action(ISOLATE, PARAMS);
      const { kept } = await step.done();
      return { stage, step, kept };
    };

    test("interface by interface: what somebody changed stands, the others get theirs, a gone one is said", async () => {
      const { stage, step, kept } = await acted();
      const third = ["sg-00000000000000004"];
      stage.aws.network.group("sg-00000000000000004");
      stage.aws.network.regroup(stage.primary.id, third);
      expect(await step.undo(kept)).toMatchObject({
        kind: "changed",
        because: expect.stringMatching(new RegExp(`${stage.primary.id} has other groups.*${stage.second.id} has its former groups`)),
      });
      expect(groupsOf(stage)).toEqual([third.join(), stage.second.groups.join()]);
      stage.aws.network.detach(stage.second.id);
      expect((await step.undo(kept)).because).toContain(`${stage.second.id} is gone`);
    });

    test("a gone interface beside one that gets its groups back", async () => {
      const { stage, step, kept } = await acted();
      stage.aws.network.detach(stage.second.id);
      expect(await step.undo(kept)).toMatchObject({ kind: "undone", because: expect.stringContaining(`${stage.second.id} is gone`) });
      expect(groupsOf(stage)).toEqual([stage.primary.groups.join()]);
    });

    test("a former group that was deleted since is said, and that interface stays isolated", async () => {
      const { stage, step, kept } = await acted();
      stage.aws.network.groups.delete("sg-00000000000000003");
      expect(await step.undo(kept)).toMatchObject({
        kind: "changed",
        because: expect.stringMatching(`${stage.second.id} cannot have its former groups`),
      });
      expect(groupsOf(stage)).toEqual([stage.primary.groups.join(), QUARANTINE]);
    });

    test("works when the instance has left ECS: the machine is still there", async () => {
      const { stage, step, kept } = await acted();
      stage.aws.ecs.instances.clear();
      expect((await step.undo(kept)).kind).toBe("undone");
      expect(groupsOf(stage)).toEqual([stage.primary.groups.join(), stage.second.groups.join()]);
    });
  });
});
