import { INCIDENT } from "#shared/playbooks/kubernetes/marks.ts";
import type { Param } from "#shared/playbooks/playbook.ts";

/** Keys to values; an empty value takes the key away, as Falco Talon has it. */
export type Marks = Readonly<Record<string, string>>;

const MOST_KEYS = 20;
/** https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set, of annotations too */
const NAME = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const PREFIX = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const LABEL_VALUE = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
/** Of one annotation, in bytes; the server has 256 KiB for all of an object. */
const MOST_BYTES = 8_192;

/** Whoever writes there steers schedulers, autoscalers, admission and kubelets. A domain stands for those below it, too. */
const STEERING = ["kubernetes.io", "k8s.io", "karpenter.sh", "eks.amazonaws.com"];
const OURS = ["falco-responder.io", "falco-responder"];

/** The map of a parameter, or why not. */
export function marksIn(given: Param, param: string, wrongValue: (value: string) => string | null): Marks | string {
  if (typeof given !== "object" || Array.isArray(given)) return `${param} must be a map of keys to values`;
  const entries = Object.entries(given as Readonly<Record<string, unknown>>);
  if (entries.length === 0 || entries.length > MOST_KEYS) return `${param} must have 1 to ${MOST_KEYS} keys`;
  for (const [key, value] of entries) {
    if (typeof value !== "string") return `${param}: the value of each key must be a text, in quotes`;
    const wrong = wrongKey(key) ?? (value === "" ? null : wrongValue(value));
    if (wrong !== null) return `${param}: ${wrong}`;
  }
  return Object.fromEntries(entries) as Marks;
}

function wrongKey(key: string): string | null {
  const slash = key.indexOf("/");
  const prefix = slash < 0 ? null : key.slice(0, slash);
  if (!NAME.test(key.slice(slash + 1)) || (prefix !== null && (prefix.length > 253 || !PREFIX.test(prefix))))
    return "a key must be [prefix/]name: a DNS name of at most 253 characters, then at most 63 letters, digits, - _ or . with a letter or digit at both ends";
  if (prefix === null || key === INCIDENT) return null;
  const below = (domain: string): boolean => prefix === domain || prefix.endsWith(`.${domain}`);
  if (OURS.some(below)) return `of falco-responder's own keys only ${INCIDENT} may be named: others protect, or are set by other actions`;
  const steering = STEERING.find(below);
  return steering === undefined ? null : `keys of ${steering} steer the cluster itself and are never set from here`;
}

export const wrongLabelValue = (value: string): string | null =>
  LABEL_VALUE.test(value) ? null : "a label's value must be at most 63 letters, digits, - _ or . with a letter or digit at both ends";

export const wrongAnnotationValue = (value: string): string | null =>
  Buffer.byteLength(value) <= MOST_BYTES ? null : `an annotation's value must be at most ${MOST_BYTES} bytes`;
