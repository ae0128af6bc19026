import type { Answer } from "#shared/adapters/kubernetes/ask.ts";

/** Of a Status: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ . Empty where the server sent something else. */
export interface Status {
  readonly message: string;
  readonly reason: string;
  /** Name of the object that it is about. */
  readonly about: string;
  readonly causes: readonly { readonly reason: string; readonly message: string }[];
}

export function statusIn(text: string): Status {
  const status = asRecord(parsed(text));
  if (status["kind"] !== "Status") return { message: text, reason: "", about: "", causes: [] };
  const details = asRecord(status["details"]);
  const causes = Array.isArray(details["causes"]) ? details["causes"].map(asRecord) : [];
  return {
    message: textOf(status["message"]),
    reason: textOf(status["reason"]),
    about: textOf(details["name"]),
    causes: causes.map((cause) => ({ reason: textOf(cause["reason"]), message: textOf(cause["message"]) })),
  };
}

/** A webhook that denies chooses the code of the answer, and the server puts this before its words. */
const BY_WEBHOOK = /^admission webhook "/;
/** RBAC's, and every other authorizer's, own words; admission plugins deny with 403 and this reason too, and go on differently. */
const BY_AUTHORIZER = /^\S+( "[^"]*")? is forbidden: User "[^"]*" cannot \S+ (resource|path) "/;

/** Why the server, which understood a write, says no to it; null: it is not that. */
export function rejectionIn({ status }: Answer, { message }: Status): string | null {
  if (BY_WEBHOOK.test(message)) return message;
  if (status === 403) return BY_AUTHORIZER.test(message) ? null : message;
  return status === 400 || status === 413 || status === 422 ? message : null;
}

/**
 * 422 about nothing in particular is a JSON Patch that does not fit the object as it is now: a failed test, or a path that is not there. When
 * what came of it is invalid, or a policy denies it, the object is named or the causes are.
 */
export const isPatchConflict = ({ status }: Answer, { message, about, causes }: Status): boolean =>
  !BY_WEBHOOK.test(message) && (status === 409 || (status === 422 && about === "" && causes.length === 0));

/** Of an eviction: the budget's words; null: it is another 429. */
export const budgetIn = ({ status }: Answer, { causes }: Status): string | null =>
  status === 429 ? (causes.find(({ reason }) => reason === "DisruptionBudget")?.message ?? null) : null;

/** The server says it in words alone, with a 500. https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/ */
export const areBudgets = ({ status }: Answer, { message }: Status): boolean =>
  status === 500 && message.includes("more than one PodDisruptionBudget");

/** The kubelet's and the API server's words for a container that logged nothing (yet, or any more), or that the pod does not have. */
export const isLogless = ({ status }: Answer, { message }: Status): boolean =>
  status === 404 || (status === 400 && /^(previous terminated )?container /.test(message));

export const asRecord = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Readonly<Record<string, unknown>>) : {};

/** Undefined: it is no JSON. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const textOf = (value: unknown): string => (typeof value === "string" ? value : "");
