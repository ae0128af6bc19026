import { createHash } from "node:crypto";
import type { Owner } from "#shared/domain/workload.ts";
import { list, type PodFacts, text } from "#shared/playbooks/kubernetes/facts.ts";
import type { Json, Kind, KubeObject, OwnerReference } from "#shared/ports/kubernetes.ts";

export const BEGAN = "2026-01-01T00:00:00Z";
const IMAGE = "registry.test/web:1";

export const hex = (seed: string): string => createHash("sha256").update(seed).digest("hex");
export const uid = (seed: string): string => hex(seed).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, "$1-$2-$3-$4-$5");

export const apiVersionOf = ({ group, version }: Kind): string => (group === "" ? version : `${group}/${version}`);

/** As controllers write it. */
export const reference = ({ kind, name, uid: id, apiVersion = "v1" }: Owner): OwnerReference => ({
  apiVersion,
  kind,
  name,
  uid: id ?? "",
  controller: true,
  blockOwnerDeletion: true,
});

export type Facts = Partial<PodFacts> & Pick<PodFacts, "namespace" | "name" | "uid" | "labels" | "controller">;

/** A pod as facts of it say; what they do not say is as of a healthy one. */
export function podObject(facts: Facts, containerNames: readonly string[], spec: Json, seed: string): KubeObject {
  const { namespace, name, uid: id, labels, controller, annotations = {}, deletionTimestamp = null, finalizers = [] } = facts;
  const containers =
    facts.containers ?? containerNames.map((one) => ({ name: one, id: hex(`${seed} ${one}`), lastId: null, image: IMAGE, running: true }));
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      namespace,
      name,
      uid: id,
      resourceVersion: "0",
      labels,
      annotations,
      ...(finalizers.length === 0 ? {} : { finalizers }),
      ...(deletionTimestamp === null ? {} : { deletionTimestamp }),
      ...(controller === null ? {} : { ownerReferences: [reference(controller)] }),
    },
    spec: {
      containers: containers.map((one) => ({ name: one.name, image: one.image ?? IMAGE })),
      serviceAccountName: facts.serviceAccount ?? "default",
      ...(facts.node === null ? {} : { nodeName: facts.node ?? "node-1" }),
      ...(facts.priorityClass ? { priorityClassName: facts.priorityClass } : {}),
      ...(facts.hostNetwork ? { hostNetwork: true } : {}),
      ...spec,
    },
    status: {
      phase: facts.phase ?? "Running",
      conditions: [{ type: "Ready", status: (facts.ready ?? true) ? "True" : "False" }],
      containerStatuses: containers.map((one) => ({
        name: one.name,
        image: one.image ?? "",
        ...(one.id === null ? {} : { containerID: `containerd://${one.id}` }),
        state: one.running ? { running: { startedAt: BEGAN } } : { terminated: { exitCode: 0 } },
        lastState: one.lastId == null ? {} : { terminated: { containerID: `containerd://${one.lastId}` } },
      })),
    },
  };
}

/** A pod that was made through the API, as its kubelet reports it once it runs; without a node it waits for one. */
export function started(pod: KubeObject, node: string | null): KubeObject {
  if (node === null) {
    const conditions = [{ type: "PodScheduled", status: "False", reason: "Unschedulable" }];
    return { ...pod, status: { phase: "Pending", conditions } };
  }
  const statuses = (key: "containers" | "initContainers", state: Json) =>
    list(pod.spec?.[key]).map((one) => ({
      name: text(one["name"]) ?? "",
      image: text(one["image"]) ?? "",
      containerID: `containerd://${hex(`${pod.metadata.uid} ${String(one["name"])}`)}`,
      state,
      lastState: {},
    }));
  return {
    ...pod,
    spec: { ...pod.spec, nodeName: node },
    status: {
      phase: "Running",
      conditions: [{ type: "Ready", status: "True" }],
      initContainerStatuses: statuses("initContainers", { terminated: { exitCode: 0 } }),
      containerStatuses: statuses("containers", { running: { startedAt: BEGAN } }),
    },
  };
}

/** The server does not write what is empty: nothing is there that a patch could test for, or add to. */
export function bare({ metadata, ...rest }: KubeObject): KubeObject {
  const empty = ["labels", "annotations", "ownerReferences", "finalizers"] as const;
  const kept = Object.entries(metadata).filter(
    ([key, value]) => !(empty as readonly string[]).includes(key) || Object.keys((value as object | undefined) ?? {}).length > 0,
  );
  return { ...rest, metadata: Object.fromEntries(kept) as unknown as KubeObject["metadata"] };
}
