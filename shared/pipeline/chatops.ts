import { expiry, pack } from "#shared/ledger/items.ts";
import { clickKey } from "#shared/ledger/keys.ts";
import { meantBy } from "#shared/pipeline/chatops/meant.ts";
import { type Check, type VerifyPorts, verify } from "#shared/pipeline/chatops/verify.ts";
import { type OperatePorts, operate } from "#shared/pipeline/operate.ts";
import type { Replies, Reply } from "#shared/ports/chatops.ts";
import type { HttpEvent } from "#shared/wire/slack/envelope.ts";
import type { Click } from "#shared/wire/slack/interaction.ts";

export interface ChatopsPorts extends OperatePorts, VerifyPorts {
  readonly replies: Replies;
}

export interface HttpAnswer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Longer than a signature is fresh, on either side of our clock. */
const REMEMBER_S = 3_600;

const HEADERS = { "content-type": "application/json", "cache-control": "no-store" } as const;
/** The same for every check: whoever is not verified learns nothing. */
const UNVERIFIED: HttpAnswer = { statusCode: 401, headers: HEADERS, body: '{"error":"unverified"}' };
const TAKEN: HttpAnswer = { statusCode: 200, headers: HEADERS, body: "" };

/**
 * A click in Slack: verified, taken once, looked up, and decided as if its person had asked `operate`. Rejects when the ledger, a queue or the
 * secret is broken: Slack then shows the person that it failed, and clicking again is harmless.
 */
export async function chatops(event: HttpEvent, ports: ChatopsPorts, signal: AbortSignal): Promise<HttpAnswer> {
  const verified = await verify(event, ports, signal);
  if (verified.kind === "foreign") return TAKEN;
  if (verified.kind === "refused") return refuse(verified.check, ports);
  const { click, signature } = verified;
  if (!(await takeOnce(signature, ports, signal))) return refuse("replay", ports);
  return await answer(click, await decide(click, ports, signal), ports, signal);
}

function refuse(check: Check, { telemetry }: ChatopsPorts): HttpAnswer {
  telemetry.warn("Refused a request to chatops", { check });
  telemetry.count("ChatopsRefused", 1, { check });
  // An alarm watches one metric, whichever check it was.
  telemetry.count("ChatopsRefusedAll", 1);
  return UNVERIFIED;
}

/** Only what is verified is written down: nobody else fills the ledger. */
async function takeOnce(signature: string, { table, clock }: ChatopsPorts, signal: AbortSignal): Promise<boolean> {
  const nowMs = clock.now();
  const item = pack(clickKey(signature), "click", 1, nowMs, {}, { expires: expiry(nowMs, REMEMBER_S) });
  return (await table.transact([{ op: "put", item, when: { kind: "absent" } }], signal)).ok;
}

async function decide(click: Click, ports: ChatopsPorts, signal: AbortSignal): Promise<Pick<Reply, "to" | "text">> {
  const request = await meantBy(click, ports.table, signal);
  if (typeof request === "string") return { to: "clicker", text: request };
  const actor = { kind: "slack", team: click.user.team, user: click.user.id } as const;
  const done = await operate(request, actor, ports, signal);
  if (done.kind === "accepted") return { to: "everybody", text: done.says };
  return { to: "clicker", text: done.kind === "refused" ? `Not done: ${done.because}` : "" };
}

async function answer({ responseUrl, thread }: Click, said: Pick<Reply, "to" | "text">, ports: ChatopsPorts, signal: AbortSignal) {
  // For one person in a thread that nobody has begun Slack would show nothing: https://docs.slack.dev/reference/methods/chat.postEphemeral
  const reply: Reply = { ...said, thread: said.to === "everybody" ? thread : null };
  const isSent = responseUrl !== null && (await ports.replies.send(responseUrl, reply, signal));
  if (isSent) return TAKEN;
  ports.telemetry.warn("A click was answered in the response alone", { hasUrl: responseUrl !== null });
  return { ...TAKEN, body: JSON.stringify({ response_type: "ephemeral", replace_original: false, text: said.text }) };
}
