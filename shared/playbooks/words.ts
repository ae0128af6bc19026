/** "2026-03-01T12:00:00Z": a time for people, in whole seconds of UTC. */
export const at = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

/** "1 task", "3 tasks". */
export const many = (count: number, thing: string): string => `${count} ${thing}${count === 1 ? "" : "s"}`;

/** "web, api and 3 more": names of the user's own things, never a text of an alert. */
export function few(names: readonly string[], most = 5): string {
  const shown = names.slice(0, most).join(", ");
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}

export const lastPart = (arn: string): string => arn.slice(arn.lastIndexOf("/") + 1);
