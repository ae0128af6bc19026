import { object, podFacts, text, whole } from "#shared/playbooks/kubernetes/facts.ts";
import { POD, POD_DISRUPTION_BUDGET } from "#shared/playbooks/kubernetes/kinds.ts";
import type { Evicted, KubeObject } from "#shared/ports/kubernetes.ts";
import { hasEnded } from "./admission.ts";
import type { Cluster } from "./parts.ts";
import { matches } from "./selectors.ts";

const selects = ({ metadata, spec }: KubeObject, pod: KubeObject): boolean =>
  metadata.namespace === pod.metadata.namespace && matches(spec?.["selector"], pod.metadata.labels);

/** What budgets say to an eviction; null: nothing against it. They are asked before the uid is, and one that allowed it is spent then. */
export function spend(cluster: Cluster, pod: KubeObject, dryRun: boolean): Extract<Evicted, { kind: "budget" | "budgets" }> | null {
  if (hasEnded(pod) || pod.status?.["phase"] === "Pending" || pod.metadata.deletionTimestamp !== undefined) return null;
  const [budget, another] = cluster.all(POD_DISRUPTION_BUDGET).filter((one) => selects(one, pod));
  if (budget === undefined) return null;
  const because = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
  if (another !== undefined) return { kind: "budgets", because };
  const { status = {}, metadata } = budget;
  const allowed = whole(status["disruptionsAllowed"]) ?? 0;
  if (allowed < 1) {
    const [needs, has] = [status["desiredHealthy"], status["currentHealthy"]].map((count) => whole(count) ?? 0);
    return { kind: "budget", because: `The disruption budget ${metadata.name} needs ${needs} healthy pods and has ${has} currently` };
  }
  if (!dryRun && isCounted(budget)) {
    const disruptedPods = { ...object(status["disruptedPods"]), [pod.metadata.name]: pod.metadata.creationTimestamp };
    cluster.put(POD_DISRUPTION_BUDGET, { ...budget, status: { ...status, disruptionsAllowed: allowed - 1, disruptedPods } });
  }
  return null;
}

/** Budgets that say how many; what a test wrote as status of others stands. */
const isCounted = ({ spec = {} }: KubeObject): boolean => spec["minAvailable"] !== undefined || spec["maxUnavailable"] !== undefined;

/** What the disruption controller writes: pods that somebody may be about to evict count as not healthy until they are gone. */
export function recount(cluster: Cluster): void {
  for (const budget of cluster.all(POD_DISRUPTION_BUDGET).filter(isCounted)) {
    const { spec = {}, status = {} } = budget;
    const pods = cluster.all(POD).filter((pod) => selects(budget, pod));
    const there = new Set(pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined).map(({ metadata }) => metadata.name));
    const disruptedPods = Object.fromEntries(Object.entries(object(status["disruptedPods"])).filter(([name]) => there.has(name)));
    const healthy = pods.map(podFacts).filter(({ name, ready }) => ready && there.has(name) && !Object.hasOwn(disruptedPods, name)).length;
    const expected = pods.filter((pod) => !hasEnded(pod)).length;
    const desired =
      spec["minAvailable"] === undefined
        ? Math.max(0, expected - counted(spec["maxUnavailable"], expected))
        : counted(spec["minAvailable"], expected);
    const now = {
      observedGeneration: 1,
      disruptionsAllowed: Math.max(0, healthy - desired),
      currentHealthy: healthy,
      desiredHealthy: desired,
      expectedPods: expected,
      ...(Object.keys(disruptedPods).length === 0 ? {} : { disruptedPods }),
    };
    if (JSON.stringify(now) !== JSON.stringify(status)) cluster.put(POD_DISRUPTION_BUDGET, { ...budget, status: now });
  }
}

/** A count, or a share, rounded up. */
function counted(value: unknown, of: number): number {
  const share = /^(\d+)%$/.exec(text(value) ?? "")?.[1];
  return share === undefined ? (whole(value) ?? 0) : Math.ceil((Number(share) * of) / 100);
}
