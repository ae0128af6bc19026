import type { Owner } from "#shared/domain/workload.ts";
import { controllerOf, list, type PodFacts, texts } from "#shared/playbooks/kubernetes/facts.ts";
import { DAEMON_SET, JOB, REPLICA_SET, RESOURCE_QUOTA, STATEFUL_SET } from "#shared/playbooks/kubernetes/kinds.ts";
import { kindOfOwner } from "#shared/playbooks/kubernetes/owner.ts";
import { type Labels, selects } from "#shared/playbooks/kubernetes/selectors.ts";
import { few } from "#shared/playbooks/words.ts";
import type { Json, KubeObject, KubernetesApi } from "#shared/ports/kubernetes.ts";

export type Release = { readonly because: string } | { readonly remarks: readonly string[] };

const NEXT_BEST = "next best: kubernetes:terminate";
const FILLS = "Quota and nodes must hold both.";

/**
 * What the pod's controller does when the labels that it selects by are gone, or why they must not be taken. ReplicaSets, Jobs and DaemonSets
 * let such a pod go and replace it. https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/#isolating-pods-from-a-replicaset
 */
export async function releaseOf(pod: PodFacts, spec: Json, labels: Labels, api: KubernetesApi, signal: AbortSignal): Promise<Release> {
  const { controller, namespace } = pod;
  if (controller === null) return { remarks: ["No controller owns the pod: nothing replaces it."] };
  const who = `${controller.kind} ${controller.name}`;
  const kind = kindOfOwner(controller);
  if (kind === STATEFUL_SET)
    return {
      because: `${who} gives its replacement the same name, which is taken while this pod stands: it could not heal; ${NEXT_BEST}, or kubernetes:scale-to-zero`,
    };
  if (kind !== REPLICA_SET && kind !== DAEMON_SET && kind !== JOB)
    return {
      because: `the pod's controller (${who}) is of a kind of which nobody here knows whether it lets a pod go by its labels; ${NEXT_BEST}`,
    };
  const found = await api.get(kind, namespace, controller.name, signal);
  if (found === null || found.metadata.uid !== controller.uid) return { remarks: [`${who} is gone: nothing replaces the pod.`] };
  if (selects(found.spec?.["selector"], labels))
    return { because: `${who} selects pods by the absence of labels: it would not let go of this one; ${NEXT_BEST}` };
  if (kind === DAEMON_SET && hostPorts(spec))
    return {
      because: `${who} puts its replacement on the same node, where this pod holds the host port: it could not start; ${NEXT_BEST}`,
    };
  const full = await fullQuotas(namespace, api, signal);
  return { remarks: [released(controller, found, spec), ...full] };
}

function released({ kind, name }: Owner, found: KubeObject, spec: Json): string {
  if (kind === "DaemonSet") {
    const shared = list(spec["volumes"]).some((volume) => Object.hasOwn(volume, "hostPath"));
    return `DaemonSet ${name} lets the pod go and puts another on the same node${shared ? ", which shares its hostPath volumes" : ""}. ${FILLS}`;
  }
  if (kind === "Job") return `Job ${name} lets the pod go and runs its work again, with the same image and hole. ${FILLS}`;
  const above = controllerOf(found);
  const of = above === null ? "" : ` of ${above.kind} ${above.name}`;
  return `ReplicaSet ${name}${of} lets the pod go and starts a replacement, with the same image and hole. ${FILLS}`;
}

const hostPorts = (spec: Json): boolean =>
  [...list(spec["containers"]), ...list(spec["initContainers"])].some((container) =>
    list(container["ports"]).some(({ hostPort }) => typeof hostPort === "number" && hostPort > 0),
  );

/** https://kubernetes.io/docs/concepts/policy/resource-quotas/ */
async function fullQuotas(namespace: string, api: KubernetesApi, signal: AbortSignal): Promise<readonly string[]> {
  const quotas = (await api.list(RESOURCE_QUOTA, { namespace }, signal)) ?? [];
  const full = quotas.flatMap(({ metadata, status = {} }) => {
    const hard = texts(status["hard"]);
    const used = texts(status["used"]);
    const spent = Object.keys(hard).filter((key) => isSpent(hard[key], used[key]));
    return spent.length === 0 ? [] : [`${metadata.name} (${few(spent, 3)})`];
  });
  return full.length === 0 ? [] : [`Quota is spent: ${few(full, 3)}. The replacement does NOT come while this pod stands.`];
}

const isSpent = (hard: string | undefined, used: string | undefined): boolean =>
  hard !== undefined && used !== undefined && (hard === used || (/^\d+$/.test(hard) && /^\d+$/.test(used) && Number(used) >= Number(hard)));
