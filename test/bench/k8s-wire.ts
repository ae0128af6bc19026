import { subscribe, unsubscribe } from "node:diagnostics_channel";

/** Requests to an API server as they leave this process, repetitions included. */
export interface Wire {
  /** By method and resource: "GET pods", "DELETE pods (rehearsed)". */
  readonly asked: ReadonlyMap<string, number>;
  /** Uids that stood in a DELETE that was meant, in order. */
  readonly deleted: readonly string[];
}

const CHANNEL = "undici:request:create";

/** https://github.com/nodejs/undici/blob/main/docs/docs/api/DiagnosticsChannel.md */
interface Created {
  readonly request: { readonly method: string; readonly path: string; readonly body: unknown };
}

/** What `work` asks of an API server over undici. */
export async function wiretapped(work: () => Promise<void>): Promise<Wire> {
  const asked = new Map<string, number>();
  const deleted: string[] = [];
  const onCreate = (message: unknown): void => {
    const { method, path, body } = (message as Created).request;
    const options = method === "DELETE" ? (JSON.parse(String(body)) as DeleteOptions) : {};
    const rehearsed = (options.dryRun ?? []).length > 0;
    if (method === "DELETE" && !rehearsed) deleted.push(options.preconditions?.uid ?? "");
    const what = `${method} ${resourceIn(path)}${rehearsed ? " (rehearsed)" : ""}`;
    asked.set(what, (asked.get(what) ?? 0) + 1);
  };
  subscribe(CHANNEL, onCreate);
  try {
    await work();
  } finally {
    unsubscribe(CHANNEL, onCreate);
  }
  return { asked, deleted };
}

interface DeleteOptions {
  readonly preconditions?: { readonly uid?: string };
  readonly dryRun?: readonly string[];
}

/** `/api/v1/namespaces/n/pods/p`, `/apis/apps/v1/namespaces/n/replicasets/r`, `/api/v1/pods?...` */
function resourceIn(path: string): string {
  const parts = path.replace(/\?.*$/, "").split("/").slice(1);
  const rest = parts.slice(parts[0] === "api" ? 2 : 3);
  const [resource = "", , sub] = rest[0] === "namespaces" && rest.length > 2 ? rest.slice(2) : rest;
  return sub === undefined ? resource : `${resource}/${sub}`;
}
