import { afterAll, beforeAll, describe, expect } from "vitest";
import type { TaskDefinitions } from "#shared/ports/task-definitions.ts";
import { cases, type Differences } from "./cases.ts";

/** What the task definition of the world looks like. Where ECS has an environment with values, they begin with "secret-". */
export const DEFINED = {
  networkMode: "bridge",
  pidMode: "host",
  ipcMode: "task",
  taskRoleArn: "arn:aws:iam::111122223333:role/web",
  containers: [
    {
      name: "app",
      image: "registry.test/web:1",
      essential: true,
      privileged: true,
      readonlyRootFilesystem: true,
      user: "1000",
      stopTimeoutSeconds: 20,
      environment: ["TOKEN"],
      secrets: ["PASSWORD"],
      linuxCapabilities: ["SYS_ADMIN"],
      logs: { driver: "awslogs", group: "/shop/web", region: "eu-west-1", streamPrefix: "web" },
    },
    {
      name: "router",
      image: "registry.test/router:1",
      essential: false,
      privileged: false,
      readonlyRootFilesystem: false,
      user: null,
      stopTimeoutSeconds: null,
      environment: [],
      secrets: [],
      linuxCapabilities: [],
      logs: null,
    },
  ],
} as const;

/** The definition above, a deregistered one that a task still runs, and the ARN of none. */
export interface TaskDefinitionsWorld {
  readonly definitions: TaskDefinitions;
  readonly arn: string;
  readonly deregistered: string;
  readonly unknown: string;
  close(): Promise<void>;
}

const signal = new AbortController().signal;

export function taskDefinitionsContract(name: string, open: () => Promise<TaskDefinitionsWorld>, differences: Differences = {}): void {
  describe(`TaskDefinitions: ${name}`, () => {
    const { it, close } = cases(differences);
    let world: TaskDefinitionsWorld;
    beforeAll(async () => {
      world = await open();
    }, 120_000);
    afterAll(() => world?.close());

    it("a definition is described with what its containers may do, and without a secret", async () => {
      const facts = await world.definitions.describe(world.arn, signal);
      expect(facts).toMatchObject({ arn: world.arn, status: "ACTIVE", executionRoleArn: null, ...DEFINED });
      expect(`${facts?.family}:${facts?.revision}`).toBe(world.arn.split("/")[1]);
      expect(JSON.stringify(facts)).not.toContain("secret-");
    });

    it("a deregistered definition is described while a task runs it", async () => {
      expect(await world.definitions.describe(world.deregistered, signal)).toMatchObject({ arn: world.deregistered, status: "INACTIVE" });
    });

    it("a definition that ECS does not know is null", async () => {
      expect(await world.definitions.describe(world.unknown, signal)).toBeNull();
    });
    close();
  });
}
