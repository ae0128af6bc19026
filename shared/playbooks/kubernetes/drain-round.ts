import { isGoing, namespacesIn, type Resident, residentName } from "#shared/playbooks/kubernetes/drain-residents.ts";
import { type Floor, floorIn, tooFew } from "#shared/playbooks/kubernetes/healthy.ts";
import type { Params } from "#shared/playbooks/playbook.ts";
import type { KubernetesApi } from "#shared/ports/kubernetes.ts";

/** Evictions under way at once: a drain shares the server with everybody's deploys. With a floor one by one: two must not spend the same spare pod. */
const AT_ONCE = 4;
/** A round ends so early that its claim's lease (30 s) is not over. */
const ROUND_MS = 10_000;

/** What became of the pods that were to go and had not gone yet. */
export interface Round {
  readonly evicted: readonly Resident[];
  /** A disruption budget allows none now. */
  readonly held: readonly Resident[];
  /** Too few of its owner's pods would be healthy. */
  readonly needed: readonly Resident[];
  /** The server says no, whatever the budgets. */
  readonly refused: readonly { readonly resident: Resident; readonly because: string }[];
  /** The time of the round was over, or (without ignore_errors) it had stopped. */
  readonly untried: readonly Resident[];
}

export async function evictRound(
  residents: readonly Resident[],
  params: Params,
  api: KubernetesApi,
  nowMs: () => number,
  signal: AbortSignal,
): Promise<Round> {
  const wanted = residents.filter((one) => one.stays === null && !isGoing(one)).sort((a, b) => Number(b.offender) - Number(a.offender));
  const floor = floorOf(params);
  const stopsAtErrors = params["ignore_errors"] !== true;
  const untilMs = nowMs() + ROUND_MS;
  const evicted: Resident[] = [];
  const held: Resident[] = [];
  const needed: Resident[] = [];
  const refused: Round["refused"][number][] = [];
  const queue = [...wanted];
  const isOver = (): boolean => nowMs() > untilMs || (stopsAtErrors && refused.length > 0);

  const evict = async (resident: Resident): Promise<void> => {
    if (floor !== null && (await isNeeded(resident, floor, api, signal))) {
      needed.push(resident);
      return;
    }
    const answer = await api.evict(resident.pod, {}, signal);
    if (answer.kind === "budget") held.push(resident);
    else if (answer.kind === "budgets") refused.push({ resident, because: "more than one disruption budget selects it" });
    else if (answer.kind === "rejected") refused.push({ resident, because: answer.because });
    // Gone, or another pod has its name: it is not there any more.
    else if (answer.kind === "accepted") evicted.push(resident);
  };
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      if (isOver()) {
        queue.unshift(next);
        return;
      }
      await evict(next);
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: Math.min(floor === null ? AT_ONCE : 1, wanted.length) }, worker));
  const broken = ends.find((end) => end.status === "rejected");
  if (broken !== undefined) throw broken.reason;
  return { evicted, held, needed, refused, untried: queue };
}

function floorOf(params: Params): Floor | null {
  const floor = floorIn(params);
  if (floor !== null && "because" in floor) throw new Error(`a plan of kubernetes:drain is not checked: ${floor.because}`);
  return floor;
}

/** A pod that is not ready costs its owner nothing. */
const isNeeded = async ({ pod }: Resident, floor: Floor, api: KubernetesApi, signal: AbortSignal): Promise<boolean> =>
  pod.ready && (await tooFew(pod, floor, api, signal)) !== null;

/** Those whose owner can spare none now, as verifying sees it without evicting anybody. */
export async function neededNow(
  residents: readonly Resident[],
  params: Params,
  api: KubernetesApi,
  signal: AbortSignal,
): Promise<readonly Resident[]> {
  const floor = floorOf(params);
  const needed: Resident[] = [];
  if (floor !== null) for (const resident of residents) if (await isNeeded(resident, floor, api, signal)) needed.push(resident);
  return needed;
}

/** Talon's wait_period_excluded_namespaces: their pods are evicted, and nobody waits for them. */
export const awaited = (residents: readonly Resident[], params: Params): readonly Resident[] => {
  const spared = namespacesIn(params, "wait_period_excluded_namespaces");
  return residents.filter(({ pod }) => !spared.includes(pod.namespace));
};

export const refusalsIn = ({ refused }: Round): readonly string[] =>
  refused.slice(0, 5).map(({ resident, because }) => `${residentName(resident)} could not be evicted: ${because}`);
