import { PipelineError } from "#shared/domain/error.ts";
import { lastPart } from "#shared/playbooks/words.ts";
import type { Scaling, ServiceFacts, Services, Suspended } from "#shared/ports/services.ts";
import { Answers } from "./answers.ts";
import type { FakeEcs } from "./tasks.ts";

/** Services of a fake cluster. Automatic scaling raises a count below its minimum with every tick, unless scaling out is suspended. */
export class FakeServices extends Answers<keyof Services> implements Services {
  readonly scalings = new Map<string, Scaling>();
  /** What was asked for, also when it changed nothing. */
  readonly counts: { readonly service: string; readonly count: number }[] = [];
  readonly #ecs: FakeEcs;

  constructor(ecs: FakeEcs) {
    super();
    this.#ecs = ecs;
    ecs.onTick.push(() => this.#scaleOut());
  }

  /** Scales a service automatically. */
  scale(service: string, given: Partial<Scaling> = {}): void {
    const suspended = { in: false, out: false, scheduled: false };
    this.scalings.set(service, { minCapacity: 1, maxCapacity: 10, suspended, ...given });
  }

  /** By name or ARN. */
  describe(nameOrArn: string): Promise<ServiceFacts | null> {
    return this.answer("describe", () => {
      const service = lastPart(nameOrArn);
      const found = this.#ecs.services.get(service);
      if (found === undefined) return null;
      const living = this.#ecs.living(service);
      return {
        name: service,
        arn: this.#ecs.arn("service", service),
        status: found.status,
        schedulingStrategy: found.strategy,
        deploymentController: found.deploymentController,
        desiredCount: found.desired,
        runningCount: living.filter(({ lastStatus }) => lastStatus === "RUNNING").length,
        pendingCount: living.filter(({ lastStatus }) => lastStatus !== "RUNNING").length,
        taskDefinitionArn: this.#ecs.arn("task-definition", `${found.family}:7`),
        minimumHealthyPercent: found.minimumHealthyPercent,
        maximumPercent: found.maximumPercent,
        tags: found.tags,
      };
    });
  }

  setDesiredCount(service: string, count: number): Promise<void> {
    return this.answer("setDesiredCount", () => {
      const found = this.#ecs.services.get(service);
      if (found === undefined || found.status !== "ACTIVE" || found.strategy === "DAEMON")
        throw new PipelineError("aws_rejected", `ECS UpdateService: no desired count for ${service}`);
      this.counts.push({ service, count });
      found.desired = count;
    });
  }

  tasksOf(service: string): Promise<readonly string[]> {
    return this.answer("tasksOf", () =>
      this.#ecs
        .living(service)
        .filter(({ desiredStatus }) => desiredStatus === "RUNNING")
        .map(({ taskArn }) => taskArn),
    );
  }

  scaling(service: string): Promise<Scaling | null> {
    return this.answer("scaling", () => this.scalings.get(service) ?? null);
  }

  suspendScaling(service: string, suspended: Suspended): Promise<void> {
    return this.answer("suspendScaling", () => {
      const scaling = this.scalings.get(service);
      if (scaling === undefined) throw new PipelineError("aws_rejected", `RegisterScalableTarget: ${service} is no scalable target`);
      this.scalings.set(service, { ...scaling, suspended });
    });
  }

  #scaleOut(): void {
    for (const [name, { minCapacity, suspended }] of this.scalings) {
      const service = this.#ecs.services.get(name);
      if (service !== undefined && !suspended.out && service.desired < minCapacity) service.desired = minCapacity;
    }
  }
}
