/** By which clients secrets are read; the tests pass their own. Undefined: the secret is there and holds no text. */
export interface SecretClients {
  parameter(name: string, signal: AbortSignal): Promise<string | undefined>;
  secret(id: string, signal: AbortSignal): Promise<string | undefined>;
}

/** Bounds of one read: at most 3 tries of 5 s. */
export const SECRET_CLIENT = {
  maxAttempts: 3,
  requestHandler: { connectionTimeout: 2_000, requestTimeout: 5_000, throwOnRequestTimeout: true },
};
