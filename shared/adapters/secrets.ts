import { askAws } from "#shared/adapters/aws-error.ts";
import type { SecretClients } from "#shared/adapters/secret-clients.ts";
import { PipelineError } from "#shared/domain/error.ts";

export interface SecretReader {
  /**
   * `ref`: `ssm:/name` or `secretsmanager:name-or-arn`. Kept for 10 minutes; `fresh` reads it again now (it was refused: it may be rotated).
   * Throws `config_invalid` for another shape or an empty secret, else `aws_*`. The value is in no message.
   */
  read(ref: string, signal: AbortSignal, fresh?: "fresh"): Promise<string>;
}

const KEEP_MS = 600_000;

export function secretReader(clients: SecretClients = awsSecretClients(), now: () => number = Date.now): SecretReader {
  const kept = new Map<string, { readonly value: string; readonly untilMs: number }>();
  return {
    async read(ref, signal, fresh) {
      const hit = kept.get(ref);
      if (fresh === undefined && hit !== undefined && hit.untilMs > now()) return hit.value;
      const value = await askAws(`reading secret ${ref}`, () => fetchSecret(clients, ref, signal));
      if (value === undefined || value.trim() === "") throw new PipelineError("config_invalid", `secret ${ref} is empty`);
      kept.set(ref, { value: value.trim(), untilMs: now() + KEEP_MS });
      return value.trim();
    },
  };
}

function fetchSecret(clients: SecretClients, ref: string, signal: AbortSignal): Promise<string | undefined> {
  const [, store, name] = /^(ssm|secretsmanager):(\S+)$/.exec(ref) ?? [];
  if (store === "ssm" && name) return clients.parameter(name, signal);
  if (store === "secretsmanager" && name) return clients.secret(name, signal);
  throw new PipelineError("config_invalid", `"${ref}" names no secret: write ssm:/name or secretsmanager:name`);
}

/** A function mostly reads from one of the two stores: the other's client is not even loaded. Modules of their own, so that bundles shed the rest of the SDK. */
function awsSecretClients(): SecretClients {
  let parameter: Promise<SecretClients["parameter"]> | undefined;
  let secret: Promise<SecretClients["secret"]> | undefined;
  return {
    async parameter(name, signal) {
      parameter ??= import("#shared/adapters/secrets-ssm.ts").then(({ ssmParameter }) => ssmParameter());
      return (await parameter)(name, signal);
    },
    async secret(id, signal) {
      secret ??= import("#shared/adapters/secrets-manager.ts").then(({ managedSecret }) => managedSecret());
      return (await secret)(id, signal);
    },
  };
}
