import { floorIn, MIN_HEALTHY } from "#shared/playbooks/kubernetes/healthy.ts";
import { duration, wholeNumber } from "#shared/playbooks/params.ts";
import type { Param, Params } from "#shared/playbooks/playbook.ts";

/** A message comes again 8 times at most, after 10 s and then twice as long each time: within 10 minutes there are enough of them. */
const WAIT = { key: "max_wait_period", min: 0, max: 600, preset: 60, unit: "seconds" } as const;
const SWITCHES = ["ignore_statefulsets", "ignore_errors"] as const;
const NAMESPACES = ["excluded_namespaces", "wait_period_excluded_namespaces"] as const;
const NAMESPACE = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** Falco Talon's names, and excluded_namespaces, expires_after. */
export const DRAIN_PARAMS = [WAIT.key, "ignore_daemonsets", ...SWITCHES, MIN_HEALTHY, ...NAMESPACES, "expires_after"];

/** With their presets and within their bounds, or why not. */
export function drainParams(params: Params): Params | string {
  const wait = wholeNumber(params, WAIT);
  if (typeof wait === "string") return wait;
  const lasts = duration(params, "expires_after");
  if (typeof lasts === "object" && lasts !== null) return lasts.because;
  const floor = floorIn(params);
  if (floor !== null && "because" in floor) return floor.because;
  const { ignore_daemonsets = true } = params;
  if (ignore_daemonsets !== true)
    return "ignore_daemonsets can only be true: a DaemonSet's pod is made again on the same node at once, cordoned or not";
  const checked: Record<string, Param> = { ...params, [WAIT.key]: wait, ignore_daemonsets };
  for (const key of SWITCHES) {
    const { [key]: given = false } = params;
    if (typeof given !== "boolean") return `${key} must be true or false`;
    checked[key] = given;
  }
  for (const key of NAMESPACES) {
    const { [key]: given = [] } = params;
    if (!Array.isArray(given) || !given.every((one) => typeof one === "string" && NAMESPACE.test(one)))
      return `${key} must be a list of names of namespaces`;
    checked[key] = given as readonly string[];
  }
  return checked;
}
