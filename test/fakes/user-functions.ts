import { PipelineError } from "#shared/domain/error.ts";
import type { UserFunctions } from "#shared/ports/user-functions.ts";
import { Answers } from "./answers.ts";

type Answer = Awaited<ReturnType<UserFunctions["invoke"]>>;

/** Lambda functions of a user, in memory; `invoked` is what reached one. */
export class FakeFunctions extends Answers<keyof UserFunctions> implements UserFunctions {
  readonly invoked: { readonly arn: string; readonly payload: string; readonly timeoutMs: number }[] = [];
  readonly #functions = new Map<string, (payload: string) => Answer>();

  function(arn: string, answer: (payload: string) => Answer = () => ({ kind: "answered", body: "{}" })): void {
    this.#functions.set(arn, answer);
  }

  invoke(arn: string, payload: string, timeoutMs: number): Promise<Answer> {
    return this.answer("invoke", () => {
      const found = this.#functions.get(arn);
      if (found === undefined) throw new PipelineError("aws_rejected", `Lambda: no function ${arn}`);
      this.invoked.push({ arn, payload, timeoutMs });
      return found(payload);
    });
  }
}
