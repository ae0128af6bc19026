import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { declared, granted } from "./declared.ts";
import { FEATURES } from "./features.ts";
import { files, yaml } from "./files.ts";
import { SHIPPED } from "./names.ts";
import { clusterScoped, isFeature, namespaced } from "./roles.ts";
import { said } from "./rules.ts";

/** https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names */
const NAMESPACE = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/**
 * `npm run rbac`: rewrites the manifests below infra/rbac from the rights that stand beside the playbooks.
 * `npm run rbac -- --feature isolate --namespace shop --namespace web`: prints the set bound in these namespaces only.
 */
const { values } = parseArgs({ options: { feature: { type: "string" }, namespace: { type: "string", multiple: true } } });
const spaces = values.namespace ?? [];
if (values.feature === undefined && spaces.length === 0) await rewrite();
else await print(values.feature ?? "", spaces);

async function rewrite(): Promise<void> {
  for (const [path, text] of await files()) {
    const file = join(import.meta.dirname, path);
    if (textOf(file) === text) continue;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    console.log(`wrote infra/rbac/${path}`);
  }
}

async function print(feature: string, namespaces: readonly string[]): Promise<void> {
  if (!isFeature(feature)) return fail(`--feature must be one of ${FEATURES.join(", ")}`);
  if (namespaces.length === 0) return fail("say where: --namespace shop, as often as needed");
  const strange = namespaces.find((name) => !NAMESPACE.test(name));
  if (strange !== undefined) return fail(`"${strange}" is no namespace's name`);
  const rights = granted(await declared());
  const everywhere = rights[feature].filter(clusterScoped).map(said);
  console.log(
    yaml(
      [
        `${feature}, in ${namespaces.join(", ")} only. If the whole set was applied before: kubectl delete clusterrolebinding ${SHIPPED.prefix}-${feature}`,
        ...(everywhere.length === 0 ? [] : [`In no namespace, and so still for the whole cluster: ${everywhere.join(", ")}`]),
      ],
      namespaced(feature, namespaces, rights, SHIPPED),
    ),
  );
}

function textOf(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return null;
  }
}

function fail(message: string): void {
  console.error(message);
  process.exitCode = 2;
}
