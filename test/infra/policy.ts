import type { Resources, Value } from "../../infra/functions.ts";

/** A statement as templates hold it, lists made of single values. */
export interface Statement {
  readonly sid: string;
  readonly effect: string;
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  readonly condition: Value | null;
}

interface RawStatement {
  readonly Sid?: string;
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource: Value;
  readonly Condition?: Value;
}

interface RawPolicy {
  readonly PolicyDocument: { readonly Statement: readonly RawStatement[] };
}

const list = <T>(value: T | readonly T[]): readonly T[] => (Array.isArray(value) ? (value as readonly T[]) : [value as T]);

/** Every statement of the inline policies of a role. */
export function statementsOf(resources: Resources, role: string): readonly Statement[] {
  const properties = resources[role]?.Properties;
  if (properties === undefined) throw new Error(`the template has no ${role}`);
  const policies: readonly RawPolicy[] = JSON.parse(JSON.stringify(properties["Policies"]));
  return policies.flatMap(({ PolicyDocument }) =>
    PolicyDocument.Statement.map((raw) => ({
      sid: raw.Sid ?? "",
      effect: raw.Effect,
      actions: list(raw.Action),
      resources: list(raw.Resource).map((resource) => (typeof resource === "string" ? resource : JSON.stringify(resource))),
      condition: raw.Condition ?? null,
    })),
  );
}

export const allowed = (statements: readonly Statement[]): readonly string[] =>
  statements.filter(({ effect }) => effect === "Allow").flatMap(({ actions }) => actions);
