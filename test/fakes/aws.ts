import { fakeAccess, type Given } from "./cluster-access.ts";
import { FakeDefinitions } from "./definitions.ts";
import { FakeInstances } from "./instances.ts";
import { FakeMarks } from "./marks.ts";
import { FakeNetwork } from "./network.ts";
import { FakeRoles } from "./roles.ts";
import { FakeServices } from "./services.ts";
import { FakeLogs } from "./task-logs.ts";
import { FakeEcs } from "./tasks.ts";
import { FakeFunctions } from "./user-functions.ts";

/** One ECS cluster and what of AWS surrounds it, in memory: every port that a playbook reaches it by shows the same state. */
export class FakeAws {
  readonly ecs: FakeEcs;
  readonly services: FakeServices;
  readonly marks: FakeMarks;
  readonly instances: FakeInstances;
  readonly network: FakeNetwork;
  readonly definitions: FakeDefinitions;
  readonly roles = new FakeRoles();
  readonly logs = new FakeLogs();
  readonly functions = new FakeFunctions();

  constructor(nowMs: () => number = () => 0) {
    this.ecs = new FakeEcs(undefined, nowMs);
    this.services = new FakeServices(this.ecs);
    this.marks = new FakeMarks(this.ecs);
    this.instances = new FakeInstances(this.ecs);
    this.network = new FakeNetwork(this.ecs);
    this.definitions = new FakeDefinitions(this.ecs);
  }

  /** Every port but Kubernetes'. */
  given(): Given {
    const { ecs: tasks, services, marks, instances, network, roles, definitions, logs, functions } = this;
    return { tasks, services, marks, instances, network, roles, definitions, logs, functions };
  }

  access = () => fakeAccess(this.given());

  /** All that an action could have changed, field by field. */
  snapshot() {
    const { ecs, network } = this;
    const machines = [...ecs.instances.values()].flatMap(({ ec2InstanceId }) => ec2InstanceId ?? []);
    return structuredClone({
      services: Object.fromEntries(ecs.services),
      scalings: Object.fromEntries(this.services.scalings),
      instances: Object.fromEntries(ecs.instances),
      interfaces: Object.fromEntries(machines.map((machine) => [machine, network.own(machine)])),
      roles: Object.fromEntries(this.roles.names().map((name) => [name, Object.fromEntries(this.roles.policies(name))])),
      protections: Object.fromEntries(ecs.protections),
      tasks: Object.fromEntries(ecs.all().map((task) => [task.taskArn, task])),
    });
  }
}
