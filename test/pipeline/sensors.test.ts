import { describe, expect, test } from "vitest";
import { PipelineError } from "#shared/domain/error.ts";
import { PRESET_HEARTBEAT } from "#shared/domain/sensor.ts";
import { Fleet, MINUTE } from "./fleet.ts";

const [ONE, TWO, THREE, FOUR, FIVE] = [1, 2, 3, 4, 5].map((n) => `i-${String(n).repeat(17)}`) as [string, string, string, string, string];
const kinds = (fleet: Fleet) => fleet.notices().map(({ kind, subject }) => `${kind} ${subject}`);
const silent = (fleet: Fleet) => fleet.notices("sensor-silent");

/** Machines of long ago, each with a sensor that beats, each at another moment of the minute. */
function ecsFleet(...machines: readonly string[]) {
  const fleet = new Fleet("ecs").watch();
  const kill = new Map(
    machines.map((machine, n) => {
      fleet.world.ecs.instance(machine);
      return [machine, fleet.beats({ machine, stream: machine }, { phaseMs: (n * 17_000) % MINUTE })];
    }),
  );
  return { fleet, kill: (machine: string) => kill.get(machine)?.() };
}

describe("a killed Falco", () => {
  test.each([0, 1, 7, 15, 20, 29, 31, 38, 45, 52, 59].map((s) => s * 1_000))(
    "is told within three minutes, whenever in the minute it dies (%i ms after its last heartbeat arrived)",
    async (afterMs) => {
      for (const phaseMs of [1_000, 9_000, 23_000, 37_000, 44_000, 50_000, 58_000]) {
        const fleet = new Fleet("ecs").watch();
        fleet.world.ecs.instance(ONE);
        const kill = fleet.beats({ machine: ONE }, { phaseMs });
        await fleet.pass(10 * MINUTE + phaseMs + afterMs);
        expect(kinds(fleet)).toEqual([]);
        kill();
        const killedMs = fleet.now();
        await fleet.pass(6 * MINUTE);
        expect(kinds(fleet)).toEqual([`sensor-silent shop-prod/${ONE}`]);
        expect((silent(fleet)[0]?.atMs ?? 0) - killedMs).toBeLessThanOrEqual(3 * MINUTE);
      }
    },
  );

  test("is told once, loudly, with what to do, and sent to the channels of the system; told again when it is back, and when it dies again", async () => {
    const { fleet, kill } = ecsFleet(ONE, TWO);
    await fleet.pass(10 * MINUTE);
    kill(ONE);
    await fleet.pass(60 * MINUTE);
    expect(silent(fleet)).toMatchObject([
      {
        severity: "critical",
        subject: `shop-prod/${ONE}`,
        title: `Falco is silent on ${ONE} (cluster shop-prod), and the node is still there`,
        remedy: expect.stringContaining(ONE),
      },
    ]);
    expect(fleet.world.messages).toHaveLength(1);
    const again = fleet.beats({ machine: ONE });
    await fleet.pass(5 * MINUTE);
    expect(kinds(fleet)).toEqual([`sensor-silent shop-prod/${ONE}`, `sensor-back shop-prod/${ONE}`]);
    again();
    await fleet.pass(5 * MINUTE);
    expect(kinds(fleet)).toEqual([`sensor-silent shop-prod/${ONE}`, `sensor-back shop-prod/${ONE}`, `sensor-silent shop-prod/${ONE}`]);
  });

  test("is told although sweep has more work than time: sensors are looked at beside it", async () => {
    const { fleet, kill } = ecsFleet(ONE);
    await fleet.pass(10 * MINUTE);
    kill(ONE);
    fleet.world.table.onRead = ({ pk }) => {
      if (pk === "due") throw new PipelineError("aws_throttled", "the index is throttled");
    };
    await fleet.pass(2 * MINUTE - 1).catch(() => undefined);
    for (let n = 0; n < 4; n++) {
      fleet.world.later(MINUTE);
      await expect(fleet.sweep()).rejects.toThrow("throttled");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(kinds(fleet)).toEqual([`sensor-silent shop-prod/${ONE}`]);
  });
});

describe("who is not told", () => {
  test("heartbeats are ignored, counted, and never queued; the same line from a stream of nobody is told", async () => {
    const { fleet } = ecsFleet(ONE);
    await fleet.pass(10 * MINUTE);
    expect(fleet.ignored).toBe(11);
    expect(fleet.queue.sent).toEqual([]);
    fleet.world.registry = {
      ...fleet.world.registry,
      clusters: [{ ...fleet.cluster, sources: [{ logGroup: "/falco/shop", streamPrefix: "falco-" }] }],
    };
    await fleet.line({ machine: ONE, stream: "somebody" });
    expect(fleet.queue.sent).toMatchObject([{ entry: { accuser: { verified: false } } }]);
  });

  test("a node that left: its twin that stayed is told", async () => {
    const { fleet, kill } = ecsFleet(ONE, TWO, THREE);
    await fleet.pass(10 * MINUTE);
    kill(ONE);
    kill(TWO);
    for (const [arn, { ec2InstanceId }] of fleet.world.ecs.instances) if (ec2InstanceId === ONE) fleet.world.ecs.instances.delete(arn);
    await fleet.pass(10 * MINUTE);
    expect(kinds(fleet)).toEqual([`sensor-silent shop-prod/${TWO}`]);
  });

  test("a machine that is stopping or terminated, which ECS still lists; its twin that runs is told", async () => {
    for (const state of ["shutting-down", "terminated", "stopped", "stopping"]) {
      const { fleet, kill } = ecsFleet(ONE, TWO);
      await fleet.pass(10 * MINUTE);
      kill(ONE);
      kill(TWO);
      fleet.world.aws.network.machines.set(ONE, state);
      await fleet.pass(10 * MINUTE);
      expect(kinds(fleet)).toEqual([`sensor-silent shop-prod/${TWO}`]);
    }
  });

  test("a machine of which EC2 cannot be asked is told: doubt must not hide it", async () => {
    const { fleet, kill } = ecsFleet(ONE);
    await fleet.pass(10 * MINUTE);
    kill(ONE);
    for (let n = 0; n < 20; n++) fleet.world.aws.network.fail("states", new PipelineError("aws_denied", "no right"));
    await fleet.pass(5 * MINUTE);
    expect(silent(fleet)[0]?.lines[0]).toContain("could not be asked");
  });

  test("a new node has five minutes until its Falco runs; then it is told", async () => {
    const { fleet } = ecsFleet(ONE);
    await fleet.pass(10 * MINUTE);
    const arn = fleet.world.ecs.instance(TWO);
    fleet.world.ecs.registered.set(arn, fleet.now());
    await fleet.pass(5 * MINUTE - 1);
    expect(kinds(fleet)).toEqual([]);
    await fleet.pass(2 * MINUTE);
    expect(kinds(fleet)).toEqual([`sensor-silent shop-prod/${TWO}`]);
    expect(silent(fleet)[0]?.lines[0]).toContain("never");
  });

  test("one missed heartbeat, a late one, one out of order, one delivered twice", async () => {
    const { fleet, kill } = ecsFleet(ONE);
    await fleet.pass(10 * MINUTE);
    kill(ONE);
    // One is lost: the next comes two minutes after the last, and takes 12 s.
    await fleet.pass(MINUTE + 59_000);
    fleet.world.later(12_000);
    await fleet.line({ machine: ONE, timeMs: fleet.now() - 12_000 });
    await fleet.pass(30_000);
    await fleet.line({ machine: ONE, timeMs: fleet.now() - MINUTE });
    await fleet.line({ machine: ONE, timeMs: fleet.now() - 5 * MINUTE });
    fleet.beats({ machine: ONE });
    await fleet.pass(5 * MINUTE);
    expect(kinds(fleet)).toEqual([]);
  });

  test("a node that is excepted; its twin is told", async () => {
    for (const except of [["i-1*"], []]) {
      const fleet = new Fleet("ecs", { ...PRESET_HEARTBEAT, except }).watch();
      fleet.world.ecs.instance(ONE);
      fleet.world.ecs.instance(TWO);
      fleet.beats({ machine: TWO });
      await fleet.pass(10 * MINUTE);
      expect(kinds(fleet)).toEqual(except.length > 0 ? [] : [`sensor-silent shop-prod/${ONE}`]);
    }
  });

  test("nobody, where heartbeat is off", async () => {
    const fleet = new Fleet("ecs", undefined).watch();
    Object.assign(fleet.cluster, { heartbeat: undefined });
    fleet.world.ecs.instance(ONE);
    fleet.beats({ machine: ONE })();
    await fleet.pass(30 * MINUTE);
    expect(kinds(fleet)).toEqual([]);
    expect(fleet.world.aws.instances.calls).toEqual([]);
  });
});

describe("what counts as life", () => {
  test("any alert of the sensor, also one that no rule matches", async () => {
    const { fleet, kill } = ecsFleet(ONE);
    await fleet.pass(10 * MINUTE);
    kill(ONE);
    fleet.beats({ machine: ONE, rule: "Something that no rule names" });
    await fleet.pass(10 * MINUTE);
    expect(kinds(fleet)).toEqual([]);
  });

  test("not a heartbeat that comes again: Lambda and CloudWatch try for hours", async () => {
    const { fleet, kill } = ecsFleet(ONE);
    await fleet.pass(10 * MINUTE);
    kill(ONE);
    const lastMs = fleet.now();
    await fleet.line({ machine: ONE, timeMs: lastMs }, 9_001);
    for (let n = 0; n < 8; n++) {
      await fleet.pass(MINUTE / 2);
      await fleet.line({ machine: ONE, timeMs: lastMs }, 9_001);
    }
    expect(kinds(fleet)).toEqual([`sensor-silent shop-prod/${ONE}`]);
    await fleet.pass(30 * MINUTE);
    await fleet.line({ machine: ONE, timeMs: lastMs }, 9_001);
    await fleet.pass(2 * MINUTE);
    expect(kinds(fleet)).toEqual([`sensor-silent shop-prod/${ONE}`]);
    await fleet.line({ machine: ONE, timeMs: lastMs + 1 }, 9_002);
    await fleet.pass(MINUTE);
    expect(kinds(fleet)).toEqual([`sensor-silent shop-prod/${ONE}`, `sensor-back shop-prod/${ONE}`]);
  });

  test.each([-10, -3, 3, 60])("a node whose clock is %i minutes wrong is alive, and told when it dies", async (minutes) => {
    const fleet = new Fleet("ecs").watch();
    fleet.world.ecs.instance(ONE);
    const beat = () => fleet.line({ machine: ONE, timeMs: fleet.now() + minutes * MINUTE + 137 });
    for (let n = 0; n < 15; n++) {
      await beat();
      await fleet.pass(MINUTE);
    }
    // Set right, from one heartbeat to the next.
    for (let n = 0; n < 15; n++) {
      await fleet.line({ machine: ONE });
      await fleet.pass(MINUTE);
    }
    expect(kinds(fleet)).toEqual([]);
    await fleet.pass(5 * MINUTE);
    expect(kinds(fleet)).toEqual([`sensor-silent shop-prod/${ONE}`]);
  });

  test("the life of one node is not that of another whose name begins alike", async () => {
    const fleet = new Fleet("kubernetes").watch();
    fleet.world.kubernetes.node("node-1");
    fleet.world.kubernetes.node("node-11");
    fleet.beats({ hostname: "node-11" });
    await fleet.pass(10 * MINUTE);
    expect(kinds(fleet)).toEqual(["sensor-silent kube-prod/node-1"]);
  });

  test.each(["node-1", "NODE-1", "node-1.eu-west-1.compute.internal"])("a sensor that calls itself %s runs on node-1", async (hostname) => {
    const fleet = new Fleet("kubernetes").watch();
    fleet.world.kubernetes.node("node-1");
    const kill = fleet.beats({ hostname });
    await fleet.pass(10 * MINUTE);
    expect(kinds(fleet)).toEqual([]);
    kill();
    await fleet.pass(5 * MINUTE);
    expect(kinds(fleet)).toEqual(["sensor-silent kube-prod/node-1"]);
  });
});

describe("lost events", () => {
  test.each(["Falco internal: syscall event drop", "Falco internal: outputs queue drop"])(
    "%s is told, once, and when it is over",
    async (rule) => {
      const { fleet } = ecsFleet(ONE);
      await fleet.pass(10 * MINUTE);
      for (let n = 0; n < 4; n++) {
        await fleet.line({ machine: ONE, rule, priority: "Debug" });
        await fleet.pass(MINUTE);
      }
      expect(fleet.notices()).toMatchObject([{ kind: "sensor-drops", subject: `shop-prod/${ONE}`, severity: "warning" }]);
      await fleet.pass(8 * MINUTE);
      expect(kinds(fleet)).toHaveLength(1);
      await fleet.pass(4 * MINUTE);
      expect(kinds(fleet)).toEqual([`sensor-drops shop-prod/${ONE}`, "sensor-drops-over shop-prod"]);
    },
  );

  test("a timeouts notification is no drop", async () => {
    const { fleet } = ecsFleet(ONE);
    await fleet.line({ machine: ONE, rule: "Falco internal: timeouts notification" });
    await fleet.pass(5 * MINUTE);
    expect(kinds(fleet)).toEqual([]);
  });
});

describe("many at once", () => {
  test("a whole cluster that falls silent is one notice with true counts, and one when it is back", async () => {
    const machines = [ONE, TWO, THREE, FOUR, FIVE];
    const fleet = new Fleet("ecs").watch();
    for (const machine of machines) fleet.world.ecs.instance(machine);
    const kill = machines.map((machine) => fleet.beats({ machine, stream: machine }));
    await fleet.pass(10 * MINUTE);
    for (const one of kill) one();
    await fleet.pass(10 * MINUTE);
    expect(fleet.notices()).toMatchObject([
      { kind: "sensor-silent", subject: "shop-prod", title: "Falco is silent on 5 of 5 nodes of cluster shop-prod" },
    ]);
    for (const machine of machines) fleet.beats({ machine, stream: machine });
    await fleet.pass(5 * MINUTE);
    expect(kinds(fleet)).toEqual(["sensor-silent shop-prod", "sensor-back shop-prod"]);
  });

  test("silent nodes that leave are told as gone, once", async () => {
    const { fleet, kill } = ecsFleet(ONE, TWO);
    await fleet.pass(10 * MINUTE);
    kill(ONE);
    await fleet.pass(5 * MINUTE);
    for (const [arn, { ec2InstanceId }] of fleet.world.ecs.instances) if (ec2InstanceId === ONE) fleet.world.ecs.instances.delete(arn);
    await fleet.pass(10 * MINUTE);
    expect(kinds(fleet)).toEqual([`sensor-silent shop-prod/${ONE}`, "sensor-left shop-prod"]);
  });
});

describe("what cannot be told is said", () => {
  test("a cluster that cannot be asked for its nodes: after a quarter of an hour, once a day, with the quiet ones; nobody is called silent", async () => {
    const { fleet, kill } = ecsFleet(ONE, TWO);
    await fleet.pass(10 * MINUTE);
    kill(ONE);
    for (let n = 0; n < 2_000; n++) fleet.world.aws.instances.fail("list", new PipelineError("aws_denied", "no right"));
    await fleet.pass(14 * MINUTE);
    expect(kinds(fleet)).toEqual([]);
    await fleet.pass(20 * 60 * MINUTE);
    expect(fleet.notices()).toMatchObject([{ kind: "sensors-unknown", subject: "shop-prod", severity: "warning" }]);
    const lines = fleet.notices()[0]?.lines.join("\n") ?? "";
    expect(lines).toContain("no right");
    expect(lines).toContain(ONE);
    expect(lines).not.toContain(TWO);
    await fleet.pass(5 * 60 * MINUTE);
    expect(kinds(fleet)).toEqual(["sensors-unknown shop-prod", "sensors-unknown shop-prod"]);
  });

  test("a cluster of which no heartbeat was ever heard is told as one that nobody watches, not node by node", async () => {
    const fleet = new Fleet("ecs").watch();
    for (const machine of [ONE, TWO]) fleet.world.ecs.instance(machine);
    fleet.beats({ machine: ONE, rule: "Something that no rule names" }, { everyMs: 7 * MINUTE });
    await fleet.pass(14 * MINUTE);
    expect(kinds(fleet)).toEqual([]);
    await fleet.pass(60 * MINUTE);
    expect(fleet.notices()).toMatchObject([{ kind: "sensors-unknown", title: expect.stringContaining("no heartbeat") }]);
  });

  test("sensors that name no node are told as such, not as all silent", async () => {
    const fleet = new Fleet("ecs").watch();
    fleet.world.ecs.instance(ONE);
    fleet.beats({ hostname: "ip-10-0-3-7" });
    await fleet.pass(60 * MINUTE);
    expect(fleet.notices()).toMatchObject([{ kind: "sensors-unknown", title: expect.stringContaining("by no name of a node") }]);
  });

  test("a cluster without nodes has nothing to say", async () => {
    const fleet = new Fleet("ecs").watch();
    await fleet.pass(60 * MINUTE);
    expect(kinds(fleet)).toEqual([]);
  });
});
