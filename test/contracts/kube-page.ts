import type { Seen } from "./kube-try.ts";

const TABLE = /(<!-- filled by test\/contracts\/kubernetes-actions\.test\.ts: (\w+) -->\n)([\s\S]*?)(<!-- end -->)/g;

interface Row {
  readonly title: string;
  readonly cells: readonly Seen[];
}

/** Names and uids of one run: no page shows them. */
const ONE_RUN: readonly (readonly [RegExp, string])[] = [
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}/g, "<uid>"],
  [/\btable-\d+(-[0-9a-z]+)*/g, "<name>"],
];

/** Cells, and below them why what refuses does so: each reason once. */
export function tableOf(first: string, columns: readonly string[], rows: readonly Row[]): string {
  const reasons: string[] = [];
  const cellOf = ({ cell, because }: Seen): string => {
    if (because === null) return cell;
    const said = ONE_RUN.reduce((text, [pattern, to]) => text.replaceAll(pattern, to), because.replaceAll("|", "/"));
    if (!reasons.includes(said)) reasons.push(said);
    return `${cell} (${reasons.indexOf(said) + 1})`;
  };
  const shown = rows.map(({ title, cells }) => `| ${title} | ${cells.map(cellOf).join(" | ")} |`);
  return [
    `| ${[first, ...columns].join(" | ")} |`,
    `|${"---|".repeat(columns.length + 1)}`,
    ...shown,
    "",
    ...reasons.map((reason, n) => `${n + 1}. ${reason}`),
  ].join("\n");
}

/** The page with its tables as they were seen. A table that was not asked for stays. */
export const filled = (page: string, tables: Readonly<Record<string, string>>): string =>
  page.replaceAll(TABLE, (whole, start: string, name: string, _old, end: string) => {
    const table = tables[name];
    return table === undefined ? whole : `${start}\n${table}\n\n${end}`;
  });
