import type { KubeObject } from "#shared/ports/kubernetes.ts";

type Labels = Readonly<Record<string, string>>;

/** `a=b,c!=d,e in (f,g),h notin (i),j,!k`: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors */
export function selects(selector: string, labels: Labels = {}): boolean {
  return (selector.match(/[^,(]+(\([^)]*\))?/g) ?? []).every((term) => holds(term.trim(), labels));
}

function holds(term: string, labels: Labels): boolean {
  const set = /^(\S+) (in|notin) \(([^)]*)\)$/.exec(term);
  if (set !== null) {
    const [, key = "", how, list = ""] = set;
    const isIn = list.split(",").some((value) => value.trim() === labels[key]);
    return how === "in" ? isIn : !isIn;
  }
  if (term.startsWith("!")) return !Object.hasOwn(labels, term.slice(1));
  const [, key = term, how, value] = /^(\S+?)(!=|==?)(\S*)$/.exec(term) ?? [];
  if (how === undefined) return Object.hasOwn(labels, key);
  return how === "!=" ? labels[key] !== value : labels[key] === value;
}

/** A LabelSelector as objects write it. An empty one selects everything, an absent one nothing. */
export function matches(selector: unknown, labels: Labels = {}): boolean {
  if (typeof selector !== "object" || selector === null) return false;
  const { matchLabels = {}, matchExpressions = [] } = selector as {
    readonly matchLabels?: Labels;
    readonly matchExpressions?: readonly { readonly key: string; readonly operator: string; readonly values?: readonly string[] }[];
  };
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const has = Object.hasOwn(labels, key);
      if (operator === "Exists") return has;
      if (operator === "DoesNotExist") return !has;
      const isIn = has && values.includes(labels[key] ?? "");
      return operator === "In" ? isIn : !isIn;
    })
  );
}

/** `spec.nodeName=n1,involvedObject.uid=u`: any path of texts, as far as objects have it. */
export const hasFields = (selector: string, object: KubeObject): boolean =>
  selector.split(",").every((term) => {
    const [, path = "", how, value = ""] = /^([^!=]+)(!=|==?)(.*)$/.exec(term) ?? [];
    let at: unknown = object;
    for (const key of path.split(".")) at = typeof at === "object" && at !== null ? (at as Record<string, unknown>)[key] : undefined;
    return how === "!=" ? (at ?? "") !== value : (at ?? "") === value;
  });

/** A nodeSelector: every label that it has; an absent one is for all. */
export const isWithin = (selector: unknown, labels: Labels = {}): boolean =>
  Object.entries((selector ?? {}) as Labels).every(([key, value]) => labels[key] === value);
