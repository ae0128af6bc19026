import type { Ask } from "#shared/adapters/kubernetes/ask.ts";

/** Which files of infra/rbac/ grant a right, as an operator is told; `resource` is RBAC's, with its group. */
export function rbacFiles(verb: Ask["verb"], resource: string): string {
  return featuresOf(verb, resource)
    .map((feature) => `infra/rbac/${feature}.yaml`)
    .join(" or ");
}

function featuresOf(verb: Ask["verb"], resource: string): readonly string[] {
  if (verb === "get" || verb === "list") return ["observe"];
  if (resource === "nodes" && verb === "patch") return ["node"];
  if (resource === "pods/eviction") return ["terminate", "node"];
  if (verb !== "delete") return ["isolate"];
  if (resource === "pods") return ["terminate"];
  if (/^(\w*networkpolicies\.|(secrets|serviceaccounts)$)/.test(resource)) return ["isolate", "delete"];
  return ["delete"];
}
