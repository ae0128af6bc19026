import type { SlackApp } from "#shared/domain/person.ts";
import type { SigningSecret } from "#shared/ports/chatops.ts";
import type { Clock } from "#shared/ports/clock.ts";
import { type Envelope, type HttpEvent, type Malformed, openEnvelope } from "#shared/wire/slack/envelope.ts";
import { type Click, readClick } from "#shared/wire/slack/interaction.ts";
import { isFresh, isSigned } from "#shared/wire/slack/signature.ts";

/** Which check said no: for a metric and a log, never for the caller. */
export type Check = Malformed | "timestamp" | "signature" | "payload" | "workspace" | "app" | "replay";

export type Verified =
  | { readonly kind: "click"; readonly click: Click; readonly signature: string }
  /** Slack's, and no button of ours: a link that was opened, say. */
  | { readonly kind: "foreign" }
  | { readonly kind: "refused"; readonly check: Check };

export interface VerifyPorts {
  readonly clock: Clock;
  readonly secret: SigningSecret;
  readonly app: SlackApp;
}

const refused = (check: Check): Verified => ({ kind: "refused", check });

/** Whether Slack itself sent this, now, from our workspace and app. Nothing of the body is read before its signature fits. */
export async function verify(event: HttpEvent, { clock, secret, app }: VerifyPorts, signal: AbortSignal): Promise<Verified> {
  const envelope = openEnvelope(event);
  if (typeof envelope === "string") return refused(envelope);
  if (!isFresh(envelope.timestamp, clock.now())) return refused("timestamp");
  if (!(await isOurs(envelope, secret, signal))) return refused("signature");
  const click = readClick(envelope.body);
  if (click === "foreign") return { kind: "foreign" };
  if (click === "unreadable") return refused("payload");
  if (click.team !== app.team) return refused("workspace");
  if (click.app !== app.app) return refused("app");
  return { kind: "click", click, signature: envelope.signature };
}

async function isOurs(envelope: Envelope, secret: SigningSecret, signal: AbortSignal): Promise<boolean> {
  if (isSigned(envelope, envelope.body, await secret.current(signal))) return true;
  const again = await secret.again(signal);
  return again !== null && isSigned(envelope, envelope.body, again);
}
