import { hashOfValue } from "#shared/audit/canonical.ts";
import { cleaned } from "#shared/audit/clean.ts";
import type { Alert } from "#shared/domain/alert.ts";
import type { Workload } from "#shared/domain/workload.ts";
import type { ClaimBody } from "#shared/ledger/claim.ts";
import type { AlertBody, TargetBody } from "#shared/ledger/incident.ts";

/**
 * What of a body is kept for years under a lock that nobody opens (docs/adr/0013). Of an alert: which rule, where and when, by which process
 * of which container, and the hash of all the rest; no command line, no arguments, no environment, no user's name, no output.
 */
const FACTS: Readonly<Record<string, (body: object) => unknown>> = {
  alert: (body) => alertFacts(body as AlertBody),
  target: (body) => targetFacts(body as TargetBody),
  claim: (body) => claimFacts(body as ClaimBody<{ readonly params?: unknown; readonly workload?: Workload }>),
};

export const factsOf = (type: string, body: object): unknown => cleaned(FACTS[type]?.(body) ?? body);

/** Say what happened to what, and hold no text that people typed. Numbers and ids of processes join the record with the evidence. */
const KEPT_FIELDS: readonly RegExp[] = [
  /^evt\.(?:num|time|type|res|rawres|dir|source)$/,
  /^proc\.(?:name|pname|pid|ppid|vpid|pvpid|sid|tty|exepath|pexepath|is_exe_upper_layer|is_exe_from_memfd)$/,
  /^proc\.(?:aname|apid|aexepath)(?:\[\d{1,2}\])?$/,
  /^user\.uid$|^user\.loginuid$|^group\.gid$/,
  /^container\.(?:id|full_id|name|type|privileged|image(?:\.[a-z_]{1,20})?)$/,
  /^k8s\.(?:ns|pod|rc|deployment)\.(?:name|id|uid)$/,
  /^ka\.(?:verb|target\.(?:resource|name|namespace)|response\.code|resp\.name)$/,
  /^static\.[\w.-]{1,40}$/,
];

const alertFacts = ({ alert, ...rest }: AlertBody): unknown => ({
  alert: { ...shortened(alert), whole: { sha256: hashOfValue(alert) } },
  ...rest,
});

function shortened({ output: _output, fields, ...rest }: Alert): object {
  const kept = Object.entries(fields).filter(([name]) => KEPT_FIELDS.some((pattern) => pattern.test(name)));
  return { ...rest, fields: Object.fromEntries(kept), fieldsLeftOut: Object.keys(fields).length - kept.length };
}

const targetFacts = ({ workload, how }: TargetBody): unknown => ({ how, workload: withoutAnnotations(workload) });

/** Annotations are free text of whoever deploys, whole manifests among them. */
function withoutAnnotations(workload: Workload): object {
  if (workload.kind === "task") return workload;
  const { annotations: _annotations, ...rest } = workload;
  return rest;
}

/** The workload has a record of its own; of the plan stays what the policy said, and the hash of all of it. */
function claimFacts({ plan, ...rest }: ClaimBody<{ readonly params?: unknown; readonly workload?: Workload }>): unknown {
  return { ...rest, plan: { params: plan.params ?? null, sha256: hashOfValue(plan) } };
}
