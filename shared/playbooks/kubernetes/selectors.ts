import { list, object, text } from "#shared/playbooks/kubernetes/facts.ts";
import type { Json } from "#shared/ports/kubernetes.ts";

export type Labels = Readonly<Record<string, string>>;
/** Null: it cannot be told from the labels of the pod alone. */
export type Answer = boolean | null;

const has = (labels: Labels, key: string): boolean => Object.hasOwn(labels, key);
const texts = (value: unknown): readonly string[] => (Array.isArray(value) ? value.map(String) : []);

/**
 * A LabelSelector: all of it must hold, and an empty one selects everything. An operator that is not known holds: it may select.
 * https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/label-selector/
 */
export function selects(selector: unknown, labels: Labels): boolean {
  const { matchLabels, matchExpressions } = object(selector);
  return (
    Object.entries(object(matchLabels)).every(([key, value]) => has(labels, key) && labels[key] === value) &&
    list(matchExpressions).every((expression) => holds(expression, labels))
  );
}

function holds(expression: Json, labels: Labels): boolean {
  const key = text(expression["key"]) ?? "";
  const values = texts(expression["values"]);
  const value = has(labels, key) ? labels[key] : undefined;
  switch (expression["operator"]) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    default:
      return true;
  }
}

/** Three-valued: what is not known spoils neither a certain no of `all` nor a certain yes of `any`. */
const all = (answers: readonly Answer[]): Answer => (answers.includes(false) ? false : answers.includes(null) ? null : true);
const any = (answers: readonly Answer[]): Answer => (answers.includes(true) ? true : answers.includes(null) ? null : false);
const not = (answer: Answer): Answer => (answer === null ? null : !answer);

/**
 * Cilium's endpointSelector: a LabelSelector whose keys may name their source (`k8s:app`, `any:app`). Labels that Cilium derives from namespace,
 * service account and cluster are not known here. https://docs.cilium.io/en/stable/security/policy/kubernetes/
 */
export function ciliumSelects(selector: unknown, labels: Labels, namespace: string): Answer {
  const { matchLabels, matchExpressions } = object(selector);
  const one = (key: string, expression: (bare: string) => Json): Answer => {
    if (key.startsWith("reserved:")) return false;
    const bare = key.replace(/^(k8s|any)[:.]/, "");
    if (bare === "io.kubernetes.pod.namespace") return holds(expression(bare), { [bare]: namespace });
    return /^[a-z]+:|^io\.cilium\.|^io\.kubernetes\./.test(bare) ? null : holds(expression(bare), labels);
  };
  return all([
    ...Object.entries(object(matchLabels)).map(([key, value]) => one(key, (bare) => ({ key: bare, operator: "In", values: [value] }))),
    ...list(matchExpressions).map((expression) => one(text(expression["key"]) ?? "", (bare) => ({ ...expression, key: bare }))),
  ]);
}

const TOKEN = /\s*(&&|\|\||==|!=|!|\(|\)|\{|\}|,|'[^']*'|"[^"]*"|not\s+in\b|starts\s+with\b|ends\s+with\b|[A-Za-z0-9_./-]+)/y;

function tokensOf(selector: string): string[] | null {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  const end = selector.trimEnd().length;
  while (TOKEN.lastIndex < end) {
    const found = TOKEN.exec(selector)?.[1];
    if (found === undefined) return null;
    tokens.push(found.replace(/\s+/, " "));
  }
  return tokens;
}

/**
 * Calico's selector expression; an empty one selects everything. Null: it asks for labels of namespace or service account, or is not of the
 * documented grammar. https://docs.tigera.io/calico/latest/reference/resources/networkpolicy#selectors
 */
export function calicoSelects(selector: string, labels: Labels): Answer {
  const tokens = tokensOf(selector);
  if (tokens === null) return null;
  if (tokens.length === 0) return true;
  try {
    const answer = either(tokens, labels);
    return tokens.length === 0 ? answer : null;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return null;
    throw thrown;
  }
}

function take(tokens: string[], expected?: string): string {
  const token = tokens.shift();
  if (token === undefined || (expected !== undefined && token !== expected)) throw new SyntaxError("not a selector");
  return token;
}

function either(tokens: string[], labels: Labels): Answer {
  const answers = [both(tokens, labels)];
  while (tokens[0] === "||") {
    take(tokens);
    answers.push(both(tokens, labels));
  }
  return any(answers);
}

function both(tokens: string[], labels: Labels): Answer {
  const answers = [single(tokens, labels)];
  while (tokens[0] === "&&") {
    take(tokens);
    answers.push(single(tokens, labels));
  }
  return all(answers);
}

function single(tokens: string[], labels: Labels): Answer {
  const token = take(tokens);
  if (token === "!") return not(single(tokens, labels));
  if (token === "(") {
    const answer = either(tokens, labels);
    take(tokens, ")");
    return answer;
  }
  if (["all", "global", "has"].includes(token) && tokens[0] === "(") {
    take(tokens, "(");
    const key = token === "has" ? take(tokens) : "";
    take(tokens, ")");
    if (token === "has") return derived(key) ? null : has(labels, key);
    // global(): only what is in no namespace.
    return token === "all";
  }
  return compared(token, take(tokens), tokens, labels);
}

/** Labels that an endpoint has from its namespace or service account, or from Calico itself. */
const derived = (key: string): boolean => /^pcns\.|^pcsa\.|^projectcalico\.org\//.test(key);

function compared(key: string, operator: string, tokens: string[], labels: Labels): Answer {
  const listed = operator === "in" || operator === "not in" ? set(tokens) : [quoted(take(tokens))];
  const [wanted = ""] = listed;
  if (derived(key)) return null;
  const value = has(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case "==":
      return value === wanted;
    case "!=":
      return value !== wanted;
    case "in":
      return value !== undefined && listed.includes(value);
    case "not in":
      return value === undefined || !listed.includes(value);
    case "contains":
      return value?.includes(wanted) ?? false;
    case "starts with":
      return value?.startsWith(wanted) ?? false;
    case "ends with":
      return value?.endsWith(wanted) ?? false;
    default:
      throw new SyntaxError("not an operator");
  }
}

function set(tokens: string[]): string[] {
  const values: string[] = [];
  take(tokens, "{");
  while (tokens[0] !== "}") {
    if (values.length > 0) take(tokens, ",");
    values.push(quoted(take(tokens)));
  }
  take(tokens, "}");
  return values;
}

function quoted(token: string): string {
  if (!/^(['"]).*\1$/s.test(token)) throw new SyntaxError("not a value");
  return token.slice(1, -1);
}
