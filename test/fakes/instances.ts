import type { ContainerInstances, InstanceFacts, ListedInstance } from "#shared/ports/container-instances.ts";
import { Answers } from "./answers.ts";
import type { FakeEcs, FakeInstance } from "./tasks.ts";

/** Container instances of a fake cluster. */
export class FakeInstances extends Answers<keyof ContainerInstances> implements ContainerInstances {
  readonly #ecs: FakeEcs;

  constructor(ecs: FakeEcs) {
    super();
    this.#ecs = ecs;
  }

  /** The instance to change; fails the test when there is none. */
  at(arn: string): FakeInstance {
    const instance = this.#ecs.instances.get(arn);
    if (instance === undefined) throw new Error(`the test made no instance ${arn}`);
    return instance;
  }

  describe(arn: string): Promise<InstanceFacts | null> {
    return this.answer("describe", () => {
      const instance = this.#ecs.instances.get(arn);
      if (instance === undefined) return null;
      const there = this.#ecs
        .all()
        .filter(({ containerInstanceArn, lastStatus }) => containerInstanceArn === arn && lastStatus !== "STOPPED");
      const runningTasksCount = there.filter(({ lastStatus }) => lastStatus === "RUNNING").length;
      return { ...instance, runningTasksCount, pendingTasksCount: there.length - runningTasksCount };
    });
  }

  list(): Promise<readonly ListedInstance[]> {
    return this.answer("list", () =>
      [...this.#ecs.instances.values()]
        .filter(({ status }) => status === "ACTIVE" || status === "DRAINING")
        .map(({ arn, ec2InstanceId, agentConnected }) => ({
          arn,
          machine: ec2InstanceId ?? `mi-${arn.slice(-17)}`,
          agentConnected,
          registeredAtMs: this.#ecs.registered.get(arn) ?? 0,
        })),
    );
  }

  setStatus(arn: string, status: "ACTIVE" | "DRAINING"): ReturnType<ContainerInstances["setStatus"]> {
    return this.answer("setStatus", () => {
      const instance = this.#ecs.instances.get(arn);
      if (instance === undefined) return { kind: "refused", because: "MISSING" };
      if (instance.status !== "ACTIVE" && instance.status !== "DRAINING")
        return { kind: "refused", because: `the instance is ${instance.status}` };
      instance.status = status;
      return { kind: "set" };
    });
  }
}
