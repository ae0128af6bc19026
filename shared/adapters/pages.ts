import { PipelineError } from "#shared/domain/error.ts";

/** An instance or a service runs some hundred tasks, a machine has some dozen interfaces; a list that does not end is a fault. */
const PAGES_MAX = 50;

export interface Page<T> {
  readonly items: readonly T[] | undefined;
  readonly next: string | undefined;
}

/** Every page of a list, in order. `what` names the call, as for `askAws`. */
export async function everyPage<T>(what: string, ask: (token: string | undefined) => Promise<Page<T>>): Promise<readonly T[]> {
  const all: T[] = [];
  let token: string | undefined;
  for (let page = 0; page === 0 || token; page++) {
    if (page >= PAGES_MAX) throw new PipelineError("aws_rejected", `${what}: no end of pages`);
    const { items, next } = await ask(token);
    all.push(...(items ?? []));
    token = next;
  }
  return all;
}
