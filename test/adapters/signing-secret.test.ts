import { expect, test } from "vitest";
import { secretReader } from "#shared/adapters/secrets.ts";
import { signingSecret } from "#shared/adapters/signing-secret.ts";

const signal = new AbortController().signal;

test("the secret is kept, read again when a signature does not fit, and so often and no more", async () => {
  let nowMs = 0;
  let value = "old";
  let reads = 0;
  const parameter = (): Promise<string> => {
    reads++;
    return Promise.resolve(value);
  };
  const secret = signingSecret(
    "ssm:/signing",
    secretReader({ parameter, secret: parameter }, () => nowMs),
    () => nowMs,
  );
  expect(await secret.current(signal)).toBe("old");
  value = "new";
  expect(await secret.current(signal)).toBe("old");
  // Of many forged requests at once one makes us ask.
  expect(await Promise.all([secret.again(signal), secret.again(signal), secret.again(signal)])).toEqual(["new", null, null]);
  expect(await secret.current(signal)).toBe("new");
  nowMs += 59_999;
  expect(await secret.again(signal)).toBeNull();
  expect(reads).toBe(2);
  nowMs += 1;
  expect(await secret.again(signal)).toBe("new");
  expect(reads).toBe(3);
});
