/** What is wrong in a user's file, where, and what to do about it. */
export interface Problem {
  readonly severity: "error" | "warning";
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
  /** As a person would write it: rules[2].match.priority. "" for the file as a whole. */
  readonly key: string;
  readonly message: string;
  readonly remedy: string | null;
}

/** One line: file:line:column key: message; remedy. */
export function formatProblem({ severity, file, line, column, key, message, remedy }: Problem): string {
  const where = key === "" ? "" : ` ${key}:`;
  return `${file}:${line}:${column}${where} ${severity === "warning" ? "warning: " : ""}${message}${remedy === null ? "" : `; ${remedy}`}`;
}

export const hasErrors = (problems: readonly Problem[]): boolean => problems.some(({ severity }) => severity === "error");

/** rules, 2, match becomes rules[2].match. */
export const keyText = (path: readonly (string | number)[]): string =>
  path.map((step, position) => (typeof step === "number" ? `[${step}]` : position === 0 ? step : `.${step}`)).join("");
