import { PipelineError } from "#shared/domain/error.ts";
import type { UserFunctions } from "#shared/ports/user-functions.ts";
import { Answers } from "./answers.ts";

type Answer = Awaited<ReturnType<UserFunctions["invoke"]>>;

/** Lambda functions of a user, in memory; `invoked` is what reached one. */
export class FakeFunctions extends Answers<keyof UserFunctions> implements UserFunctions {
  readonly invoked: { readonly arn: string; readonly payload: string; readonly timeoutMs: number }[] = [];
  readonly #functions = new Map<string, { readonly answer: (payload: string) => Answer; readonly takesMs: number }>();

  function(arn: string, answer: (payload: string) => Answer = () => ({ kind: "answered", body: "{}" }), takesMs = 0): void {
    this.#functions.set(arn, { answer, takesMs });
  }

  invoke(arn: string, payload: string, timeoutMs: number): Promise<Answer> {
    return this.answer("invoke", () => {
      const found = this.#functions.get(arn);
      if (found === undefined) throw new PipelineError("aws_rejected", `Lambda: no function ${arn}`);
      this.invoked.push({ arn, payload, timeoutMs });
      if (found.takesMs > timeoutMs) throw new PipelineError("timed_out", `Lambda: ${arn} did not answer within ${timeoutMs} ms`);
      return found.answer(payload);
    });
  }
}
