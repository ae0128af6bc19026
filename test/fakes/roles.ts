import { PipelineError } from "#shared/domain/error.ts";
import type { RoleFacts, TaskRoles } from "#shared/ports/task-roles.ts";
import { Answers } from "./answers.ts";

/** IAM roles of tasks, in memory. A document comes back with the text that was put. */
export class FakeRoles extends Answers<keyof TaskRoles> implements TaskRoles {
  readonly #roles = new Map<string, { readonly facts: RoleFacts; readonly policies: Map<string, string> }>();

  /** The role's ARN. */
  role(name: string, given: Partial<RoleFacts> = {}): string {
    const facts = {
      arn: `arn:aws:iam::111122223333:role/${name}`,
      name,
      trusts: ["ecs-tasks.amazonaws.com"],
      maxSessionSeconds: 3_600,
      ...given,
    };
    this.#roles.set(name, { facts, policies: new Map() });
    return facts.arn;
  }

  /** Policy name -> document; as somebody else sees and changes them. */
  policies(role: string): Map<string, string> {
    const found = this.#roles.get(role);
    if (found === undefined) throw new PipelineError("aws_rejected", `IAM: no role ${role}`);
    return found.policies;
  }

  remove(role: string): void {
    this.#roles.delete(role);
  }

  names(): readonly string[] {
    return [...this.#roles.keys()];
  }

  get(roleName: string): Promise<RoleFacts | null> {
    return this.answer("get", () => this.#roles.get(roleName)?.facts ?? null);
  }

  policy(roleName: string, policyName: string): Promise<string | null> {
    return this.answer("policy", () => this.#roles.get(roleName)?.policies.get(policyName) ?? null);
  }

  putPolicy(roleName: string, policyName: string, document: string): Promise<void> {
    return this.answer("putPolicy", () => void this.policies(roleName).set(policyName, document));
  }

  deletePolicy(roleName: string, policyName: string): Promise<void> {
    return this.answer("deletePolicy", () => void this.#roles.get(roleName)?.policies.delete(policyName));
  }
}
