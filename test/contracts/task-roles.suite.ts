import { afterAll, beforeAll, describe, expect } from "vitest";
import type { TaskRoles } from "#shared/ports/task-roles.ts";
import { cases, type Differences } from "./cases.ts";

/** An account with a role that ecs-tasks.amazonaws.com may assume, for sessions of two hours, without inline policies. */
export interface TaskRolesWorld {
  readonly roles: TaskRoles;
  readonly role: string;
  close(): Promise<void>;
}

const signal = new AbortController().signal;
const POLICY = "AWSRevokeOlderSessions";
const document = (before: string): string =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Deny", Action: "*", Resource: "*", Condition: { DateLessThan: { "aws:TokenIssueTime": before } } }],
  });

export function taskRolesContract(name: string, open: () => Promise<TaskRolesWorld>, differences: Differences = {}): void {
  describe(`TaskRoles: ${name}`, () => {
    const { it, close } = cases(differences);
    let world: TaskRolesWorld;
    beforeAll(async () => {
      world = await open();
    }, 120_000);
    afterAll(() => world?.close());

    it("a role is known with who may assume it and for how long", async () => {
      const role = await world.roles.get(world.role, signal);
      expect(role).toMatchObject({ name: world.role, trusts: ["ecs-tasks.amazonaws.com"], maxSessionSeconds: 7_200 });
      expect(role?.arn).toMatch(new RegExp(`^arn:aws:iam::\\d{12}:role/(?:.+/)?${world.role}$`));
    });

    it("a role that is not there is null", async () => {
      expect(await world.roles.get("nobody", signal)).toBeNull();
      expect(await world.roles.policy("nobody", POLICY, signal)).toBeNull();
    });

    it("a policy comes back as the text that was put, and the last one counts", async () => {
      expect(await world.roles.policy(world.role, POLICY, signal)).toBeNull();
      await world.roles.putPolicy(world.role, POLICY, document("2026-03-01T12:00:00Z"), signal);
      await world.roles.putPolicy(world.role, POLICY, document("2026-03-01T12:00:00+01:00 100% ä&<"), signal);
      expect(await world.roles.policy(world.role, POLICY, signal)).toBe(document("2026-03-01T12:00:00+01:00 100% ä&<"));
    });

    it("a policy is removed, also when it is not there, and others stay", async () => {
      await world.roles.putPolicy(world.role, POLICY, document("2026-03-01T12:00:00Z"), signal);
      await world.roles.putPolicy(world.role, "other", document("2026-01-01T00:00:00Z"), signal);
      await world.roles.deletePolicy(world.role, POLICY, signal);
      await world.roles.deletePolicy(world.role, POLICY, signal);
      expect(await world.roles.policy(world.role, POLICY, signal)).toBeNull();
      expect(await world.roles.policy(world.role, "other", signal)).toBe(document("2026-01-01T00:00:00Z"));
    });

    it("a role that is not there takes no policy", async () => {
      const put = world.roles.putPolicy("nobody", POLICY, document("2026-03-01T12:00:00Z"), signal);
      await expect(put).rejects.toMatchObject({ code: "aws_rejected" });
    });
    close();
  });
}
