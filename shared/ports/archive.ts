/** Kept whole, never overwritten: unreadable input in one bucket, evidence in another, the record of proof in a third. */
export interface Archive {
  /** Idempotent: the same key and body twice is one object. Returns the SHA-256 of the body, hex. */
  put(key: string, body: string | Uint8Array, contentType: string, signal: AbortSignal): Promise<{ readonly sha256: string }>;
}

/** Reads what was kept. */
export interface ArchiveReader {
  /** The bytes; null: there is no such object, or this function may not read it (S3 tells these apart only to whoever may list). */
  get(key: string, signal: AbortSignal): Promise<Uint8Array | null>;
}
