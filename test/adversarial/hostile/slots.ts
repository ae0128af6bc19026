import type { PolicyRule } from "#shared/domain/policy.ts";
import { fakeAccess } from "../../fakes/cluster-access.ts";
import type { FakeKubernetes } from "../../fakes/kubernetes.ts";
import { policyOf, shellRule } from "../../fakes/world.ts";
import { newStage as newTaskStage, type Stage as TaskStage } from "../ecs/stage.ts";
import { newStage as newPodStage, type Stage as PodStage } from "../kubernetes/stage.ts";
import { actionOf } from "../stage.ts";
import { type Outcome, playOut } from "./play-out.ts";

/** A place of an alert, or of what is known about its target, where somebody else's text may stand. */
export const SLOTS = ["rule", "command", "output", "hostname", "tag", "field name", "image", "stream"] as const;
export type Slot = (typeof SLOTS)[number];

/** Names have limits of AWS's; an alert whose keys are a megabyte keeps only what names its target. */
const LONGEST: Readonly<Partial<Record<Slot, number>>> = { image: 255, stream: 200, "field name": 100_000, rule: 200_000 };
export const fits = (slot: Slot, text: string): boolean => text.length <= (LONGEST[slot] ?? Number.POSITIVE_INFINITY);

/** Whatever the rule is called: the slot may be its name. */
const anyRule = (more: Partial<PolicyRule>) =>
  policyOf([{ ...shellRule, match: {}, notify: ["oncall", "chat"], ...more }], { index: { exact: {}, patterns: [], any: [0] } });

/** One alert about a running ECS task with the text in the slot, all the way; the task is stopped, whatever the text is. */
export async function throughEcs(slot: Slot, text: string): Promise<Outcome> {
  const stage = newTaskStage();
  stage.policy = anyRule({});
  if (slot === "image") {
    const { offender, world } = stage;
    world.ecs.change(offender.taskArn, { containers: offender.containers.map((container) => ({ ...container, image: text })) });
  }
  return await playOut(stage, [lineWith(stage, slot, text)], slot === "stream" ? `other/${text}` : "falco/1");
}

/** The same about a pod that is marked, quarantined and cut off: all that we write into a cluster. */
export async function throughKubernetes(slot: Slot, text: string): Promise<Outcome> {
  const stage = newPodStage();
  const label = actionOf("kubernetes:label", { labels: { team: "responders" } });
  const annotation = actionOf("kubernetes:annotation", { annotations: { note: "seen" } });
  stage.policy = anyRule({ actions: [label, annotation, actionOf("kubernetes:quarantine")] });
  const writes: string[] = [];
  const access = fakeAccess({ ...stage.world.aws.given(), kubernetes: writing(stage.kube, writes) });
  return { ...(await playOut({ ...stage, access }, [lineWith(stage, slot, text)])), effects: writes };
}

/** The API server, with each write that it gets written down as it came. */
const writing = (kube: FakeKubernetes, writes: string[]): FakeKubernetes =>
  new Proxy(kube, {
    get(target, method) {
      const value: unknown = Reflect.get(target, method, target);
      if (typeof value !== "function") return value;
      return (...given: readonly unknown[]): unknown => {
        if (typeof method === "string" && WRITES.includes(method)) writes.push(JSON.stringify([method, ...given.slice(0, -1)]));
        return Reflect.apply(value, target, given);
      };
    },
  });
const WRITES = ["create", "patch", "delete", "evict"];

export function lineWith(stage: Pick<TaskStage | PodStage, "shot" | "ship" | "registry">, slot: Slot, text: string): string {
  const { shot, ship } = stage;
  const { rule, source, hostname, time, fields, sensor } = shot;
  const command = slot === "output" ? {} : { "proc.cmdline": slot === "command" ? text : "bash" };
  const { "proc.cmdline": _usual, ...others } = fields;
  const alert = {
    hostname: slot === "hostname" ? text : hostname,
    output: slot === "output" ? text : "A shell was spawned in a container",
    output_fields: { ...others, ...command, ...(slot === "field name" ? { [`proc.env[${text}]`]: "x" } : {}) },
    priority: "Critical",
    rule: slot === "rule" ? text : rule,
    source,
    // An alert beyond all size loses its tags.
    tags: slot === "tag" ? [text] : [],
    time,
  };
  return ship(alert, sensor);
}
