import { createHash } from "node:crypto";
import type { TaskFacts, Tasks } from "#shared/ports/tasks.ts";

type Method = keyof Tasks;

interface Service {
  readonly family: string;
  readonly instance: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly desired: number;
}

/**
 * ECS of one cluster, in memory. A stopped task stops after `ticksToStop` ticks and its service then starts another; runtime ids are 64 hex.
 * `stopped` counts what StopTask really changed, `calls` every call.
 */
export class FakeEcs implements Tasks {
  readonly calls: Method[] = [];
  readonly stopCalls: { readonly taskArn: string; readonly reason: string }[] = [];
  /** Task ARN -> how often a running task was told to stop. */
  readonly stopped = new Map<string, number>();
  readonly #tasks = new Map<string, TaskFacts & { ticksLeft: number }>();
  readonly #services = new Map<string, Service>();
  readonly #instances = new Map<string, string>();
  readonly #failures: { readonly method: Method; readonly error: Error }[] = [];
  readonly #place: { readonly account: string; readonly region: string; readonly name: string };
  #made = 0;
  ticksToStop = 1;
  /** A tick before every describe, as time passes between two looks. */
  ticksByItself = false;

  constructor(place = { account: "111122223333", region: "eu-west-1", name: "shop" }) {
    this.#place = place;
  }

  arn(kind: "task" | "container-instance", id: string): string {
    const { account, region, name } = this.#place;
    return `arn:aws:ecs:${region}:${account}:${kind}/${name}/${id}`;
  }

  /** A container instance on an EC2 machine; its ARN. */
  instance(ec2InstanceId: string): string {
    const arn = this.arn("container-instance", hex(`instance ${ec2InstanceId}`, 32));
    this.#instances.set(ec2InstanceId, arn);
    return arn;
  }

  service(name: string, service: Service): readonly TaskFacts[] {
    this.#services.set(name, service);
    return Array.from({ length: service.desired }, () =>
      this.run({ family: service.family, containerInstanceArn: service.instance, group: `service:${name}` }),
    );
  }

  run(given: Partial<TaskFacts> & { readonly family?: string; readonly containerNames?: readonly string[] } = {}): TaskFacts {
    const { family = "web", containerNames = ["app"], ...facts } = given;
    const { account, region, name } = this.#place;
    const id = hex(`task ${++this.#made}`, 32);
    const task: TaskFacts = {
      taskArn: this.arn("task", id),
      clusterArn: `arn:aws:ecs:${region}:${account}:cluster/${name}`,
      taskDefinitionArn: `arn:aws:ecs:${region}:${account}:task-definition/${family}:7`,
      group: `family:${family}`,
      launchType: "EC2",
      lastStatus: "RUNNING",
      desiredStatus: "RUNNING",
      containerInstanceArn: null,
      startedAtMs: 0,
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

  running(): readonly TaskFacts[] {
    return [...this.#tasks.values()].filter(({ desiredStatus }) => desiredStatus === "RUNNING");
  }

  /** The next call of `method` throws `error`. */
  fail(method: Method, error: Error): void {
    this.#failures.push({ method, error });
  }

  tick(): void {
    for (const task of [...this.#tasks.values()]) {
      if (task.desiredStatus !== "STOPPED" || task.lastStatus === "STOPPED") continue;
      task.ticksLeft--;
      if (task.ticksLeft > 0) continue;
      this.change(task.taskArn, { lastStatus: "STOPPED", stoppedAtMs: 0 });
      this.#replace(task);
    }
  }

  describe(arns: readonly string[]): ReturnType<Tasks["describe"]> {
    return this.#answer("describe", () => {
      if (this.ticksByItself) this.tick();
      const tasks = arns.flatMap((arn) => this.#tasks.get(arn) ?? []);
      return { tasks, missing: arns.filter((arn) => !this.#tasks.has(arn)) };
    });
  }

  listOnInstance(containerInstanceArn: string): Promise<readonly string[]> {
    return this.#answer("listOnInstance", () =>
      [...this.#tasks.values()].filter((task) => task.containerInstanceArn === containerInstanceArn).map(({ taskArn }) => taskArn),
    );
  }

  instanceByEc2Id(ec2InstanceId: string): Promise<string | null> {
    return this.#answer("instanceByEc2Id", () => this.#instances.get(ec2InstanceId) ?? null);
  }

  serviceTags(service: string): Promise<Readonly<Record<string, string>>> {
    return this.#answer("serviceTags", () => {
      const found = this.#services.get(service);
      if (found === undefined) throw new Error(`the test made no service ${service}`);
      return found.tags;
    });
  }

  stop(taskArn: string, reason: string): Promise<"accepted" | "gone"> {
    return this.#answer("stop", () => {
      const task = this.#tasks.get(taskArn);
      if (task === undefined) return "gone";
      this.stopCalls.push({ taskArn, reason });
      if (task.desiredStatus !== "STOPPED") {
        this.stopped.set(taskArn, (this.stopped.get(taskArn) ?? 0) + 1);
        this.change(taskArn, { desiredStatus: "STOPPED", stoppedReason: reason });
        const stopping = this.#tasks.get(taskArn);
        if (stopping !== undefined) stopping.ticksLeft = this.ticksToStop;
      }
      return "accepted";
    });
  }

  #replace(task: TaskFacts): void {
    const service = task.group?.startsWith("service:") ? this.#services.get(task.group.slice("service:".length)) : undefined;
    if (service !== undefined) this.run({ family: service.family, containerInstanceArn: service.instance, group: task.group });
  }

  #answer<T>(method: Method, answer: () => T): Promise<T> {
    this.calls.push(method);
    const planned = this.#failures.findIndex((failure) => failure.method === method);
    const [failure] = planned === -1 ? [] : this.#failures.splice(planned, 1);
    return failure === undefined ? Promise.resolve().then(answer) : Promise.reject(failure.error);
  }
}

const hex = (seed: string, length: number): string => createHash("sha256").update(seed).digest("hex").slice(0, length);
