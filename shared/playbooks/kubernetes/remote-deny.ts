import { isDeepStrictEqual } from "node:util";
import { PipelineError } from "#shared/domain/error.ts";
import { guards, type PodAt } from "#shared/playbooks/kubernetes/guarded.ts";
import { DENIED } from "#shared/playbooks/kubernetes/marks.ts";
import { isAsMade, makePolicy, type OurPolicy, takeAway, title } from "#shared/playbooks/kubernetes/our-policy.ts";
import { unmark } from "#shared/playbooks/kubernetes/pod-mark.ts";
import { addressesIn, MOST_ADDRESSES, remotePolicy, type Shape, shapeIn } from "#shared/playbooks/kubernetes/remote-policy.ts";
import type { Undoing } from "#shared/playbooks/playbook.ts";
import type { KubeObject, KubernetesApi } from "#shared/ports/kubernetes.ts";

const ROUNDS = 5;
const busy = (policy: OurPolicy): PipelineError =>
  new PipelineError("kube_throttled", `${title(policy)} is written by others all the time: not changed`);

/** Our policy for the pod as it stands; `policy` is what it must be like. strange: it is not ours, or was changed. */
export type Standing =
  | { readonly kind: "none" }
  | { readonly kind: "strange" }
  | {
      readonly kind: "ours";
      readonly object: KubeObject;
      readonly shape: Shape;
      readonly addresses: readonly string[];
      readonly policy: OurPolicy;
    };

export async function standingPolicy(wanted: Shape, at: PodAt, api: KubernetesApi, signal: AbortSignal): Promise<Standing> {
  const { kind, name } = remotePolicy(wanted, [], at);
  const object = await api.get(kind, at.namespace, name, signal);
  if (object === null) return { kind: "none" };
  const shape = shapeIn(object.spec, wanted);
  const addresses = addressesIn(object.spec, wanted.by);
  const policy = remotePolicy(shape, addresses, at);
  return policy.name === name && isAsMade(object, policy, at) ? { kind: "ours", object, shape, addresses, policy } : { kind: "strange" };
}

export type Denying =
  | { readonly kind: "denied"; readonly count: number }
  | { readonly kind: "gone" }
  | { readonly kind: "conflict"; readonly because: string }
  | { readonly kind: "rejected"; readonly because: string };

/** Makes the policy with this address, or adds it to the one that stands; it is there once, however often it is asked for. */
export async function deny(
  remote: string,
  wanted: Shape,
  at: PodAt,
  incident: string,
  api: KubernetesApi,
  signal: AbortSignal,
  dryRun = false,
): Promise<Denying> {
  for (let round = 0; round < ROUNDS; round++) {
    const now = await standingPolicy(wanted, at, api, signal);
    if (now.kind === "strange")
      return { kind: "conflict", because: `${title(remotePolicy(wanted, [], at))} is not as we made it: it stands` };
    const answer =
      now.kind === "none"
        ? await begin(remote, wanted, at, incident, api, signal, dryRun)
        : await grow(remote, now, at, api, signal, dryRun);
    if (answer !== "again") return answer;
  }
  throw busy(remotePolicy(wanted, [], at));
}

async function begin(
  remote: string,
  wanted: Shape,
  at: PodAt,
  incident: string,
  api: KubernetesApi,
  signal: AbortSignal,
  dryRun: boolean,
): Promise<Denying | "again"> {
  const made = await makePolicy(remotePolicy(wanted, [remote], at), at, incident, api, signal, dryRun);
  if (made.kind === "made") return { kind: "denied", count: 1 };
  if (made.kind !== "strange") return made;
  // Another alert on the pod may have made it meanwhile.
  if ((await standingPolicy(wanted, at, api, signal)).kind === "ours") return "again";
  const old = wanted.by === "cilium" ? "; a Cilium before 1.16 does not know enableDefaultDeny, and would cut all else" : "";
  return { kind: "conflict", because: `${made.because}${old}` };
}

async function grow(
  remote: string,
  { addresses, shape, object }: Standing & { readonly kind: "ours" },
  at: PodAt,
  api: KubernetesApi,
  signal: AbortSignal,
  dryRun: boolean,
): Promise<Denying | "again"> {
  if (addresses.includes(remote)) return { kind: "denied", count: addresses.length };
  if (addresses.length >= MOST_ADDRESSES)
    return {
      kind: "conflict",
      because: `the pod is denied ${MOST_ADDRESSES} remote addresses already, which is the most that one list holds`,
    };
  const answer = await rewrite(remotePolicy(shape, [...addresses, remote], at), object, api, signal, dryRun);
  if (answer.kind === "patched") return { kind: "denied", count: addresses.length + 1 };
  return answer.kind === "rejected" ? answer : "again";
}

async function rewrite({ kind, name, spec }: OurPolicy, found: KubeObject, api: KubernetesApi, signal: AbortSignal, dryRun = false) {
  const at = { namespace: found.metadata.namespace ?? null, name };
  const answer = await api.patch(kind, at, [...guards(found), { op: "replace", path: "/spec", value: spec }], { dryRun }, signal);
  if (answer.kind !== "patched" || isDeepStrictEqual(answer.object.spec, spec)) return answer;
  return { kind: "rejected", because: "the API server changes the policy on its way in" } as const;
}

/** Takes this address off; the policy and our label go with the last. */
export async function allowAgain(remote: string, wanted: Shape, at: PodAt, api: KubernetesApi, signal: AbortSignal): Promise<Undoing> {
  for (let round = 0; round < ROUNDS; round++) {
    const now = await standingPolicy(wanted, at, api, signal);
    if (now.kind === "strange")
      return { kind: "changed", because: `${title(remotePolicy(wanted, [], at))} is not as we made it: it stands` };
    if (now.kind === "none") return await unmark(at, DENIED[wanted.by], remotePolicy(wanted, [], at), api, signal);
    const left = now.addresses.filter((address) => address !== remote);
    if (left.length === now.addresses.length)
      return { kind: "nothing", because: `${title(now.policy)} does not deny ${remote} (any more)` };
    if (left.length === 0) {
      // The policy first: it may have grown meanwhile, and then it is looked at again while our label still holds.
      if ((await takeAway(now.policy, at, api, signal)) === "strange") continue;
      const { kind, because } = await unmark(at, DENIED[wanted.by], now.policy, api, signal);
      return kind === "changed"
        ? { kind, because }
        : { kind: "undone", because: `${title(now.policy)} is taken away: ${remote} was the last` };
    }
    const answer = await rewrite(remotePolicy(now.shape, left, at), now.object, api, signal);
    if (answer.kind === "patched")
      return { kind: "undone", because: `${remote} is denied no more, ${left.length} of the pod's other remote addresses still are` };
    if (answer.kind === "rejected")
      return { kind: "changed", because: `the API server does not let ${remote} be taken off: ${answer.because}` };
  }
  throw busy(remotePolicy(wanted, [], at));
}
