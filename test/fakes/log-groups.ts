import { minuteOf } from "#shared/ledger/arrival.ts";
import type { ListedEvent, LogGroups, Page } from "#shared/ports/log-groups.ts";
import { Answers } from "./answers.ts";

/** Log groups in memory: what they took in, when, and in pages as small as a test wants. */
export class FakeLogGroups extends Answers<keyof LogGroups> implements LogGroups {
  readonly events: (ListedEvent & { readonly logGroup: string })[] = [];
  pageSize = 1_000;

  received(logGroup: string, fromMs: number, toMs: number): Promise<ReadonlyMap<number, number>> {
    return this.answer("received", () => {
      const minutes = new Map<number, number>();
      for (const one of this.events)
        if (one.logGroup === logGroup && one.ingestedMs >= fromMs && one.ingestedMs < toMs)
          minutes.set(minuteOf(one.ingestedMs), (minutes.get(minuteOf(one.ingestedMs)) ?? 0) + 1);
      return minutes;
    });
  }

  list(logGroup: string, fromMs: number, toMs: number, next: string | null): Promise<Page | null> {
    return this.answer("list", () => {
      const its = this.events
        .filter((one) => one.logGroup === logGroup && one.timestamp >= fromMs && one.timestamp < toMs)
        .toSorted((a, b) => a.timestamp - b.timestamp);
      const start = Number(next ?? 0);
      const end = start + this.pageSize;
      return { events: its.slice(start, end), next: end < its.length ? String(end) : null };
    });
  }
}
