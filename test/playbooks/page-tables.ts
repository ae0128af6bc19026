/** Tables of the pages for people, which tests hold against the code. */

export type Row = Readonly<Record<string, string>>;

/** The table whose second column has this name, by its column names. */
export function tableOf(document: string, second: string): readonly Row[] {
  const lines = document.split("\n");
  const start = lines.findIndex((line) => line.startsWith(`| action | ${second} |`));
  const cells = (line = ""): readonly string[] =>
    line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim());
  const names = cells(lines[start]);
  const length = lines.slice(start).findIndex((line) => !line.startsWith("|"));
  return lines.slice(start + 2, start + length).map((line) => Object.fromEntries(cells(line).map((cell, n) => [names[n] ?? "", cell])));
}

/** What stands in backquotes. */
export const namesIn = (cell = ""): readonly string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name);
