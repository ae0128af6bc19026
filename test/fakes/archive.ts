import { hash } from "node:crypto";
import { PipelineError } from "#shared/domain/error.ts";
import type { Archive, ArchiveReader } from "#shared/ports/archive.ts";

/** A bucket in memory; what stands there is never overwritten. */
export class FakeArchive implements Archive, ArchiveReader {
  readonly objects = new Map<string, string>();
  readonly #bytes = new Map<string, Uint8Array>();
  puts = 0;
  /** The next puts fail. */
  failures = 0;

  put(key: string, body: string | Uint8Array, _contentType: string, signal: AbortSignal): Promise<{ readonly sha256: string }> {
    signal.throwIfAborted();
    if (this.failures > 0) {
      this.failures--;
      return Promise.reject(new PipelineError("aws_unreachable", "S3 does not answer"));
    }
    this.puts++;
    if (!this.objects.has(key)) {
      this.objects.set(key, typeof body === "string" ? body : `(${body.length} bytes)`);
      this.#bytes.set(key, Buffer.from(body));
    }
    return Promise.resolve({ sha256: hash("sha256", body, "hex") });
  }

  get(key: string): Promise<Uint8Array | null> {
    return Promise.resolve(this.#bytes.get(key) ?? null);
  }

  /** The test's own hand: what S3 under its lock would not let anybody do. */
  forge(key: string, body: string | Uint8Array | null): void {
    if (body === null) this.#bytes.delete(key);
    else this.#bytes.set(key, Buffer.from(body));
  }
}
