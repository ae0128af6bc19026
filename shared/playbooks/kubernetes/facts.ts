import type { Owner } from "#shared/domain/workload.ts";
import type { Json, KubeObject } from "#shared/ports/kubernetes.ts";

/** What of a pod matters here, read once, from what the API server says. What is not of the documented shape is as if it were absent. */
export interface PodFacts {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly node: string | null;
  readonly phase: string;
  /** Its Ready condition is True. */
  readonly ready: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly controller: Owner | null;
  readonly serviceAccount: string | null;
  readonly priorityClass: string | null;
  readonly hostNetwork: boolean;
  readonly deletionTimestamp: string | null;
  readonly finalizers: readonly string[];
  /** Current statuses of containers, init containers and ephemeral containers. */
  readonly containers: readonly ContainerFacts[];
}

export interface ContainerFacts {
  readonly name: string;
  /** Without its `containerd://`; null before the start. */
  readonly id: string | null;
  /** Of the one before the last restart: it is no more. */
  readonly lastId: string | null;
  readonly image: string | null;
  readonly running: boolean;
}

/** Set by the kubelet on the API's image of a static pod. https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/ */
const MIRROR = "kubernetes.io/config.mirror";
export const isMirror = ({ annotations }: Pick<PodFacts, "annotations">): boolean => Object.hasOwn(annotations, MIRROR);

export function podFacts({ metadata, spec = {}, status = {} }: KubeObject): PodFacts {
  const conditions = list(status["conditions"]);
  return {
    namespace: metadata.namespace ?? "",
    name: metadata.name,
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion,
    node: text(spec["nodeName"]),
    phase: text(status["phase"]) ?? "Unknown",
    ready: conditions.some((one) => one["type"] === "Ready" && one["status"] === "True"),
    labels: metadata.labels ?? {},
    annotations: metadata.annotations ?? {},
    controller: controllerOf({ metadata }),
    serviceAccount: text(spec["serviceAccountName"]),
    priorityClass: text(spec["priorityClassName"]),
    hostNetwork: spec["hostNetwork"] === true,
    deletionTimestamp: metadata.deletionTimestamp ?? null,
    finalizers: metadata.finalizers ?? [],
    containers: ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"].flatMap((key) =>
      list(status[key]).map(containerFacts),
    ),
  };
}

/** `containerID` is `<runtime>://<id>`, absent before the start. */
function containerFacts(status: Json): ContainerFacts {
  const { terminated } = object(status["lastState"]);
  return {
    name: text(status["name"]) ?? "",
    id: bare(status["containerID"]),
    lastId: bare(object(terminated)["containerID"]),
    image: text(status["image"]),
    running: Object.hasOwn(object(status["state"]), "running"),
  };
}

const bare = (id: unknown): string | null => text(text(id)?.replace(/^[a-z0-9.+-]*:\/\//, ""));

/** The one owner that makes and replaces it. */
export function controllerOf({ metadata }: Pick<KubeObject, "metadata">): Owner | null {
  const reference = metadata.ownerReferences?.find(({ controller }) => controller === true);
  if (reference === undefined) return null;
  const { kind, name, uid, apiVersion } = reference;
  return { kind, name, uid, apiVersion };
}

/** A text that is not empty. */
export const text = (value: unknown): string | null => (typeof value === "string" && value !== "" ? value : null);
export const whole = (value: unknown): number | null => (typeof value === "number" && Number.isInteger(value) ? value : null);
export const object = (value: unknown): Json =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};
export const list = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.map(object) : []);
/** Of texts only: what else stands there is left out. */
export const texts = (value: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(object(value)).filter((entry): entry is [string, string] => typeof entry[1] === "string"));
