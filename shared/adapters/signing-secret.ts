import type { SecretReader } from "#shared/adapters/secrets.ts";
import type { SigningSecret } from "#shared/ports/chatops.ts";

/** So often at most a signature that does not fit makes us ask AWS again. */
const BETWEEN_MS = 60_000;

export function signingSecret(ref: string, secrets: SecretReader, now: () => number = Date.now): SigningSecret {
  let againAtMs = 0;
  return {
    current: (signal) => secrets.read(ref, signal),
    async again(signal) {
      if (now() < againAtMs) return null;
      // Before it is asked: of many at once one asks.
      againAtMs = now() + BETWEEN_MS;
      return await secrets.read(ref, signal, "fresh");
    },
  };
}
