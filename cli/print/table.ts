import Table from "cli-table3";
import pc from "picocolors";
import { cut, inert } from "#shared/notify/text.ts";

/** A terminal obeys control characters, and turns text around for some: none goes out. */
export const plain = inert;

const MOST_CHARS = 60;
const NO_LINES = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
};
const NO_FRAME = { left: "", "left-mid": "", mid: "", "mid-mid": "", right: "", "right-mid": "", middle: "  " };

/** A cell: text of others, inert and cut, and our colour around it. */
export interface Cell {
  readonly text: string;
  readonly colour?: (text: string) => string;
}

export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const drawn = new Table({
    head: head.map((title) => pc.dim(title)),
    chars: { ...NO_LINES, ...NO_FRAME },
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  });
  drawn.push(...rows.map((row) => row.map(({ text, colour = (same) => same }) => colour(cut(plain(text), MOST_CHARS)))));
  return drawn
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}
