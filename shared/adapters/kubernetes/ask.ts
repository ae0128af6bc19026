/** One request. `verb` and `resource` are RBAC's. */
export interface Ask {
  readonly verb: "get" | "list" | "create" | "patch" | "delete";
  readonly resource: string;
  readonly path: string;
  readonly body?: unknown;
  /** A 5xx stands: what cannot be had now is not waited for. */
  readonly once?: true;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly retryAfterMs: number | null;
}
