import { linearRegex } from "#shared/policy/linear-regex.ts";

export type TextTest = (text: string) => boolean;

/** `/source/flags` as it stands in a policy; null when it is not written so. */
export function readRegex(pattern: string): { readonly source: string; readonly flags: string } | null {
  const found = /^\/(.+)\/([a-z]*)$/s.exec(pattern);
  return found?.[1] === undefined ? null : { source: found[1], flags: found[2] ?? "" };
}

/** `/regex/` or `/regex/i`. Throws SyntaxError. */
export function regexTest(pattern: string): TextTest {
  const regex = readRegex(pattern);
  if (regex === null) throw new SyntaxError("a regular expression is written between slashes: /.../");
  if (!/^i?s?$|^si$/.test(regex.flags)) throw new SyntaxError(`the flags "${regex.flags}" are not known (known: i, s)`);
  const { test } = linearRegex(regex.source, regex.flags);
  return test;
}

/** `*` stands for any text, `?` for one character, `\` takes the next as it is. The whole text must fit. Linear: every piece is looked for once. */
export function globTest(glob: string): TextTest {
  const pieces = globPieces(glob);
  const first = pieces[0] ?? [];
  const last = pieces.at(-1) ?? [];
  if (pieces.length === 1) return (text) => text.length === first.length && fits(first, text, 0);
  const middle = pieces.slice(1, -1);
  return (text) => {
    const end = text.length - last.length;
    if (end < first.length || !fits(first, text, 0) || !fits(last, text, end)) return false;
    let at = first.length;
    for (const piece of middle) {
      const found = find(piece, text, at, end);
      if (found < 0) return false;
      at = found + piece.length;
    }
    return true;
  };
}

/** A name, `glob:...` or `/.../`, as in `match.rule`. */
export function nameTest(pattern: string): TextTest {
  if (pattern.startsWith("glob:")) return globTest(pattern.slice(5));
  return readRegex(pattern) === null ? (text) => text === pattern : regexTest(pattern);
}

export const isPattern = (name: string): boolean => name.startsWith("glob:") || readRegex(name) !== null;

/** Between the stars; null is `?`. */
type Piece = readonly (string | null)[];

function globPieces(glob: string): Piece[] {
  const pieces: (string | null)[][] = [[]];
  for (let at = 0; at < glob.length; at++) {
    const char = glob.charAt(at);
    if (char === "*") pieces.push([]);
    else if (char === "\\" && at + 1 < glob.length) pieces.at(-1)?.push(glob.charAt(++at));
    else pieces.at(-1)?.push(char === "?" ? null : char);
  }
  return pieces;
}

function fits(piece: Piece, text: string, at: number): boolean {
  for (let n = 0; n < piece.length; n++) {
    if (piece[n] !== null && piece[n] !== text[at + n]) return false;
  }
  return true;
}

function find(piece: Piece, text: string, from: number, end: number): number {
  for (let at = from; at + piece.length <= end; at++) {
    if (fits(piece, text, at)) return at;
  }
  return -1;
}
