import { createHash } from "node:crypto";
import type { TaskFacts, Tasks } from "#shared/ports/tasks.ts";
import { Answers } from "./answers.ts";

export interface FakeService {
  readonly family: string;
  /** Where its tasks start while it takes tasks, else on any instance that does; null: Fargate. */
  readonly instance: string | null;
  readonly tags: Readonly<Record<string, string>>;
  desired: number;
  status: "ACTIVE" | "DRAINING" | "INACTIVE";
  readonly strategy: "REPLICA" | "DAEMON";
  readonly minimumHealthyPercent: number | null;
  readonly maximumPercent: number | null;
  readonly deploymentController: string;
  /** Each task has an interface of its own. */
  readonly awsvpc: boolean;
}

export interface FakeInstance {
  readonly arn: string;
  /** Null: an external instance. */
  readonly ec2InstanceId: string | null;
  status: string;
  agentConnected: boolean;
}

type GivenService = Pick<FakeService, "family" | "instance" | "tags" | "desired"> & Partial<FakeService>;

type GivenTask = Partial<TaskFacts> & { readonly family?: string; readonly containerNames?: readonly string[] };

/**
 * ECS of one cluster, in memory, as the port Tasks shows it; the other fakes of ECS share its state. A stopped task stops after `ticksToStop`
 * ticks, unless its agent is away, and loses its tags. With every tick the service scheduler starts what is wanted and missing, stops what is
 * too much and not protected, and moves tasks from DRAINING instances. `stopped` counts what StopTask really changed.
 */
export class FakeEcs extends Answers<keyof Tasks> implements Tasks {
  readonly stopCalls: { readonly taskArn: string; readonly reason: string }[] = [];
  /** Task ARN -> how often a running task was told to stop. */
  readonly stopped = new Map<string, number>();
  readonly services = new Map<string, FakeService>();
  /** By ARN. */
  readonly instances = new Map<string, FakeInstance>();
  /** Container instance ARN -> when it registered; absent: long ago. */
  readonly registered = new Map<string, number>();
  /** Task ARN -> until when it is protected from scale-in. */
  readonly protections = new Map<string, number>();
  /** What else happens with every tick, before the scheduler looks. */
  readonly onTick: (() => void)[] = [];
  readonly #tasks = new Map<string, TaskFacts & { ticksLeft: number }>();
  readonly #place: { readonly account: string; readonly region: string; readonly name: string };
  readonly nowMs: () => number;
  #made = 0;
  ticksToStop = 1;
  /** A tick before every describe, as time passes between two looks. */
  ticksByItself = false;

  constructor(place = { account: "111122223333", region: "eu-west-1", name: "shop" }, nowMs: () => number = () => 0) {
    super();
    this.#place = place;
    this.nowMs = nowMs;
  }

  arn(kind: "task" | "container-instance" | "service" | "task-definition", id: string): string {
    const { account, region, name } = this.#place;
    return `arn:aws:ecs:${region}:${account}:${kind}/${kind === "task-definition" ? id : `${name}/${id}`}`;
  }

  /** A container instance on an EC2 machine (`mi-...`: on none); its ARN. */
  instance(machine: string): string {
    const arn = this.arn("container-instance", hex(`instance ${machine}`, 32));
    const ec2InstanceId = machine.startsWith("mi-") ? null : machine;
    this.instances.set(arn, { arn, ec2InstanceId, status: "ACTIVE", agentConnected: true });
    return arn;
  }

  /** The tasks that it starts with. Made again, it is another service with the same tasks and `desired` more. */
  service(name: string, given: GivenService): readonly TaskFacts[] {
    const presets = { status: "ACTIVE", strategy: "REPLICA", minimumHealthyPercent: 100, maximumPercent: 200 } as const;
    const desired = given.desired + (this.services.get(name)?.desired ?? 0);
    const service: FakeService = { ...presets, deploymentController: "ECS", awsvpc: false, ...given, desired };
    this.services.set(name, service);
    return Array.from({ length: given.desired }, () => this.#start(name, service, service.instance));
  }

  /** A task beside those that services started; in the group of a service, that service wants it too. */
  run(given: GivenTask = {}): TaskFacts {
    const service = this.services.get(given.group?.replace(/^service:/, "") ?? "");
    if (service !== undefined && given.group?.startsWith("service:")) service.desired++;
    return this.#make(given);
  }

  #make(given: GivenTask): TaskFacts {
    const { family = "web", containerNames = ["app"], ...facts } = given;
    const { account, region, name } = this.#place;
    const id = hex(`task ${++this.#made}`, 32);
    const task: TaskFacts = {
      taskArn: this.arn("task", id),
      clusterArn: `arn:aws:ecs:${region}:${account}:cluster/${name}`,
      taskDefinitionArn: this.arn("task-definition", `${family}:7`),
      group: `family:${family}`,
      launchType: "EC2",
      lastStatus: "RUNNING",
      desiredStatus: "RUNNING",
      containerInstanceArn: null,
      startedAtMs: this.nowMs(),
      stoppedAtMs: null,
      stoppedReason: null,
      containers: containerNames.map((container) => ({
        name: container,
        runtimeId: hex(`${id} ${container}`, 64),
        image: `registry.test/${family}:1`,
        lastStatus: "RUNNING",
      })),
      tags: {},
      networkInterfaces: [],
      roleOverride: null,
      ...facts,
    };
    this.#tasks.set(task.taskArn, { ...task, ticksLeft: 0 });
    return task;
  }

  change(taskArn: string, facts: Partial<TaskFacts>): void {
    const task = this.#tasks.get(taskArn);
    if (task === undefined) throw new Error(`no task ${taskArn}`);
    this.#tasks.set(taskArn, { ...task, ...facts });
  }

  forget(taskArn: string): void {
    this.#tasks.delete(taskArn);
  }

  all(): readonly TaskFacts[] {
    return [...this.#tasks.values()].map(({ ticksLeft: _, ...task }) => task);
  }

  task(taskArn: string): TaskFacts | undefined {
    return this.all().find((task) => task.taskArn === taskArn);
  }

  running(): readonly TaskFacts[] {
    return this.all().filter(({ desiredStatus }) => desiredStatus === "RUNNING");
  }

  /** Of a service, wanted or not, that have not stopped. */
  living(service: string): readonly TaskFacts[] {
    return this.all().filter(({ group, lastStatus }) => group === `service:${service}` && lastStatus !== "STOPPED");
  }

  isProtected(taskArn: string): boolean {
    return (this.protections.get(taskArn) ?? 0) > this.nowMs();
  }

  tick(): void {
    for (const happens of this.onTick) happens();
    for (const task of [...this.#tasks.values()]) {
      if (task.desiredStatus !== "STOPPED" || task.lastStatus === "STOPPED" || this.#agentIsAway(task)) continue;
      task.ticksLeft--;
      if (task.ticksLeft > 0) continue;
      this.change(task.taskArn, { lastStatus: "STOPPED", stoppedAtMs: this.nowMs(), tags: {} });
      this.protections.delete(task.taskArn);
    }
    for (const [name, service] of this.services) this.#schedule(name, service);
  }

  describe(arns: readonly string[]): ReturnType<Tasks["describe"]> {
    return this.answer("describe", () => {
      if (this.ticksByItself) this.tick();
      const tasks = arns.flatMap((arn) => this.#tasks.get(arn) ?? []);
      return { tasks, missing: arns.filter((arn) => !this.#tasks.has(arn)) };
    });
  }

  listOnInstance(containerInstanceArn: string): Promise<readonly string[]> {
    return this.answer("listOnInstance", () =>
      [...this.#tasks.values()].filter((task) => task.containerInstanceArn === containerInstanceArn).map(({ taskArn }) => taskArn),
    );
  }

  instanceByEc2Id(ec2InstanceId: string): Promise<string | null> {
    return this.answer(
      "instanceByEc2Id",
      () => [...this.instances.values()].find((instance) => instance.ec2InstanceId === ec2InstanceId)?.arn ?? null,
    );
  }

  serviceTags(service: string): Promise<Readonly<Record<string, string>>> {
    return this.answer("serviceTags", () => {
      const found = this.services.get(service);
      if (found === undefined) throw new Error(`the test made no service ${service}`);
      return found.tags;
    });
  }

  stop(taskArn: string, reason: string): Promise<"accepted" | "gone"> {
    return this.answer("stop", () => {
      const task = this.#tasks.get(taskArn);
      if (task === undefined) return "gone";
      this.stopCalls.push({ taskArn, reason });
      if (task.desiredStatus !== "STOPPED") {
        this.stopped.set(taskArn, (this.stopped.get(taskArn) ?? 0) + 1);
        this.#end(taskArn, reason);
      }
      return "accepted";
    });
  }

  #end(taskArn: string, stoppedReason: string): void {
    this.change(taskArn, { desiredStatus: "STOPPED", stoppedReason });
    const stopping = this.#tasks.get(taskArn);
    if (stopping !== undefined) stopping.ticksLeft = this.ticksToStop;
  }

  #schedule(name: string, service: FakeService): void {
    if (service.strategy === "DAEMON") {
      const { instance, status } = service;
      const there = this.living(name).some(({ containerInstanceArn }) => containerInstanceArn === instance);
      if (!there && status === "ACTIVE" && instance !== null && this.#takesTasks(instance)) this.#start(name, service, instance);
      return;
    }
    const wanted = service.status === "ACTIVE" ? service.desired : 0;
    const stuck = service.minimumHealthyPercent === 100 && service.maximumPercent === 100;
    for (const task of this.living(name)) {
      const leaves = task.containerInstanceArn !== null && this.instances.get(task.containerInstanceArn)?.status === "DRAINING";
      if (leaves && !stuck && task.desiredStatus === "RUNNING" && this.#placeFor(service) !== undefined)
        this.#end(task.taskArn, "Scaling activity initiated by draining");
    }
    const kept = this.living(name).filter(({ desiredStatus }) => desiredStatus === "RUNNING");
    const free = kept.filter(({ taskArn }) => !this.isProtected(taskArn));
    for (const { taskArn } of free.slice(0, Math.max(0, kept.length - wanted)))
      this.#end(taskArn, "Scaling activity initiated by deployment");
    const place = this.#placeFor(service);
    for (let missing = wanted - this.living(name).length; missing > 0 && place !== undefined; missing--) this.#start(name, service, place);
  }

  #start(name: string, service: FakeService, containerInstanceArn: string | null): TaskFacts {
    const task = this.#make({ family: service.family, containerInstanceArn, group: `service:${name}` });
    if (containerInstanceArn === null) this.change(task.taskArn, { launchType: "FARGATE" });
    if (service.awsvpc || containerInstanceArn === null)
      this.change(task.taskArn, { networkInterfaces: [`eni-${hex(`interface of ${task.taskArn}`, 17)}`] });
    return this.task(task.taskArn) ?? task;
  }

  /** Undefined: nowhere. */
  #placeFor({ instance }: FakeService): string | null | undefined {
    if (instance === null || this.#takesTasks(instance)) return instance;
    return [...this.instances.values()].find(({ status, agentConnected }) => status === "ACTIVE" && agentConnected)?.arn;
  }

  /** What the test made no instance of is one that takes tasks. */
  #takesTasks(arn: string): boolean {
    return (this.instances.get(arn)?.status ?? "ACTIVE") === "ACTIVE";
  }

  #agentIsAway({ containerInstanceArn }: TaskFacts): boolean {
    return containerInstanceArn !== null && this.instances.get(containerInstanceArn)?.agentConnected === false;
  }
}

export const hex = (seed: string, length: number): string => createHash("sha256").update(seed).digest("hex").slice(0, length);
