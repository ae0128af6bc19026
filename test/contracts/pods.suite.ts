import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { PodFacts, Pods } from "#shared/ports/pods.ts";
import { until } from "./cases.ts";

/** One namespace with a running Deployment "web" of two pods with the label `app: web`, and a standalone pod "alone", all on one node. */
export interface PodsWorld {
  readonly pods: Pods;
  readonly namespace: string;
  readonly node: string;
  /** Lets time pass. */
  wait(): Promise<void>;
  /** The standalone pod, deleted and made again under its name. */
  recreateAlone(): Promise<void>;
  close(): Promise<void>;
}

const signal = new AbortController().signal;

export function podsContract(name: string, open: () => Promise<PodsWorld>): void {
  describe(`Pods: ${name}`, () => {
    let world: PodsWorld;
    let web: readonly PodFacts[] = [];
    beforeAll(async () => {
      world = await open();
      web = await ofWeb();
    }, 120_000);
    afterAll(() => world?.close());

    const ofWeb = async (): Promise<readonly PodFacts[]> =>
      (await world.pods.onNode(world.node, signal)).filter(
        ({ namespace, labels, deletionTimestamp }) =>
          namespace === world.namespace && labels["app"] === "web" && deletionTimestamp === null,
      );

    test("the pods of a node are all listed, with the ids of their running containers", () => {
      expect(web).toHaveLength(2);
      for (const pod of web) {
        expect(pod).toMatchObject({ namespace: world.namespace, node: world.node, phase: "Running", deletionTimestamp: null });
        expect(pod.uid).toMatch(/^[0-9a-f-]{36}$/);
        expect(pod.containers).toMatchObject([{ id: expect.stringMatching(/^[0-9a-f]{64}$/), running: true }]);
      }
    });

    test("a pod is got by its name, and one that is not there is null", async () => {
      const [pod] = web;
      if (pod === undefined) throw new Error("no pod");
      expect(await world.pods.get(pod.namespace, pod.name, signal)).toEqual(pod);
      expect(await world.pods.get(pod.namespace, "nobody", signal)).toBeNull();
      expect(await world.pods.onNode("nowhere", signal)).toEqual([]);
    });

    test("the owner of a Deployment's pod is the Deployment; a standalone pod has none", async () => {
      for (const pod of web) expect(await world.pods.owner(pod, signal)).toMatchObject({ kind: "Deployment", name: "web" });
      const alone = await world.pods.get(world.namespace, "alone", signal);
      expect(alone && (await world.pods.owner(alone, signal))).toBeNull();
    });

    test("a controller with another uid than the pod says is not followed", async () => {
      const [pod] = web;
      if (!pod?.controller) throw new Error("no controller");
      const controller = { ...pod.controller, uid: "00000000-0000-0000-0000-000000000000" };
      expect(await world.pods.owner({ ...pod, controller }, signal)).toEqual(controller);
    });

    test("a pod with another uid is not deleted: conflict", async () => {
      const [pod] = web;
      if (pod === undefined) throw new Error("no pod");
      expect(await world.pods.delete({ ...pod, uid: "00000000-0000-0000-0000-000000000000" }, 1, signal)).toBe("conflict");
      expect(await world.pods.get(pod.namespace, pod.name, signal)).toEqual(pod);
    });

    test("a deleted pod goes, its neighbour stays, and its controller makes another", async () => {
      const [offender, neighbour] = web;
      if (offender === undefined || neighbour === undefined) throw new Error("no pods");
      expect(await world.pods.delete(offender, 1, signal)).toBe("accepted");
      await until(async () => (await world.pods.get(offender.namespace, offender.name, signal)) === null, world.wait);
      expect(await world.pods.delete(offender, 1, signal)).toBe("gone");
      await until(async () => (await ofWeb()).length === 2, world.wait);
      const uids = (await ofWeb()).map(({ uid }) => uid);
      expect(uids).toContain(neighbour.uid);
      expect(uids).not.toContain(offender.uid);
    });

    test("the successor of a deleted pod's name survives a late delete", async () => {
      const first = await world.pods.get(world.namespace, "alone", signal);
      if (first === null) throw new Error("no pod");
      await world.recreateAlone();
      expect(await world.pods.delete(first, 1, signal)).toBe("conflict");
      const second = await world.pods.get(world.namespace, "alone", signal);
      expect(second?.uid).not.toBe(first.uid);
      expect(second?.deletionTimestamp).toBeNull();
    });
  });
}
