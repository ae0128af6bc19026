import type { FieldValue } from "#shared/domain/alert.ts";
import type { Policy, PolicyAction, PolicyRule } from "#shared/domain/policy.ts";
import type { Registry } from "#shared/domain/registry.ts";
import type { ClusterAccess } from "#shared/ports/cluster-access.ts";
import type { OperateRequest } from "#shared/wire/operate.ts";
import { policyOf, shellRule, type World } from "../fakes/world.ts";

/** What Falco and its shipper write, and where it arrives. A case changes it in place. */
export interface Shot {
  rule: string;
  source: string;
  hostname: string;
  /** Falco's `time`; null: none. */
  time: string | null;
  fields: Record<string, FieldValue>;
  /** What the shipper says of Falco itself. */
  sensor: Record<string, string>;
  logGroup: string;
  owner: string;
  /** The line as it is shipped, when it is not what the shipper makes of the alert. */
  line: ((shipped: string) => string) | null;
  /** SQS's count of this delivery. */
  receives: number;
}

/** What every stage has: a world, one alert about its offender, and what happens around it. */
export interface Stage<Target, Self> {
  readonly world: World;
  readonly offender: Target;
  readonly shot: Shot;
  policy: Policy;
  registry: Registry;
  readonly access: ClusterAccess;
  /** What the world was really asked to change, in words and in order. */
  readonly effects: readonly string[];
  /** The shipper's line. */
  readonly ship: (alert: object, sensor: Shot["sensor"]) => string;
  /** Makes the alert one about this target, as Falco would write it. */
  readonly aim: (target: Target) => void;
  /** What happens between ingest and respond. */
  meanwhile: () => Promise<void> | void;
  /** What happens before another lane gets what was handed over to it. */
  handingOver: () => void;
  /** What happens after the alert, in the order in which it is written down. */
  readonly afterwards: ((scene: Acts<Target, Self>) => Promise<void> | void)[];
}

/** What can happen after the first alert. */
export interface Acts<Target, Self> {
  readonly stage: Self;
  /** Another alert of the same kind, now, about this target. */
  accuse(target: Target): Promise<void>;
  /** What lies in the lanes, until nothing does. */
  deliver(): Promise<void>;
  /** One round of the function that sweeps, and what it puts into the lanes. */
  sweep(): Promise<void>;
  /** A person asks for it; what they ask is carried out by `deliver`. */
  say(verb: OperateRequest["verb"], more?: Partial<OperateRequest>): Promise<void>;
  /** The only one. */
  incident(): string;
}

/** Falco's time text, so many ms from the world's now. */
export const at = (world: World, ms: number): string => new Date(world.clock.now() + ms).toISOString().replace("Z", "000000Z");

/** The only rule of the stage's policy, changed. */
export const withRule = (change: Partial<PolicyRule>, more: Partial<Policy> = {}): Policy => policyOf([{ ...shellRule, ...change }], more);

export const actionOf = (action: PolicyAction["action"], params: PolicyAction["params"] = {}): PolicyAction => ({
  action,
  params,
  mode: "enforce",
  evidence: "none",
});

/** The stage's policy with this one action. */
export const asking = (action: PolicyAction["action"], params: PolicyAction["params"] = {}, more: Partial<Policy> = {}): Policy =>
  withRule({ actions: [actionOf(action, params)] }, more);

/** The policy, sparing these too. */
export const protecting = (what: Partial<Policy["protect"]>, policy: Policy = policyOf()): Policy => ({
  ...policy,
  protect: { ...policy.protect, ...what },
});
