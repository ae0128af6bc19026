import type { TaskDefinitionFacts, TaskDefinitions } from "#shared/ports/task-definitions.ts";
import { Answers } from "./answers.ts";
import type { FakeEcs } from "./tasks.ts";

/** Task definitions, in memory: revision 7 of a family is what the tasks of FakeEcs run. */
export class FakeDefinitions extends Answers<keyof TaskDefinitions> implements TaskDefinitions {
  readonly #ecs: FakeEcs;
  readonly #definitions = new Map<string, TaskDefinitionFacts>();

  constructor(ecs: FakeEcs) {
    super();
    this.#ecs = ecs;
  }

  define(family: string, given: Partial<TaskDefinitionFacts> = {}): TaskDefinitionFacts {
    const { revision = 7 } = given;
    const container = {
      name: "app",
      image: `registry.test/${family}:1`,
      essential: true,
      privileged: false,
      readonlyRootFilesystem: false,
      user: null,
      stopTimeoutSeconds: null,
      environment: [],
      secrets: [],
      linuxCapabilities: [],
      logs: null,
    };
    const definition: TaskDefinitionFacts = {
      arn: this.#ecs.arn("task-definition", `${family}:${revision}`),
      family,
      revision,
      status: "ACTIVE",
      networkMode: "bridge",
      taskRoleArn: null,
      executionRoleArn: null,
      pidMode: null,
      ipcMode: null,
      containers: [container],
      ...given,
    };
    this.#definitions.set(definition.arn, definition);
    return definition;
  }

  describe(arn: string): Promise<TaskDefinitionFacts | null> {
    return this.answer("describe", () => this.#definitions.get(arn) ?? null);
  }
}
