/** The part of JavaScript's regular expressions that can be answered in linear time. */
export type RegexNode =
  | { readonly kind: "set"; readonly has: (code: number) => boolean; readonly literal: string | null }
  | { readonly kind: "cat" | "alt"; readonly items: readonly RegexNode[] }
  | { readonly kind: "repeat"; readonly item: RegexNode; readonly min: number; readonly max: number | null }
  | { readonly kind: "assert"; readonly what: "^" | "$" | "b" | "B" };

interface Options {
  readonly ignoreCase: boolean;
  readonly dotAll: boolean;
}

type Range = readonly [number, number];

const MAX_DEPTH = 30;
const MAX_REPEAT = 500;
const ANY: readonly Range[] = [[0, 0xffff]];
const LINE_ENDS: readonly Range[] = [
  [10, 10],
  [13, 13],
  [0x2028, 0x2029],
];
const SHORTHANDS: Readonly<Record<string, readonly Range[]>> = {
  d: [[48, 57]],
  w: [
    [48, 57],
    [65, 90],
    [95, 95],
    [97, 122],
  ],
  s: [
    [9, 13],
    [32, 32],
    [0xa0, 0xa0],
    [0x1680, 0x1680],
    [0x2000, 0x200a],
    [0x2028, 0x2029],
    [0x202f, 0x202f],
    [0x205f, 0x205f],
    [0x3000, 0x3000],
    [0xfeff, 0xfeff],
  ],
};
const CONTROLS: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13 };

/** Throws SyntaxError with the reason, also for what is valid JavaScript but cannot be answered in linear time. */
export function parseRegex(source: string, options: Options): RegexNode {
  const reader = new Reader(source, options);
  const node = reader.alternatives(0);
  if (!reader.done) throw new SyntaxError(`unmatched ")" at ${reader.at + 1}`);
  return node;
}

const within = (ranges: readonly Range[], code: number): boolean => ranges.some(([from, to]) => code >= from && code <= to);

function complement(ranges: readonly Range[]): readonly Range[] {
  const sorted = ranges.toSorted((a, b) => a[0] - b[0]);
  const rest: Range[] = [];
  let from = 0;
  for (const [start, end] of sorted) {
    if (start > from) rest.push([from, start - 1]);
    from = Math.max(from, end + 1);
  }
  if (from <= 0xffff) rest.push([from, 0xffff]);
  return rest;
}

const WITHIN_A_LINE = complement(LINE_ENDS);

const inALine = (code: number): boolean => code !== 10 && code !== 13 && code !== 0x2028 && code !== 0x2029;

class Reader {
  readonly #source: string;
  readonly #options: Options;
  at = 0;

  constructor(source: string, options: Options) {
    this.#source = source;
    this.#options = options;
  }

  get done(): boolean {
    return this.at >= this.#source.length;
  }

  alternatives(depth: number): RegexNode {
    if (depth > MAX_DEPTH) throw new SyntaxError("groups are nested too deeply");
    const items = [this.#sequence(depth)];
    while (this.#take("|")) items.push(this.#sequence(depth));
    return items.length === 1 && items[0] !== undefined ? items[0] : { kind: "alt", items };
  }

  #sequence(depth: number): RegexNode {
    const items: RegexNode[] = [];
    while (!this.done && this.#peek() !== "|" && this.#peek() !== ")") items.push(this.#quantified(this.#atom(depth)));
    return { kind: "cat", items };
  }

  #atom(depth: number): RegexNode {
    const char = this.#next();
    switch (char) {
      case "(":
        return this.#group(depth);
      case "[":
        return this.#class();
      case ".":
        return this.#set(this.#options.dotAll ? ANY : WITHIN_A_LINE, false, null);
      case "^":
      case "$":
        return { kind: "assert", what: char };
      case "\\":
        return this.#escape();
      case "*":
      case "+":
      case "?":
      case "{":
        throw new SyntaxError(`nothing to repeat before "${char}" at ${this.at}`);
      default:
        return this.#literal(char.charCodeAt(0));
    }
  }

  #group(depth: number): RegexNode {
    if (this.#take("?")) {
      if (!this.#take(":")) throw new SyntaxError("lookaround and named groups are not available: they cannot be matched in linear time");
    }
    const inner = this.alternatives(depth + 1);
    if (!this.#take(")")) throw new SyntaxError('a group is not closed: ")" is missing');
    return inner;
  }

  #escape(): RegexNode {
    if (this.#peek() === "b" || this.#peek() === "B") return { kind: "assert", what: this.#next() === "b" ? "b" : "B" };
    const { ranges, code } = this.#escaped();
    return code === null ? this.#set(ranges, false, null) : this.#literal(code);
  }

  /** What follows a backslash, inside or outside a class. */
  #escaped(): { readonly ranges: readonly Range[]; readonly code: number | null } {
    if (this.done) throw new SyntaxError("the pattern ends with a backslash");
    const char = this.#next();
    const shorthand = SHORTHANDS[char.toLowerCase()];
    if (shorthand !== undefined) return { ranges: char === char.toLowerCase() ? shorthand : complement(shorthand), code: null };
    const control = CONTROLS[char];
    if (control !== undefined) return { ranges: [], code: control };
    if (char === "x") return { ranges: [], code: this.#hex(2) };
    if (char === "u") return { ranges: [], code: this.#hex(4) };
    if (/[0-9]/.test(char)) throw new SyntaxError("back-references are not available: they cannot be matched in linear time");
    if (/[A-Za-z]/.test(char)) throw new SyntaxError(`"\\${char}" is not a known escape`);
    return { ranges: [], code: char.charCodeAt(0) };
  }

  #hex(digits: number): number {
    const text = this.#source.slice(this.at, this.at + digits);
    if (text.length !== digits || !/^[0-9a-f]+$/i.test(text))
      throw new SyntaxError(`${digits} hexadecimal digits are wanted at ${this.at + 1}`);
    this.at += digits;
    return Number.parseInt(text, 16);
  }

  #class(): RegexNode {
    const negated = this.#take("^");
    const ranges: Range[] = [];
    while (!this.#take("]")) {
      const from = this.#member();
      if (from.code !== null && this.#peek() === "-" && this.#source[this.at + 1] !== "]") {
        this.at++;
        const to = this.#member();
        if (to.code === null || to.code < from.code) throw new SyntaxError(`a range in a class is out of order at ${this.at}`);
        ranges.push([from.code, to.code]);
      } else if (from.code === null) ranges.push(...from.ranges);
      else ranges.push([from.code, from.code]);
    }
    if (ranges.length === 0) throw new SyntaxError("a class is empty");
    return this.#set(ranges, negated, null);
  }

  #member(): { readonly ranges: readonly Range[]; readonly code: number | null } {
    if (this.done) throw new SyntaxError('a class is not closed: "]" is missing');
    const char = this.#next();
    if (char !== "\\") return { ranges: [], code: char.charCodeAt(0) };
    if (this.#take("b")) return { ranges: [], code: 8 };
    return this.#escaped();
  }

  #quantified(item: RegexNode): RegexNode {
    const bounds = this.#bounds();
    if (bounds === null) return item;
    this.#take("?");
    if (item.kind === "assert") throw new SyntaxError("an anchor cannot be repeated");
    if (/^[*+?{]/.test(this.#peek())) throw new SyntaxError(`nothing to repeat before "${this.#peek()}" at ${this.at + 1}`);
    return { kind: "repeat", item, ...bounds };
  }

  #bounds(): { readonly min: number; readonly max: number | null } | null {
    if (this.#take("*")) return { min: 0, max: null };
    if (this.#take("+")) return { min: 1, max: null };
    if (this.#take("?")) return { min: 0, max: 1 };
    if (this.#peek() !== "{") return null;
    const found = /^\{(\d{1,4})(,(\d{0,4}))?\}/.exec(this.#source.slice(this.at, this.at + 16));
    if (found === null) throw new SyntaxError(`"{" does not begin a repetition at ${this.at + 1}: write \\{ for the character`);
    this.at += found[0].length;
    const min = Number(found[1]);
    const max = found[2] === undefined ? min : found[3] === "" ? null : Number(found[3]);
    if (Math.max(min, max ?? 0) > MAX_REPEAT) throw new SyntaxError(`more than ${MAX_REPEAT} repetitions`);
    if (max !== null && max < min) throw new SyntaxError("a repetition is out of order");
    return { min, max };
  }

  #literal(code: number): RegexNode {
    const literal = String.fromCharCode(code);
    if (this.#options.ignoreCase && literal.toLowerCase() !== literal.toUpperCase()) return this.#set([[code, code]], false, literal);
    return { kind: "set", has: (other) => other === code, literal };
  }

  #set(ranges: readonly Range[], negated: boolean, literal: string | null): RegexNode {
    if (ranges === ANY) return { kind: "set", has: () => true, literal };
    if (ranges === WITHIN_A_LINE) return { kind: "set", has: inALine, literal };
    const plain = (code: number): boolean => within(ranges, code);
    const folded = (code: number): boolean => {
      if (plain(code)) return true;
      const char = String.fromCharCode(code);
      return plain(char.toLowerCase().charCodeAt(0)) || plain(char.toUpperCase().charCodeAt(0));
    };
    const has = this.#options.ignoreCase ? folded : plain;
    const table = Uint8Array.from({ length: 128 }, (_, code) => (has(code) === negated ? 0 : 1));
    return { kind: "set", has: (code) => (code < 128 ? table[code] === 1 : has(code) !== negated), literal };
  }

  #peek(): string {
    return this.#source[this.at] ?? "";
  }

  #next(): string {
    return this.#source[this.at++] ?? "";
  }

  #take(char: string): boolean {
    if (this.#peek() !== char || this.done) return false;
    this.at++;
    return true;
  }
}
