import { GetParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { askAws } from "#shared/adapters/aws-error.ts";
import { messageOf } from "#shared/domain/error.ts";
import type { ParameterSays, SwitchParameter } from "#shared/ports/switch.ts";

/** An answer is good for so long after it was asked for. */
const KEEP_MS = 5_000;

/** Undefined: the parameter is there and holds no text. */
type GetParameter = (name: string, signal: AbortSignal) => Promise<string | undefined>;

/** `name`: of the parameter that the stack makes; undefined or "": not configured, which is a pause too. */
export function ssmSwitch(name: string | undefined, get: GetParameter = getParameter(), now: () => number = Date.now): SwitchParameter {
  let kept: { readonly untilMs: number; readonly answer: Promise<Answer> } | null = null;
  return {
    read(signal) {
      if (name === undefined || name === "") return Promise.resolve({ says: "pause", because: "no switch parameter is configured" });
      const nowMs = now();
      if (kept !== null && nowMs < kept.untilMs && nowMs >= kept.untilMs - KEEP_MS) return kept.answer;
      const asked = { untilMs: nowMs + KEEP_MS, answer: ask(name, get, signal) };
      kept = asked;
      // What could not be read is asked again by the next who wants to know: an answer of an aborted invocation is nobody else's.
      void asked.answer.then(({ says, unread }) => {
        if (says === "pause" && unread && kept === asked) kept = null;
      });
      return asked.answer;
    },
  };
}

type Answer = ParameterSays & { readonly unread: boolean };

async function ask(name: string, get: GetParameter, signal: AbortSignal): Promise<Answer> {
  let value: string | undefined;
  try {
    value = await askAws(`SSM GetParameter ${name}`, () => get(name, signal));
  } catch (thrown) {
    return { says: "pause", because: `the parameter ${name} cannot be read: ${messageOf(thrown)}`, unread: true };
  }
  if (value === "run") return { says: "run", unread: false };
  if (value === "pause") return { says: "pause", because: `the parameter ${name} says pause`, unread: false };
  return { says: "pause", because: `the parameter ${name} says neither run nor pause`, unread: false };
}

/** At most 2 tries of 1.5 s: nobody waits long for a no. */
function getParameter(): GetParameter {
  const client = new SSMClient({
    maxAttempts: 2,
    requestHandler: { connectionTimeout: 1_000, requestTimeout: 1_500, throwOnRequestTimeout: true },
  });
  return async (Name, abortSignal) => (await client.send(new GetParameterCommand({ Name }), { abortSignal })).Parameter?.Value;
}
