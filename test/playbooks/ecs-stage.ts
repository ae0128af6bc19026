import type { ActionName } from "#shared/domain/action.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import type { TaskWorkload, Workload } from "#shared/domain/workload.ts";
import { workloadOf } from "#shared/playbooks/ecs/workload.ts";
import { playbooks } from "#shared/playbooks/index.ts";
import type {
  Execution,
  Kept,
  Occasion,
  Params,
  Plan,
  Planning,
  Preparation,
  Reach,
  Undoing,
  Verification,
} from "#shared/playbooks/playbook.ts";
import type { TaskFacts } from "#shared/ports/tasks.ts";
import { FakeAws } from "../fakes/aws.ts";
import { ecsCluster, keepsNothing, NOW, never } from "./builders.ts";

export const MACHINE = "i-0123456789abcdef0";
export const OTHER_MACHINE = "i-0fedcba9876543210";
export const QUARANTINE = "sg-0123456789abcdef0";
export const occasion: Occasion = { incident: "0123456789abcdef", rule: "shell in container" };

/**
 * Two machines. On the first: the offender, of service web with a sibling there, a task of service api, Falco's daemon, and one standalone
 * task. Web is scaled automatically; the offender's definition has the role web-task.
 */
export class EcsStage {
  nowMs = NOW;
  readonly aws = new FakeAws(() => this.nowMs);
  readonly here = this.aws.ecs.instance(MACHINE);
  readonly there = this.aws.ecs.instance(OTHER_MACHINE);
  readonly offender: TaskFacts;
  readonly sibling: TaskFacts;
  readonly alone: TaskFacts;
  readonly falco: TaskFacts;
  readonly roleArn = this.aws.roles.role("web-task");
  readonly primary = this.aws.network.attach(MACHINE, ["sg-00000000000000001", "sg-00000000000000002"]);
  readonly second = this.aws.network.attach(MACHINE, ["sg-00000000000000003"]);
  cluster: Cluster = { ...ecsCluster, taskRoles: ["web-*"] };
  protection: Reach["protection"] = () => null;

  constructor() {
    const { ecs, services, definitions, network } = this.aws;
    const start = (name: string, desired: number, more: Partial<Parameters<typeof ecs.service>[1]> = {}) =>
      ecs.service(name, { family: name, instance: this.here, tags: { team: name }, desired, ...more });
    [this.offender, this.sibling] = two(start("web", 2));
    start("api", 1);
    [this.falco] = one(start("falco", 1, { strategy: "DAEMON" }));
    this.alone = ecs.run({ family: "job", containerInstanceArn: this.here });
    services.scale("web", { minCapacity: 1, maxCapacity: 8 });
    definitions.define("web", { taskRoleArn: this.roleArn });
    network.group(QUARANTINE, { allowsHttpsOut: true });
  }

  get reach(): Reach {
    return {
      cluster: this.cluster,
      access: this.aws.access(),
      protection: (workload) => this.protection(workload),
      nodeProtection: () => null,
      keep: keepsNothing,
      nowMs: () => this.nowMs,
    };
  }

  workload(task: TaskFacts = this.offender, more: Partial<TaskWorkload> = {}): TaskWorkload {
    return { ...workloadOf(task, task.containers[0] ?? null, this.cluster, {}), ...more };
  }

  protecting(service: string): void {
    this.protection = (workload: Workload) =>
      workload.kind === "task" && workload.service === service ? `service ${service} is protected` : null;
  }

  tick(times = 4): void {
    for (let n = 0; n < times; n++) this.aws.ecs.tick();
  }

  later(ms: number): void {
    this.nowMs += ms;
  }

  /** The action on the offender, or on another task. */
  action(name: ActionName, params: Params = {}, task: TaskFacts = this.offender): Action {
    return new Action(this, name, planned(playbooks[name].plan(this.workload(task), params, occasion)));
  }
}

/** One planned action, step by step, as respond and sweep take it. */
export class Action {
  readonly plan: Plan;
  readonly #stage: EcsStage;
  readonly #name: ActionName;

  constructor(stage: EcsStage, name: ActionName, plan: Plan) {
    this.#stage = stage;
    this.#name = name;
    this.plan = plan;
  }

  prepare(): Promise<Preparation> {
    return playbooks[this.#name].prepare?.(this.plan, this.#stage.reach, never) ?? Promise.reject(new Error("it prepares nothing"));
  }

  /** Prepared, or the test fails. */
  async ready(): Promise<Extract<Preparation, { readonly kind: "ready" }>> {
    const preparation = await this.prepare();
    if (preparation.kind !== "ready") throw new Error(`${preparation.kind}: ${preparation.because}`);
    return preparation;
  }

  execute(kept: Kept): Promise<Execution> {
    return playbooks[this.#name].execute(this.plan, kept, this.#stage.reach, never);
  }

  verify(kept: Kept): Promise<Verification> {
    return playbooks[this.#name].verify(this.plan, kept, this.#stage.reach, never);
  }

  undo(kept: Kept, doneAtMs = NOW): Promise<Undoing> {
    const { undo } = playbooks[this.#name];
    return undo.possible ? undo.run(this.plan, kept, doneAtMs, this.#stage.reach, never) : Promise.reject(new Error(undo.because));
  }

  /** Prepared and executed. `prepared`: what is kept when the owner died right after the write. */
  async done(): Promise<{ readonly kept: Kept; readonly prepared: Kept; readonly execution: Execution }> {
    const { kept: prepared } = await this.ready();
    const execution = await this.execute(prepared);
    if (execution.kind !== "accepted" && execution.kind !== "done") throw new Error(`${execution.kind}: ${execution.because}`);
    return { kept: execution.kept ?? prepared, prepared, execution };
  }
}

export function planned(planning: Planning): Plan {
  if (planning.kind === "refused") throw new Error(planning.because);
  return planning.plan;
}

export function because(planning: Planning): string {
  if (planning.kind === "planned") throw new Error("expected a refusal");
  return planning.because;
}

/** What the playbook says of the offender with these parameters. */
export const planningOf = (stage: EcsStage, name: ActionName, params: Params = {}, more: Partial<TaskWorkload> = {}): Planning =>
  playbooks[name].plan(stage.workload(stage.offender, more), params, occasion);

function two<T>([a, b]: readonly T[]): [T, T] {
  if (a === undefined || b === undefined) throw new Error("the service has no two tasks");
  return [a, b];
}

function one<T>([a]: readonly T[]): [T] {
  if (a === undefined) throw new Error("the service has no task");
  return [a];
}
