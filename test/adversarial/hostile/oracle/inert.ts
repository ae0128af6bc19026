/**
 * What may come out, written down a second time and in another way than the product does it: by code points, not by the product's expressions.
 * Each gives what is wrong, or null.
 */

/** Of others' text wherever people read it: one line of characters that can be seen. */
export function unseen(text: string): string | null {
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    const hex = `U+${code.toString(16).padStart(4, "0")}`;
    if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) return `the control character ${hex}`;
    if (code >= 0xd800 && code <= 0xdfff) return `half a character, ${hex}`;
    if (code === 0x2028 || code === 0x2029) return `the line break ${hex}`;
    if (isHidden(code)) return `${hex}, which nobody sees`;
  }
  return null;
}

const HIDDEN: readonly (readonly [number, number])[] = [
  [0xad, 0xad],
  [0x61c, 0x61c],
  [0x115f, 0x1160],
  [0x180b, 0x180f],
  [0x200b, 0x200f],
  [0x202a, 0x202e],
  [0x2060, 0x206f],
  [0x3164, 0x3164],
  [0xe000, 0xf8ff],
  [0xfe00, 0xfe0f],
  [0xfeff, 0xfeff],
  [0xffa0, 0xffa0],
  [0xfff9, 0xfffb],
  [0xe0000, 0xe0fff],
  [0xf0000, 0x10ffff],
];

const isHidden = (code: number): boolean => HIDDEN.some(([from, to]) => code >= from && code <= to);

/** In mail: nothing that a client makes a link of. */
export function linkable(text: string): string | null {
  const lower = text.toLowerCase();
  const found = ["http:", "https:", "www.", "mailto:", "javascript:", "data:", "tel:"].find((scheme) => lower.includes(scheme));
  if (found !== undefined) return `a link, "${found}"`;
  return /(?<!\[:\])(?<=:)\/\//.test(text) ? 'a link, "://"' : null;
}

/** In Slack outside a code span: nothing that is markup, a link or a mention. */
export function active(text: string): string | null {
  const mark = [..."<>`*_~"].find((character) => text.includes(character));
  if (mark !== undefined) return `the mark ${mark}`;
  const call = ["@channel", "@here", "@everyone"].find((word) => text.includes(word));
  return call === undefined ? linkable(text) : `the call ${call}`;
}
