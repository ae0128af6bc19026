import { parseRegex, type RegexNode } from "#shared/policy/regex-syntax.ts";

/**
 * Regular expressions in time linear in the text: alerts are written by attackers, and a backtracking engine would let them stop the
 * responder with one command line. A Thompson machine simulated as by Pike (https://swtch.com/~rsc/regexp/regexp2.html); no backtracking.
 */
export interface LinearRegex {
  test(text: string): boolean;
}

/** Instructions of one machine: the bound on the work per character. */
const MAX_INSTRUCTIONS = 2_000;

const SET = 0;
const SPLIT = 1;
const JUMP = 2;
const ASSERT = 3;
const MATCH = 4;

interface Machine {
  readonly op: number[];
  /** SET: position in `sets`. SPLIT, JUMP: where to go. ASSERT: code of the character that names it. */
  readonly x: number[];
  readonly y: number[];
  readonly sets: ((code: number) => boolean)[];
}

/** `source` with `flags` ("", "i", "s", "is"): JavaScript's syntax and meaning without lookaround and back-references. Throws SyntaxError. */
export function linearRegex(source: string, flags: string): LinearRegex {
  const ignoreCase = flags.includes("i");
  const node = parseRegex(source, { ignoreCase, dotAll: flags.includes("s") });
  const machine: Machine = { op: [], x: [], y: [], sets: [] };
  emit(machine, node);
  push(machine, MATCH, 0, 0);
  const needed = ignoreCase ? "" : requiredText(node);
  return { test: (text) => (needed === "" || text.includes(needed)) && run(machine, text) };
}

function push(machine: Machine, op: number, x: number, y: number): number {
  if (machine.op.length >= MAX_INSTRUCTIONS) throw new SyntaxError("the pattern is too large once its repetitions are written out");
  machine.op.push(op);
  machine.x.push(x);
  machine.y.push(y);
  return machine.op.length - 1;
}

function emit(machine: Machine, node: RegexNode): void {
  switch (node.kind) {
    case "set":
      machine.sets.push(node.has);
      push(machine, SET, machine.sets.length - 1, 0);
      return;
    case "assert":
      push(machine, ASSERT, node.what.charCodeAt(0), 0);
      return;
    case "cat":
      for (const item of node.items) emit(machine, item);
      return;
    case "alt":
      emitAlternatives(machine, node.items);
      return;
    case "repeat":
      emitRepeat(machine, node);
  }
}

function emitAlternatives(machine: Machine, items: readonly RegexNode[]): void {
  const ends: number[] = [];
  items.forEach((item, position) => {
    if (position === items.length - 1) {
      emit(machine, item);
      return;
    }
    const split = push(machine, SPLIT, machine.op.length + 1, 0);
    emit(machine, item);
    ends.push(push(machine, JUMP, 0, 0));
    machine.y[split] = machine.op.length;
  });
  for (const end of ends) machine.x[end] = machine.op.length;
}

function emitRepeat(machine: Machine, { item, min, max }: RegexNode & { readonly kind: "repeat" }): void {
  for (let n = 0; n < min; n++) emit(machine, item);
  if (max === null) {
    const split = push(machine, SPLIT, machine.op.length + 1, 0);
    emit(machine, item);
    push(machine, JUMP, split, 0);
    machine.y[split] = machine.op.length;
    return;
  }
  const splits: number[] = [];
  for (let n = min; n < max; n++) {
    splits.push(push(machine, SPLIT, machine.op.length + 1, 0));
    emit(machine, item);
  }
  for (const split of splits) machine.y[split] = machine.op.length;
}

/** The longest text that every match contains, for a first look with `includes`. "" when there is none. */
function requiredText(node: RegexNode): string {
  const items = node.kind === "cat" ? node.items : [node];
  let best = "";
  let current = "";
  for (const item of items) {
    if (item.kind === "set" && item.literal !== null) current += item.literal;
    else if (item.kind !== "assert") current = "";
    if (current.length > best.length) best = current;
  }
  return best;
}

const isWord = (code: number): boolean =>
  (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || code === 95 || (code >= 97 && code <= 122);

/** Is the assertion (code of `^`, `$`, `b` or `B`) true between `at - 1` and `at`? */
function holds(assertion: number, text: string, at: number): boolean {
  if (assertion === 94) return at === 0;
  if (assertion === 36) return at === text.length;
  const boundary = (at > 0 && isWord(text.charCodeAt(at - 1))) !== (at < text.length && isWord(text.charCodeAt(at)));
  return assertion === 98 ? boundary : !boundary;
}

function run(machine: Machine, text: string): boolean {
  const size = machine.op.length;
  const seen = new Int32Array(size).fill(-1);
  let now: number[] = [];
  let next: number[] = [];
  for (let at = 0; ; at++) {
    if (follow(machine, 0, text, at, seen, now)) return true;
    if (at === text.length) return false;
    const code = text.charCodeAt(at);
    for (const pc of now) {
      if (machine.sets[machine.x[pc] ?? 0]?.(code) && follow(machine, pc + 1, text, at + 1, seen, next)) return true;
    }
    [now, next] = [next, now];
    next.length = 0;
  }
}

/** Adds to `list` every SET that is reached from `start` without reading; true when MATCH is. `seen` holds positions, which only grow. */
function follow(machine: Machine, start: number, text: string, at: number, seen: Int32Array, list: number[]): boolean {
  const stack = [start];
  for (let pc = stack.pop(); pc !== undefined; pc = stack.pop()) {
    if (seen[pc] === at) continue;
    seen[pc] = at;
    const op = machine.op[pc];
    if (op === MATCH) return true;
    if (op === SET) list.push(pc);
    else if (op === JUMP) stack.push(machine.x[pc] ?? 0);
    else if (op === SPLIT) stack.push(machine.y[pc] ?? 0, machine.x[pc] ?? 0);
    else if (holds(machine.x[pc] ?? 0, text, at)) stack.push(pc + 1);
  }
  return false;
}
