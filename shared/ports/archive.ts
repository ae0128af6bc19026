/** Kept whole, never overwritten: unreadable input in one bucket, evidence in another. */
export interface Archive {
  /** Idempotent: the same key and body twice is one object. Returns the SHA-256 of the body, hex. */
  put(key: string, body: string, contentType: string, signal: AbortSignal): Promise<{ readonly sha256: string }>;
}
