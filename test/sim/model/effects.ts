import type { ActionName } from "#shared/domain/action.ts";
import { TARGET } from "#shared/playbooks/kubernetes/marks.ts";
import type { At, Kind, NewObject } from "#shared/ports/kubernetes.ts";
import type { World } from "./world.ts";

/** A write to the world: what it is done to, and which actions may do such a thing. */
export interface Touch {
  readonly what: string;
  /** Task ARN or uid of a pod; null: what it is done to is nobody's alone. */
  readonly uid: string | null;
  /** Of a write to a service. */
  readonly service: string | null;
  readonly by: readonly ActionName[];
}

const MARK_TASK = ["ecs:tag-task"] as const;
const WRITES: Readonly<Record<string, readonly ActionName[]>> = {
  "ecs.stop": ["ecs:stop-task", "ecs:scale-service-to-zero", "ecs:isolate-instance"],
  "marks.tag": MARK_TASK,
  "marks.untag": MARK_TASK,
  "marks.protect": ["ecs:protect-task", "ecs:scale-service-to-zero"],
  "services.setDesiredCount": ["ecs:scale-service-to-zero"],
  "services.suspendScaling": ["ecs:scale-service-to-zero"],
  "instances.setStatus": ["ecs:drain-instance"],
  "network.setGroups": ["ecs:isolate-instance"],
};

/** What this call of a port would touch; null: it reads, or only rehearses. */
export function touchOf(call: string, args: readonly unknown[], world: World): Touch | null {
  if (call.startsWith("kube.")) return kubeTouch(call.slice("kube.".length), args, world);
  const by = WRITES[call];
  if (by === undefined) return null;
  const [about] = args as [string];
  if (call.startsWith("services.")) return { what: `${call} ${about} ${JSON.stringify(args[1])}`, uid: null, service: about, by };
  return { what: `${call} ${about}`, uid: about.includes(":task/") ? about : null, service: null, by };
}

function kubeTouch(method: string, args: readonly unknown[], { kube }: World): Touch | null {
  if (method !== "create" && method !== "patch" && method !== "delete" && method !== "evict") return null;
  const options = args.find((one): one is { dryRun?: boolean } => typeof one === "object" && one !== null && "dryRun" in one);
  if (options?.dryRun === true) return null;
  if (method === "evict") return { what: `kube.evict`, uid: (args[0] as { uid: string }).uid, service: null, by: ["kubernetes:evict"] };
  const kind = args[0] as Kind;
  const what = `kube.${method} ${kind.resource}`;
  if (kind.resource === "pods") {
    const at = args[1] as At & { uid?: string };
    const uid = at.uid ?? kube.object(kind, at.namespace, at.name)?.metadata.uid ?? null;
    const by: readonly ActionName[] =
      method === "delete"
        ? ["kubernetes:terminate", "kubernetes:quarantine"]
        : ["kubernetes:quarantine", "kubernetes:label", "kubernetes:annotation"];
    return { what: `${what} ${at.namespace}/${at.name}`, uid, service: null, by };
  }
  const at = args[1] as At & NewObject;
  const labels = method === "create" ? at.metadata.labels : kube.object(kind, at.namespace, at.name)?.metadata.labels;
  return { what: `${what} ${at.name ?? at.metadata.name}`, uid: labels?.[TARGET] ?? null, service: null, by: ["kubernetes:quarantine"] };
}
