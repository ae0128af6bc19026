import { describe, expect, test } from "vitest";
import { PipelineError } from "#shared/domain/error.ts";
import { POD } from "#shared/playbooks/kubernetes/kinds.ts";
import { keepLog } from "#shared/playbooks/kubernetes/log.ts";
import { readLog } from "#shared/playbooks/kubernetes/pod-logs.ts";
import type { Params } from "#shared/playbooks/playbook.ts";
import type { LogOptions } from "#shared/ports/kubernetes.ts";
import { never } from "../builders.ts";
import { because, planned } from "../ecs-stage.ts";
import { NodeStage } from "./node-stage.ts";
import { declared, NAMESPACE, OCCASION, UID } from "./traffic-stage.ts";

const LOG = "kubernetes:log";
const POD_AT = { namespace: NAMESPACE, name: "web-1" };

/** The offender with a sidecar, whose first container has restarted once. */
function loggingStage() {
  const stage = new NodeStage();
  const kept: { readonly name: string; readonly body: string; readonly type: string }[] = [];
  stage.keep = (name, body, type) => {
    kept.push({ name, body, type });
    return Promise.resolve({ key: `evidence/${name}-0011`, sha256: "f".repeat(64) });
  };
  stage.edit(({ spec, status }) => ({
    spec: { ...spec, containers: [{ name: "sidecar" }, { name: "app" }], initContainers: [{ name: "init" }] },
    status: {
      ...status,
      containerStatuses: [
        { name: "app", restartCount: 1 },
        { name: "sidecar", restartCount: 0 },
      ],
    },
  }));
  return { stage, kept };
}

describe(LOG, () => {
  test("keeps what every container logged, and the one before its restart, as one object", async () => {
    const { stage, kept } = loggingStage();
    stage.kube.log(POD_AT, "app", "password=hunter2\nlast line");
    stage.kube.log(POD_AT, "app", "former", true);
    stage.kube.log(POD_AT, "sidecar", "side");
    const step = stage.action(LOG);
    const answer = await step.execute({});
    expect(answer).toMatchObject({ kind: "done", because: expect.stringMatching(/^3 logs kept as evidence\/\S+-0011, sha256 f{64}$/) });
    expect(answer.remarks?.join(" ")).toMatch(/Not there: log of init\..*secrets that the pod logged are in them/);
    expect(JSON.stringify(answer)).not.toContain("hunter2");
    expect(kept).toHaveLength(1);
    expect(kept[0]).toMatchObject({ name: `${OCCASION.incident}/logs-${UID}`, type: "application/json" });
    expect(JSON.parse(kept[0]?.body ?? "")).toEqual({
      schema: "falco-responder/pod-logs/1",
      incident: OCCASION.incident,
      namespace: NAMESPACE,
      name: "web-1",
      uid: UID,
      node: "node-1",
      logs: [
        { container: "app", previous: false, text: "password=hunter2\nlast line", cut: false },
        { container: "app", previous: true, text: "former", cut: false },
        { container: "sidecar", previous: false, text: "side", cut: false },
      ],
      missing: ["log of init"],
    });
  });

  test("the same logs are the same object, so that a repeat changes nothing", async () => {
    const { stage, kept } = loggingStage();
    stage.kube.log(POD_AT, "app", "a");
    const step = stage.action(LOG);
    expect(await step.verify({})).toMatchObject({ kind: "pending", begun: false, blind: true });
    await step.execute({});
    stage.nowMs += 60_000;
    await step.execute({});
    expect(kept[1]).toEqual(kept[0]);
  });

  test("only as many lines as asked for, the last ones", async () => {
    const { stage, kept } = loggingStage();
    stage.kube.log(POD_AT, "app", "a\nb\nc");
    await stage.action(LOG, { tail_lines: 2 }).execute({});
    expect(JSON.parse(kept[0]?.body ?? "").logs).toEqual([{ container: "app", previous: false, text: "b\nc", cut: false }]);
  });

  test("a pod that logged nothing, or is gone, or is another one of its name: nothing is kept", async () => {
    const { stage, kept } = loggingStage();
    const step = stage.action(LOG);
    expect(await step.execute({})).toMatchObject({ kind: "gone", because: expect.stringContaining("logged anything") });
    stage.kube.log(POD_AT, "app", "a");
    stage.edit(({ metadata }) => ({ metadata: { ...metadata, uid: "another" } }));
    expect(await step.execute({})).toMatchObject({ kind: "gone", because: expect.stringContaining("the pod is gone") });
    stage.remove(POD, "web-1");
    expect((await step.execute({})).kind).toBe("gone");
    expect(kept).toEqual([]);
  });

  test("when a successor takes the name while logs are read, they are not kept as the offender's", async () => {
    const { stage, kept } = loggingStage();
    stage.kube.log(POD_AT, "app", "a");
    const step = stage.action(LOG);
    const read = stage.kube.logs.bind(stage.kube);
    stage.kube.logs = (at, options) => {
      stage.edit(({ metadata }) => ({ metadata: { ...metadata, uid: "another" } }));
      return read(at, options);
    };
    expect(await step.execute({})).toMatchObject({ kind: "gone", because: expect.stringContaining("not kept") });
    expect(kept).toEqual([]);
  });

  test("one log that cannot be read costs the others nothing; when none can, that is the error", async () => {
    const { stage, kept } = loggingStage();
    stage.kube.log(POD_AT, "sidecar", "side");
    stage.kube.fail("logs", new PipelineError("kube_unreachable", "no kubelet"));
    const answer = await stage.action(LOG).execute({});
    expect(answer.kind).toBe("done");
    expect(answer.remarks?.join(" ")).toContain("log of app (kube_unreachable)");
    expect(kept).toHaveLength(1);
    for (let n = 0; n < 4; n++) stage.kube.fail("logs", new PipelineError("kube_unreachable", "no kubelet"));
    await expect(stage.action(LOG).execute({})).rejects.toMatchObject({ code: "kube_unreachable" });
    stage.kube.fail("logs", new TypeError("a bug"));
    await expect(stage.action(LOG).execute({})).rejects.toThrow("a bug");
  });

  test.each<[Params[string], boolean]>([
    [1, true],
    [10_000, true],
    ["20", true],
    [0, false],
    [10_001, false],
    [1.5, false],
    ["all", false],
    [true, false],
  ])("tail_lines: %j, planned: %j", (tail_lines, fine) => {
    expect(new NodeStage().planning(LOG, { tail_lines }).kind).toBe(fine ? "planned" : "refused");
  });

  test("100 lines when nothing is said; what it does not know is refused, and what is no pod", () => {
    const stage = new NodeStage();
    expect(planned(stage.planning(LOG)).params).toEqual({ tail_lines: 100 });
    expect(because(stage.planning(LOG, { lines: 5 }))).toContain("not known");
    expect(because(keepLog.plan({ ...stage.workload(), kind: "task" } as never, {}, OCCASION))).toContain("target is a task");
  });

  test("evidence is not taken back", () => {
    expect(keepLog.undo).toMatchObject({ possible: false, because: expect.stringContaining("locked") });
  });

  test("it uses the rights that it declares, and no others", async () => {
    const { stage } = loggingStage();
    stage.kube.log(POD_AT, "app", "a");
    await stage.action(LOG).execute({});
    expect([...new Set(stage.rights)].toSorted()).toEqual(declared(LOG));
  });
});

describe("a log that is longer than its share", () => {
  /** As the kubelet does: the last so many lines, and of these the first so many bytes. */
  const kubelet = (stage: NodeStage, lines: readonly string[]) => {
    const asked: number[] = [];
    stage.kube.logs = (_at, { tailLines, limitBytes }: LogOptions) => {
      asked.push(tailLines);
      return Promise.resolve(lines.slice(-tailLines).join("\n").slice(0, limitBytes));
    };
    return asked;
  };
  const read = (stage: NodeStage, mostBytes: number) =>
    readLog(POD_AT, { container: "app", previous: false }, { tailLines: 8, mostBytes }, stage.kube, never);

  test("loses its oldest lines, never its newest", async () => {
    const stage = new NodeStage();
    const asked = kubelet(
      stage,
      ["1", "2", "3", "4", "5", "6", "7", "8"].map((one) => one.repeat(10)),
    );
    expect(await read(stage, 50)).toMatchObject({ text: ["5", "6", "7", "8"].map((one) => one.repeat(10)).join("\n"), cut: true });
    expect(asked).toEqual([8, 4]);
    expect(await read(stage, 100)).toMatchObject({ cut: false });
  });

  test("keeps the beginning of a line that alone is too long", async () => {
    const stage = new NodeStage();
    const asked = kubelet(stage, ["short", "x".repeat(100)]);
    expect(await read(stage, 20)).toMatchObject({ text: "x".repeat(20), cut: true });
    expect(asked).toEqual([8, 4, 2, 1]);
  });
});
