import type { Again, Endpoint } from "#shared/adapters/kubernetes/endpoint.ts";
import { kept } from "#shared/adapters/kubernetes/kept.ts";
import type { SecretReader } from "#shared/adapters/secrets.ts";

/** The reader keeps secrets for 10 minutes on its own; this spares the parsing. */
const KEEP_MS = 60_000;
const READ_MS = 15_000;

/** An endpoint that a secret holds a part of: read afresh when one of `whenFailed` says that it may have been replaced. */
export function secretEndpoint(
  secrets: SecretReader,
  ref: string,
  whenFailed: readonly Again["because"][],
  read: (text: string) => Endpoint | Promise<Endpoint>,
  now: () => number = Date.now,
): (signal: AbortSignal, again?: Again) => Promise<Endpoint> {
  const current = kept(async (fresh) => {
    const text = await secrets.read(secretRef(ref), AbortSignal.timeout(READ_MS), fresh ? "fresh" : undefined);
    return { value: await read(text), untilMs: now() + KEEP_MS };
  }, now);
  return (signal, again) =>
    current(signal, again !== undefined && whenFailed.includes(again.because) ? (endpoint) => endpoint === again.was : undefined);
}

/** A bare name or ARN means Secrets Manager. */
const secretRef = (ref: string): string => (/^(ssm|secretsmanager):/.test(ref) ? ref : `secretsmanager:${ref}`);

/** The JSON object that a secret holds; null: it holds something else. */
export function jsonIn(secret: string): Readonly<Record<string, unknown>> | null {
  try {
    const parsed: unknown = JSON.parse(secret);
    return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed) ? { ...parsed } : null;
  } catch {
    return null;
  }
}
