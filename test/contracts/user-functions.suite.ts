import { afterAll, beforeAll, describe, expect } from "vitest";
import type { UserFunctions } from "#shared/ports/user-functions.ts";
import { cases, type Differences } from "./cases.ts";

/** ARNs of functions: `echo` answers with its payload, `failing` throws a RangeError "no such host", `slow` takes 2 s, `unknown` is not there. */
export interface UserFunctionsWorld {
  readonly functions: UserFunctions;
  readonly echo: string;
  readonly failing: string;
  readonly slow: string;
  readonly unknown: string;
  close(): Promise<void>;
}

const signal = new AbortController().signal;

export function userFunctionsContract(name: string, open: () => Promise<UserFunctionsWorld>, differences: Differences = {}): void {
  describe(`UserFunctions: ${name}`, () => {
    const { it, close } = cases(differences);
    let world: UserFunctionsWorld;
    beforeAll(async () => {
      world = await open();
    }, 120_000);
    afterAll(() => world?.close());

    it("a function answers", async () => {
      const payload = JSON.stringify({ claim: "a", text: 'ä <&> "' });
      const answer = await world.functions.invoke(world.echo, payload, 20_000, signal);
      expect(answer.kind === "answered" && JSON.parse(answer.body)).toEqual(JSON.parse(payload));
    });

    it("a function that fails itself is no answer, and its words are told", async () => {
      const answer = await world.functions.invoke(world.failing, "{}", 20_000, signal);
      expect(answer).toEqual({ kind: "function-error", error: expect.stringContaining("no such host") });
    });

    it("a function that is not there is an error that no repeat helps", async () => {
      await expect(world.functions.invoke(world.unknown, "{}", 20_000, signal)).rejects.toMatchObject({ code: "aws_rejected" });
    });

    it("a function that takes longer than it may is given up", async () => {
      await expect(world.functions.invoke(world.slow, "{}", 200, signal)).rejects.toMatchObject({ code: "timed_out", retryable: true });
    });

    it("the same function is waited for when it may take so long", async () => {
      expect(await world.functions.invoke(world.slow, "{}", 20_000, signal)).toMatchObject({ kind: "answered" });
    });
    close();
  });
}
