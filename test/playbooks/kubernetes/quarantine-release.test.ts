import { describe, expect, test } from "vitest";
import { NETWORK_POLICY, POD } from "#shared/playbooks/kubernetes/kinds.ts";
import { quarantine } from "#shared/playbooks/kubernetes/quarantine.ts";
import type { Params } from "#shared/playbooks/playbook.ts";
import type { Kind } from "#shared/ports/kubernetes.ts";
import { LABELS, TrafficStage, UID } from "./traffic-stage.ts";

const QUARANTINE = "kubernetes:quarantine";
const MARK = "falco-responder.io/quarantine";
const POLICY = `falco-responder-quarantine-${UID}`;

const policyOf = (stage: TrafficStage, kind: Kind = NETWORK_POLICY, name = POLICY) => stage.see(kind, name);

/** The controllers have seen that the labels went. */
const letGo = (stage: TrafficStage) => stage.edit(({ metadata }) => ({ metadata: { ...metadata, ownerReferences: [] } }));

describe(`${QUARANTINE}: how it ends`, () => {
  describe("taking it back", () => {
    const acted = async (annotations: Readonly<Record<string, string>> = {}, kind = "ReplicaSet") => {
      const stage = new TrafficStage("antrea-agent", { annotations });
      stage.owned(kind);
      const step = stage.action(QUARANTINE);
      const { kept } = await step.done();
      letGo(stage);
      return { stage, step, kept };
    };

    test("labels in one patch, then the policy; re-adoption is told; twice changes nothing", async () => {
      const { stage, step, kept } = await acted({ team: "a", "karpenter.sh/do-not-disrupt": "false" });
      const before = stage.writes.length;
      expect(await step.undo(kept)).toMatchObject({
        kind: "undone",
        because: expect.stringMatching(/ReplicaSet web-owner takes it back.*perhaps a healthy one.*is taken away/),
      });
      expect(stage.writes.slice(before)).toEqual(["patch /pods", "delete networking.k8s.io/networkpolicies"]);
      expect(stage.pod.labels).toEqual(LABELS);
      expect(stage.pod.annotations).toEqual({ team: "a", "karpenter.sh/do-not-disrupt": "false" });
      expect((await step.undo(kept)).kind).toBe("nothing");
      expect(stage.writes).toHaveLength(before + 2);
    });

    test("what somebody changed since stands, key by key", async () => {
      const { stage, step, kept } = await acted();
      stage.edit(({ metadata }) => ({
        metadata: {
          ...metadata,
          labels: { [MARK]: UID, app: "api", note: "x" },
          annotations: { ...metadata.annotations, "karpenter.sh/do-not-disrupt": "false" },
        },
      }));
      expect(await step.undo(kept)).toMatchObject({
        kind: "changed",
        because: expect.stringMatching(/not overwritten: label app; the pod has its labels again/),
      });
      expect(stage.pod.labels).toEqual({ ...LABELS, app: "api", note: "x" });
      expect(stage.pod.annotations).toEqual({ "karpenter.sh/do-not-disrupt": "false" });
    });

    test("somebody who took our label off has released it: nothing is put on, and the policy goes", async () => {
      const { stage, step, kept } = await acted();
      stage.label({ app: "other" });
      expect(await step.undo(kept)).toMatchObject({ kind: "changed" });
      expect(stage.pod.labels).toEqual({ app: "other" });
      expect(policyOf(stage)).toBeNull();
    });

    test("a policy that somebody changed stands", async () => {
      const { stage, step, kept } = await acted();
      stage.change(NETWORK_POLICY, POLICY, ({ spec }) => ({ spec: { ...spec, egress: [{}] } }));
      expect(await step.undo(kept)).toMatchObject({ kind: "changed", because: expect.stringContaining("is not as we made it") });
      expect(policyOf(stage)).not.toBeNull();
      expect(stage.pod.labels).toEqual(LABELS);
    });

    test("when the server refuses the labels, the pod stays cut off", async () => {
      const { stage, step, kept } = await acted();
      stage.kube.admit = () => "frozen";
      expect(await step.undo(kept)).toMatchObject({ kind: "changed", because: expect.stringContaining("still quarantined") });
      expect(policyOf(stage)).not.toBeNull();
    });

    test("of a pod that is gone: nothing; a policy that was left behind is taken away", async () => {
      const { stage, step, kept } = await acted();
      stage.change(NETWORK_POLICY, POLICY, ({ metadata }) => ({ metadata: { ...metadata, ownerReferences: [] } }));
      stage.remove(POD, "web-1");
      expect((await step.undo(kept)).kind).toBe("nothing");
      expect(policyOf(stage)).toBeNull();
    });

    test("before it was executed, a policy of a run that died is taken away and the pod is as it is", async () => {
      const stage = new TrafficStage();
      const step = stage.action(QUARANTINE);
      const { kept } = await step.ready();
      stage.meanwhile = (verb) => {
        if (verb === "patch") throw new Error("the process dies");
      };
      await expect(step.execute(kept)).rejects.toThrow("dies");
      stage.meanwhile = () => undefined;
      expect((await step.undo(kept)).kind).toBe("undone");
      expect(policyOf(stage)).toBeNull();
      expect(stage.pod.labels).toEqual(LABELS);
    });
  });

  describe("its end", () => {
    test("is after 24 h unless said otherwise, and deletes or asks: it never gives the pod back", () => {
      const { expiry = expect.fail("it does not expire") } = quarantine;
      const plan = (params: Params) => new TrafficStage().action(QUARANTINE, params).plan;
      expect(expiry.afterMs(plan({}))).toBe(24 * 3_600_000);
      expect(expiry.afterMs(plan({ expires_after: "30m" }))).toBe(1_800_000);
      expect(typeof expiry.by === "function" && [expiry.by(plan({})), expiry.by(plan({ on_expiry: "ask" }))]).toEqual(["end", "ask"]);
    });

    test("deletes the pod with its uid while it stays cut off, and then the policy", async () => {
      const stage = new TrafficStage();
      const step = stage.action(QUARANTINE);
      const { kept } = await step.done();
      expect(await step.end(kept)).toMatchObject({ kind: "requested" });
      expect(policyOf(stage)).not.toBeNull();
      expect(await step.end(kept)).toMatchObject({ kind: "requested" });
      expect(stage.writes.filter((write) => write === "delete /pods")).toHaveLength(1);
      stage.change(NETWORK_POLICY, POLICY, ({ metadata }) => ({ metadata: { ...metadata, ownerReferences: [] } }));
      stage.remove(POD, "web-1");
      expect(await step.end(kept)).toMatchObject({ kind: "undone" });
      expect(await step.end(kept)).toMatchObject({ kind: "nothing" });
      expect(policyOf(stage)).toBeNull();
    });

    test("spares a pod that somebody released meanwhile, and a successor of its name", async () => {
      const stage = new TrafficStage();
      const step = stage.action(QUARANTINE);
      const { kept } = await step.done();
      stage.label(LABELS);
      expect(await step.end(kept)).toMatchObject({ kind: "changed", because: expect.stringContaining("released") });
      stage.edit(({ metadata }) => ({ metadata: { ...metadata, uid: "a-successor" } }));
      await step.end(kept);
      expect(stage.writes).not.toContain("delete /pods");
    });
  });
});
