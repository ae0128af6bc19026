import type { OutgoingMessage } from "#shared/ports/channel.ts";
import { differs, type Look } from "../oracle/compare.ts";
import { active, linkable, unseen } from "../oracle/inert.ts";
import { readMrkdwn } from "../oracle/mrkdwn.ts";
import type { Payload } from "../payloads/text.ts";
import type { Route } from "../route.ts";
import { exactly, ids } from "../route.ts";

type Of<Kind> = Extract<OutgoingMessage, { readonly kind: Kind }>;

const mailOf = (messages: readonly OutgoingMessage[]) => messages.filter((one): one is Of<"sns"> => one.kind === "sns");

/** Slack's message as Slack reads it: words, code spans and links, each by itself. Throws for what can be read in two ways. */
function asRead(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asRead);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value);
  const mrkdwn = entries.some(([key, type]) => key === "type" && type === "mrkdwn");
  return Object.fromEntries(
    entries.map(([key, one]) => [
      key,
      mrkdwn && key === "text" ? readMrkdwn(String(one)).map((token) => ({ [token.kind]: token })) : asRead(one),
    ]),
  );
}

const LINK = /^[\w.~%$&=#:/?+-]*$/;

export const slack: Route = {
  name: "Slack message",
  of: ({ messages }) =>
    messages.filter((one) => one.kind === "slack").map(({ payload }) => asRead({ ...payload, fallback: readMrkdwn(payload.text) })),
  check: (twin, hostile, payload) =>
    differs(ids(twin), ids(hostile), (text, path) => {
      if (/\.link\.target$/.test(path)) return LINK.test(text) ? null : "a character that no link of ours has";
      if (/\.code\.text$/.test(path)) return unseen(text) ?? exactly(payload, text);
      return unseen(text) ?? active(text.replaceAll("&lt;", "").replaceAll("&gt;", "").replaceAll("&amp;", ""));
    }),
};

export const subject: Route = {
  name: "SNS subject",
  of: ({ messages }) => mailOf(messages).map(({ subject: text }) => text),
  check: (twin, hostile) => {
    const [a, b] = [twin, hostile] as readonly (readonly string[])[];
    if (a?.length !== b?.length) return { wrong: `${b?.length} subjects, its twin ${a?.length}`, slots: 0 };
    let slots = 0;
    for (const [at, text] of (b ?? []).entries()) {
      const [before = "", ...rest] = (a?.[at] ?? "").split(MARKED);
      slots += rest.length;
      if (rest.length === 0 && text !== a?.[at]) return { wrong: `the subject is ${text}`, slots };
      if (!/^[A-Za-z][ -~]{0,98}$/.test(text)) return { wrong: `a subject that SNS or mail does not take: ${JSON.stringify(text)}`, slots };
      if (!text.startsWith(before)) return { wrong: `the subject begins otherwise: ${text}`, slots };
      const linked = linkable(text);
      if (linked !== null) return { wrong: `${linked} in the subject: ${text}`, slots };
    }
    return { wrong: null, slots };
  },
};
const MARKED = /begin7f/;

export const text: Route = {
  name: "SNS text",
  of: ({ messages }) => mailOf(messages).map(({ text: body }) => body.split("\n").map((line) => line.split(/, (?=open the )/))),
  check: (twin, hostile, payload) => differs(ids(twin), ids(hostile), inMail(payload)),
};

/** Where a link of ours stands, names are encoded in it. */
const inMail =
  (payload: Payload): Look =>
  (body, path) => {
    if (/^\[\d+\]\[\d+\]\[[1-9]\]$/.test(path)) return LINK.test(body) ? null : "a character that no link of ours has";
    return unseen(body) ?? linkable(body) ?? exactly(payload, body);
  };

export const document: Route = {
  name: "SNS document",
  of: ({ messages }) =>
    mailOf(messages).map(({ body, attributes }) => {
      const parsed = JSON.parse(body) as { readonly text: string };
      return { ...parsed, text: null, attributes };
    }),
  check: (twin, hostile, payload) =>
    differs(ids(twin), ids(hostile), (body, path) => {
      if (path.endsWith(".source.link")) return LINK.test(body) ? null : "a character that no link of ours has";
      return unseen(body) ?? exactly(payload, body);
    }),
};
