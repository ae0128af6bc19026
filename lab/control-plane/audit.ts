import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A write that somebody asked the API server for, as the server itself noted it. */
export interface Audited {
  readonly user: string;
  /** create, update, patch, delete, deletecollection */
  readonly verb: string;
  /** `pods`, `pods/eviction` */
  readonly resource: string;
  readonly namespace: string | null;
  readonly name: string | null;
  /** Precondition of a delete or an eviction; null: it had none. */
  readonly uid: string | null;
  /** Nothing was stored. */
  readonly dryRun: boolean;
  /** HTTP. */
  readonly status: number;
}

/**
 * Every write of everybody but the lab's own admin, who is also the controllers and KWOK, once it is answered.
 * https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/
 */
const POLICY = {
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived", "ResponseStarted"],
  rules: [
    { level: "None", users: ["lab-admin", "system:apiserver"] },
    { level: "Request", verbs: ["create", "update", "patch", "delete", "deletecollection"] },
    { level: "None" },
  ],
};

export const auditFile = (files: string): string => join(files, "audit.jsonl");

export function auditArgs(files: string): string[] {
  const policy = join(files, "audit-policy.json");
  writeFileSync(policy, JSON.stringify(POLICY));
  return [`--audit-policy-file=${policy}`, `--audit-log-path=${auditFile(files)}`, "--audit-log-mode=blocking"];
}

/** All writes so far, in the order in which they were answered. A line that is being written is left out. */
export function readAudit(file: string): readonly Audited[] {
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : [];
  return lines.map((line) => audited(JSON.parse(line) as Event));
}

/** https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/#audit-k8s-io-v1-Event */
interface Event {
  readonly verb: string;
  readonly requestURI: string;
  readonly user?: { readonly username?: string };
  readonly objectRef?: { readonly resource?: string; readonly subresource?: string; readonly namespace?: string; readonly name?: string };
  readonly responseStatus?: { readonly code?: number };
  readonly requestObject?: Options & { readonly deleteOptions?: Options };
}
interface Options {
  readonly dryRun?: readonly string[];
  readonly preconditions?: { readonly uid?: string };
}

function audited({ verb, requestURI, user, objectRef = {}, responseStatus, requestObject }: Event): Audited {
  const { resource = "", subresource, namespace = null, name = null } = objectRef;
  const { preconditions, dryRun = [] } = requestObject?.deleteOptions ?? requestObject ?? {};
  return {
    user: user?.username ?? "",
    verb,
    resource: subresource === undefined ? resource : `${resource}/${subresource}`,
    namespace,
    name,
    uid: preconditions?.uid ?? null,
    dryRun: dryRun.length > 0 || new URL(requestURI, "https://server").searchParams.has("dryRun"),
    status: responseStatus?.code ?? 0,
  };
}
