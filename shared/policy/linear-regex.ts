import { RE2JS, RE2JSException } from "re2js";

/**
 * Regular expressions in time linear in the text: alerts are written by attackers, and a backtracking engine would let them stop the
 * responder with one command line. The engine is RE2's (https://github.com/google/re2/wiki/Syntax), by re2js.
 */
export interface LinearRegex {
  test(text: string): boolean;
}

const MAX_LENGTH = 500;
/** Instructions of one compiled pattern: the bound on the work per character. */
const MAX_INSTRUCTIONS = 2_000;

/** What JavaScript reads otherwise than RE2 and people do write: refused, so that no policy means something else than its author thinks. */
const AMBIGUOUS: readonly (readonly [RegExp, string])[] = [
  [/\{,\d+\}/, '"{,n}" is ambiguous: write {0,n} for the repetition, \\{ for the character'],
  [/\[\^?\]/, 'a class that is empty or begins with "]" is ambiguous: write \\] or \\[ for the character'],
];

/** `source` in RE2's syntax with `flags` ("", "i", "s", "is"). Throws SyntaxError with the reason. */
export function linearRegex(source: string, flags: string): LinearRegex {
  if (source.length > MAX_LENGTH) throw new SyntaxError(`the pattern is longer than ${MAX_LENGTH} characters`);
  const bare = source.replaceAll(/\\./gs, "_");
  for (const [written, because] of AMBIGUOUS) {
    if (written.test(bare)) throw new SyntaxError(because);
  }
  const regex = compile(source, (flags.includes("i") ? RE2JS.CASE_INSENSITIVE : 0) | (flags.includes("s") ? RE2JS.DOTALL : 0));
  if (regex.programSize() > MAX_INSTRUCTIONS) throw new SyntaxError("the pattern is too large once its repetitions are written out");
  return { test: (text) => regex.test(text) };
}

function compile(source: string, flags: number): RE2JS {
  try {
    return RE2JS.compile(source, flags);
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    throw new SyntaxError(error.message.replace(/^error parsing regexp: /, ""));
  }
}
