import type { Policy } from "#shared/domain/policy.ts";
import type { Registry } from "#shared/domain/registry.ts";

/** Which of the user's files were in force, by the versions that packaging gave them: `policy/<version>.json` and `registry/<version>.json` in the audit bucket. */
export interface Versions {
  readonly policy: string;
  /** Null: packaged before registries had versions. */
  readonly registry: string | null;
}

export const versionsOf = ({ policy, registry }: { readonly policy: Policy; readonly registry: Registry }): Versions => ({
  policy: policy.version,
  registry: registry.version ?? null,
});
