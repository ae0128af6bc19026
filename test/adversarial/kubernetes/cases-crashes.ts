import { Crash } from "../../fakes/table.ts";
import { pause } from "./cases-guards.ts";
import { replaced } from "./cases-people.ts";
import { type Case, deleted } from "./run.ts";
import type { Stage } from "./stage.ts";
import { given, ISOLATE, quarantined, walled } from "./wanted.ts";

/** The first time that the function is about to do, or has done, this write, it dies. */
const dies = (stage: Stage, when: "before" | "after", write: string): void => {
  let died = false;
  stage.around[when] = (what) => {
    if (died || what !== write) return;
    died = true;
    throw new Crash(`died ${when} the ${write}`);
  };
};

export const crashes: readonly Case[] = [
  {
    name: "crash: between claim and delete, and a successor is there at the redelivery",
    fact: "the pod was replaced meanwhile",
    given: (stage) => dies(stage, "before", "delete"),
    refuse: (stage) => {
      const { before } = stage.around;
      stage.around.before = (...what) => {
        if (what[0] === "delete") replaced(stage);
        before(...what);
      };
    },
    because: /the pod is gone; another pod has its name/,
  },
  {
    name: "crash: right after the delete",
    fact: "what was deleted is not deleted again",
    refuse: (stage) => dies(stage, "after", "delete"),
    because: /^(done: the pod is gone|comes again: died after the delete)/,
    spared: ({ offender }) => [deleted(offender)],
    act: (stage) => dies(stage, "before", "delete"),
  },
  {
    name: "crash: between policy and patch, and the kill switch is on at the redelivery",
    fact: "paused",
    given: (stage) => {
      given(ISOLATE)(stage);
      dies(stage, "after", "create");
    },
    refuse: (stage) => {
      const { after } = stage.around;
      stage.around.after = (...what) => {
        pause(stage, true);
        after(...what);
      };
    },
    because: /^unknown: .*NetworkPolicy falco-responder-quarantine-\S+ is there, and the pod still has its own labels/,
    spared: (stage) => [walled(stage)],
    done: (stage) => [walled(stage), `${walled(stage)}: exists`, quarantined(stage)[1] ?? ""],
  },
  {
    name: "crash: between policy and patch, and the pod is replaced at the redelivery",
    fact: "its uid",
    given: (stage) => {
      given(ISOLATE)(stage);
      dies(stage, "after", "create");
    },
    refuse: (stage) => {
      const { after } = stage.around;
      stage.around.after = (...what) => {
        replaced(stage);
        after(...what);
      };
    },
    because: /^done: the pod is gone, and its policy goes with it/,
    spared: (stage) => [walled(stage)],
    done: (stage) => [walled(stage), `${walled(stage)}: exists`, quarantined(stage)[1] ?? ""],
  },
  {
    name: "crash: between policy and patch, and somebody opened the policy at the redelivery",
    fact: "its rules",
    given: (stage) => {
      given(ISOLATE)(stage);
      dies(stage, "after", "create");
    },
    refuse: (stage) => {
      const { after } = stage.around;
      stage.around.after = (...what) => {
        open(stage);
        after(...what);
      };
    },
    because: /is there and is not as we make it: it was left as it is/,
    spared: (stage) => [walled(stage), `${walled(stage)}: exists`],
    done: (stage) => [walled(stage), `${walled(stage)}: exists`, quarantined(stage)[1] ?? ""],
  },
];

function open({ kube }: Stage): void {
  for (const { kind, object } of [...kube.objects.values()])
    if (kind.resource === "networkpolicies" && object.metadata.name.startsWith("falco-responder-"))
      kube.put(kind, { ...object, spec: { ...object.spec, ingress: [{}] } });
}
