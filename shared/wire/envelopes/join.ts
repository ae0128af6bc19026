import type { Part } from "#shared/wire/envelopes/reading.ts";
import type { JsonObject } from "#shared/wire/record.ts";

/** A piece and the position of its event in the batch. */
export interface Placed {
  readonly part: Part;
  readonly at: number;
}

/** All pieces of one line, in order. */
export interface Joined {
  readonly pieces: readonly Placed[];
  readonly text: string;
  /** The first piece's. */
  readonly record: JsonObject | null;
}

/** Joins the pieces of split lines within one batch, which is one log stream. */
export class Joiner {
  readonly #arriving = new Map<string, Placed[]>();
  readonly #numbered = new Map<string, Placed[]>();
  readonly #loose: Placed[] = [];

  /** Whether earlier pieces of this line wait for more. */
  readonly open = (line: string): boolean => this.#arriving.has(line);

  /** Takes a piece. Returns the line when this piece completes one that comes in order. */
  add(part: Part, at: number): Joined | null {
    if (part.line === "") {
      this.#loose.push({ part, at });
      return null;
    }
    const lines = part.ordinal === null ? this.#arriving : this.#numbered;
    const pieces = lines.get(part.line) ?? [];
    pieces.push({ part, at });
    lines.set(part.line, pieces);
    if (part.ordinal !== null || !part.last) return null;
    this.#arriving.delete(part.line);
    return joined(pieces);
  }

  /** At the end of the batch: the numbered lines that are complete. What is left are orphans. */
  end(): readonly Joined[] {
    const lines: Joined[] = [];
    for (const pieces of this.#numbered.values()) {
      const inOrder = pieces.toSorted((a, b) => (a.part.ordinal ?? 0) - (b.part.ordinal ?? 0));
      if (complete(inOrder)) lines.push(joined(inOrder));
      else this.#loose.push(...inOrder);
    }
    for (const pieces of this.#arriving.values()) this.#loose.push(...pieces);
    this.#numbered.clear();
    this.#arriving.clear();
    return lines;
  }

  /** The pieces that belong to no line, in order of arrival. */
  orphans(): readonly Placed[] {
    return this.#loose.toSorted((a, b) => a.at - b.at);
  }
}

/** 1, 2, ... n, and only n is the last. A piece that came twice is a doubt. */
const complete = (pieces: readonly Placed[]): boolean =>
  pieces.every(({ part }, n) => part.ordinal === n + 1 && part.last === (n === pieces.length - 1));

const joined = (pieces: readonly Placed[]): Joined => ({
  pieces,
  text: pieces.map(({ part }) => part.text).join(""),
  record: pieces[0]?.part.record ?? null,
});
