import { hash } from "node:crypto";
import { PipelineError } from "#shared/domain/error.ts";
import type { Archive } from "#shared/ports/archive.ts";

/** A bucket in memory; what stands there is never overwritten. */
export class FakeArchive implements Archive {
  readonly objects = new Map<string, string>();
  puts = 0;
  /** The next puts fail. */
  failures = 0;

  put(key: string, body: string, _contentType: string, signal: AbortSignal): Promise<{ readonly sha256: string }> {
    signal.throwIfAborted();
    if (this.failures > 0) {
      this.failures--;
      return Promise.reject(new PipelineError("aws_unreachable", "S3 does not answer"));
    }
    this.puts++;
    if (!this.objects.has(key)) this.objects.set(key, body);
    return Promise.resolve({ sha256: hash("sha256", body, "hex") });
  }
}
