/** One request. `verb` and `resource` are RBAC's. */
export interface Ask {
  readonly verb: "get" | "list" | "create" | "patch" | "delete";
  readonly resource: string;
  readonly path: string;
  readonly body?: unknown;
  /** A server's failure is its answer: not asked again. */
  readonly once?: true;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly retryAfterMs: number | null;
}
