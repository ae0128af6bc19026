import { readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { playbooks } from "#shared/playbooks/index.ts";
import type { Needs } from "#shared/playbooks/playbook.ts";
import { FEATURE_OF, type Feature, KUBERNETES_ACTIONS } from "./features.ts";
import { distinct, forbidden, type Grant, grantsOf, isRead, type Rule, said } from "./rules.ts";

const FOLDER = join(import.meta.dirname, "../../shared/playbooks/kubernetes");

/** What is declared of an action, or (`null`) of what the responder does around its actions. */
export interface Declared {
  readonly action: keyof typeof FEATURE_OF | null;
  readonly rules: readonly Rule[];
}

/** Every declared right: of the Kubernetes actions, and of whatever else a module of their folder exports as `...Needs`. */
export async function declared(): Promise<readonly Declared[]> {
  const ofActions = KUBERNETES_ACTIONS.map((action) => ({ action, rules: playbooks[action].needs.rbac }));
  const around: Declared[] = [];
  for (const file of readdirSync(FOLDER).filter((name) => name.endsWith(".ts"))) {
    const module = (await import(pathToFileURL(join(FOLDER, file)).href)) as Readonly<Record<string, unknown>>;
    for (const [name, value] of Object.entries(module))
      if (name.endsWith("Needs") && isNeeds(value)) around.push({ action: null, rules: value.rbac });
  }
  return [...ofActions, ...around];
}

const isNeeds = (value: unknown): value is Needs =>
  typeof value === "object" && value !== null && "rbac" in value && Array.isArray(value.rbac);

export type Granted = Readonly<Record<Feature, readonly Grant[]>>;

/**
 * Each right in the set that grants it. What reads is in `observe`, so that sweep can look and no other set is needed to see; only what
 * `delete` alone reads stays with it. What changes nodes is in `node`, whichever action does it. Throws on a right that is never granted.
 */
export function granted(all: readonly Declared[]): Granted {
  const into: Record<Feature, Grant[]> = { observe: [], terminate: [], isolate: [], node: [], delete: [] };
  for (const { action, rules } of all)
    for (const grant of grantsOf(rules)) {
      const never = forbidden(grant);
      if (never !== null) throw new Error(`${action ?? "around the actions"}: "${said(grant)}" is never granted: ${never}`);
      into[featureOf(action, grant)].push(grant);
    }
  const seen = new Set(into.observe.map(said));
  into.delete = into.delete.filter((grant) => !seen.has(said(grant)));
  return {
    observe: distinct(into.observe),
    terminate: distinct(into.terminate),
    isolate: distinct(into.isolate),
    node: distinct(into.node),
    delete: distinct(into.delete),
  };
}

function featureOf(action: Declared["action"], grant: Grant): Feature {
  const feature = action === null ? "observe" : FEATURE_OF[action];
  if (feature === "delete") return feature;
  if (isRead(grant)) return "observe";
  if (feature === "observe") throw new Error(`"${said(grant)}" changes something, and belongs to no action that may`);
  return grant.resource === "nodes" ? "node" : feature;
}
