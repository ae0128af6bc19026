import type { LogBatch } from "#shared/wire/cloudwatch.ts";

/** One event that could not be read, as it is kept: a line of JSON (infra/schemas/unreadable.json). */
export interface Kept {
  readonly eventId: string | null;
  readonly timestamp: number | null;
  readonly because: string;
  readonly remedy: string | null;
  readonly raw: string;
}

/** One object per batch. The key and the body follow from the batch alone, so a repeated delivery is the same object. */
export function keptObject(batch: LogBatch, id: string, kept: readonly Kept[]): { readonly key: string; readonly body: string } {
  const { account, logGroup, logStream } = batch;
  const where = { schema: "falco-responder/unreadable/1", account, logGroup, logStream };
  const lines = kept.map((event) => `${JSON.stringify({ ...where, ...event })}\n`);
  return { key: `unreadable/${day(kept)}/${id}.jsonl`, body: lines.join("") };
}

/** The invocation as it came, when not even its document could be decoded. */
export function keptInvocation(raw: string, id: string, because: string): { readonly key: string; readonly body: string } {
  return {
    key: `unreadable/undecoded/${id}.jsonl`,
    body: `${JSON.stringify({ schema: "falco-responder/unreadable/1", account: null, logGroup: null, logStream: null, eventId: null, timestamp: null, because, remedy: null, raw })}\n`,
  };
}

/** `2026/11/23` of the first event with a time that is a date: the clock would make a repeated delivery another object. */
function day(kept: readonly Kept[]): string {
  const first = kept.find(({ timestamp }) => timestamp !== null && timestamp >= 0 && timestamp < 4_102_444_800_000)?.timestamp;
  return first === undefined || first === null ? "no-time" : new Date(first).toISOString().slice(0, 10).replaceAll("-", "/");
}
