import { controllerOf } from "#shared/playbooks/kubernetes/facts.ts";
import { titleOf } from "#shared/playbooks/kubernetes/family.ts";
import type { KubeObject } from "#shared/ports/kubernetes.ts";

/** Whose marks stand on what they manage. Their names only: what the marks say is other people's text. */
const MANAGERS: readonly { readonly who: string; readonly labels: readonly string[]; readonly annotations: readonly string[] }[] = [
  // https://argo-cd.readthedocs.io/en/stable/user-guide/resource_tracking/
  { who: "Argo CD", labels: ["argocd.argoproj.io/instance"], annotations: ["argocd.argoproj.io/tracking-id"] },
  // https://fluxcd.io/flux/components/kustomize/kustomizations/
  { who: "Flux", labels: ["kustomize.toolkit.fluxcd.io/name", "helm.toolkit.fluxcd.io/name"], annotations: [] },
  // https://helm.sh/docs/chart_best_practices/labels/
  { who: "Helm (at its next upgrade)", labels: [], annotations: ["meta.helm.sh/release-name"] },
];

/** Who may put an object back as it was: what owns it, and what its marks say. */
export function revertersOf(object: KubeObject): readonly string[] {
  const { labels = {}, annotations = {} } = object.metadata;
  const owner = controllerOf(object);
  return [
    ...(owner === null ? [] : [`${titleOf(owner)}, which owns it`]),
    ...MANAGERS.filter(
      (one) => one.labels.some((key) => Object.hasOwn(labels, key)) || one.annotations.some((key) => Object.hasOwn(annotations, key)),
    ).map(({ who }) => who),
  ];
}

/** `what`: "the count", "it". */
export function revertRemark(object: KubeObject, what: string): string {
  const who = revertersOf(object);
  return who.length === 0
    ? `GitOps or a deployment may put ${what} back: stop them too.`
    : `${who.join("; ")}: it will put ${what} back. Stop it too.`;
}
