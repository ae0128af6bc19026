import { redact } from "#shared/domain/redact.ts";

/** Makes hostile text inert: what cannot be seen becomes visible, what is markup somewhere becomes plain, and lengths have their limit. */

// biome-ignore lint/suspicious/noControlCharactersInRegex: the point is to find them
const ANSI = /\u001b(?:\[[0-?]{0,64}[ -/]{0,16}[@-~]|\][^\u0007\u001b]{0,512}(?:\u0007|\u001b\\)|[@-Z\\^_])/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the point is to find them
const CONTROLS = /[\u0000-\u001f\u007f-\u009f]/g;
/** Bidirectional controls, zero-width and invisible characters, tags, variation selectors, line separators, private use. */
const INVISIBLE = /[\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/gu;
/** More than two marks on one letter hide their neighbours. */
const STACKED = /(\p{M}{2})\p{M}+/gu;

/** What stands for a character that cannot be seen or that steers a terminal or a reader. */
const HIDDEN = "\u2423";

/** One line of visible characters; line breaks as ⏎, tabs as spaces, everything hidden as ␣. */
export const inert = (text: string): string =>
  text
    .toWellFormed()
    .replace(ANSI, HIDDEN)
    .replace(/\r\n|\r|\n|\u2028|\u2029/g, " ⏎ ")
    .replace(/\t/g, " ")
    .replace(CONTROLS, HIDDEN)
    .replace(INVISIBLE, HIDDEN)
    .replace(STACKED, "$1");

/** As a program reads it that passes over what cannot be seen. */
export const bare = (text: string): string => text.toWellFormed().replace(ANSI, "").replace(UNSEEN, "");
const UNSEEN = /(?![\t\n\r\u2028\u2029])[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/gu;

/**
 * Inert and without secrets, also where what cannot be seen takes their names apart: then the text is shown without it, behind one mark of it.
 * `read`: as for `redact`.
 */
export function clean(text: string, read?: number): string {
  const shown = redact(inert(redact(text, read)), read).trim();
  const start = text.slice(0, READ);
  const whole = bare(start);
  if (whole === start) return shown;
  const seen = inert(redact(whole, read)).trim();
  return redact(whole) === whole || seen === shown.replaceAll(HIDDEN, "") ? shown : `${HIDDEN} ${seen}`;
}
/** No text is read further (`redact`). */
const READ = 8_192;

/** At most `max` UTF-16 units, with a mark that says how much is missing; never half a character. */
export function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  const mark = ` […${text.length - max} more]`;
  if (max <= mark.length + 8)
    return text
      .slice(0, Math.max(max - 1, 0))
      .replace(/[\ud800-\udbff]$/, "")
      .concat(max > 0 ? "…" : "");
  return `${text.slice(0, max - mark.length).replace(/[\ud800-\udbff]$/, "")}${mark}`;
}

/** Link-like text that no mail or chat client turns into a link: hxxp://, and no mention. */
export const unlinked = (text: string): string =>
  text
    .replace(/\b(h)tt(ps?:)/gi, "$1xx$2")
    .replace(/:\/\//g, "[:]//")
    .replace(/\b(mailto|tel|javascript|data):/gi, "$1[:]")
    .replace(/\bwww\./gi, "www[.]")
    .replace(/@(?=channel|here|everyone|group)/gi, "＠");

/** `&`, `<` and `>` are all that mrkdwn treats as control characters (https://docs.slack.dev/messaging/formatting-message-text#escaping). */
export const escaped = (text: string): string => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

/** Printable ASCII only, one line: SNS subjects and commands. */
export const ascii = (text: string): string =>
  text
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .replace(/[\u2018\u2019]/g, "'")
    .replace(/[\u2013\u2014]/g, "-")
    .replace(/\u2026/g, "...")
    .replace(/[^\x20-\x7e]/g, "?");

/** An argument of a POSIX shell, quoted unless harmless; never more than one argument, never a secret. */
export const shellWord = (text: string): string => {
  const plain = clean(text);
  return /^[\w@%+=:,./-]+$/.test(plain) ? plain : `'${plain.replace(/'/g, `'\\''`)}'`;
};
