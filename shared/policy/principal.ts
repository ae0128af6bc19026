import { ASSUMED } from "#shared/domain/actor.ts";
import { globTest } from "#shared/policy/pattern.ts";

/**
 * Is it this principal? By the ARN of the request context. A pattern is an ARN of a role, a session of a role, a user, a federated user or the
 * root; `*` stands for any text between two slashes, never in account or partition.
 *
 * A session's ARN names its role without the role's path (arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION); names of roles are unique in an
 * account whatever their path (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html), so the name decides.
 */
export function principalTest(pattern: string): (arn: string) => boolean {
  const wanted = parsed(pattern);
  if (wanted === null) return () => false;
  const { partition, service, account, kind, steps } = wanted;
  if (service === "iam" && kind === "role") {
    const isName = globTest(steps.at(-1) ?? "");
    return (arn) => {
      const [, itsPartition, itsAccount, role] = ASSUMED.exec(arn) ?? [];
      return itsPartition === partition && itsAccount === account && role !== undefined && isName(role);
    };
  }
  const tests = steps.map(globTest);
  return (arn) => {
    const found = parsed(arn);
    return (
      found !== null &&
      found.partition === partition &&
      found.service === service &&
      found.account === account &&
      found.kind === kind &&
      found.steps.length === tests.length &&
      tests.every((test, position) => test(found.steps[position] ?? ""))
    );
  };
}

interface Principal {
  readonly partition: string;
  readonly service: string;
  readonly account: string;
  readonly kind: string;
  readonly steps: readonly string[];
}

function parsed(arn: string): Principal | null {
  const [, partition, service, account, resource] = /^arn:(aws[a-z-]*):(iam|sts)::(\d{12}):(.+)$/.exec(arn) ?? [];
  if (partition === undefined || service === undefined || account === undefined || resource === undefined) return null;
  const [kind = "", ...steps] = resource.split("/");
  return { partition, service, account, kind, steps };
}

const KINDS: Readonly<Record<string, readonly string[]>> = { iam: ["role", "user", "root"], sts: ["assumed-role", "federated-user"] };

/** What is wrong with a pattern, and what to write instead; null: nothing. Called when packaging. */
export function principalProblem(pattern: string): { readonly message: string; readonly remedy: string } | null {
  const wanted = parsed(pattern);
  const kinds = wanted === null ? undefined : KINDS[wanted.service];
  if (wanted === null || kinds === undefined || !kinds.includes(wanted.kind))
    return {
      message: "this is no ARN of an IAM principal",
      remedy:
        "write arn:aws:iam::<account>:role/<name>, arn:aws:iam::<account>:user/<name> or arn:aws:sts::<account>:assumed-role/<role>/<session>",
    };
  const { kind, steps } = wanted;
  const name = steps.at(-1) ?? "";
  const isTooShort = kind === "root" ? steps.length > 0 : kind === "assumed-role" ? steps.length !== 2 : steps.length === 0;
  if (isTooShort || steps.some((step) => step === ""))
    return { message: `the ARN of a ${kind} has not these parts`, remedy: "copy it from IAM, or from aws sts get-caller-identity" };
  const named = kind === "assumed-role" ? steps.slice(0, 1) : steps;
  if (kind !== "root" && named.every((step) => /^\*+$/.test(step)))
    return { message: "this is every principal of the account", remedy: "name whom you mean; * alone is no name" };
  // AWS leaves the path out: a pattern in a path would fit names of every path.
  if (kind === "role" && steps.length > 1 && /[*?\\]/.test(name))
    return {
      message: "a session's ARN does not tell the path of its role: this would fit roles of any path",
      remedy: `write the name without a path: role/${name}`,
    };
  if (/[?\\]/.test(pattern)) return { message: "only * is a pattern here", remedy: "write the name, or * for any text" };
  return null;
}

/** May one principal fit both? Each is tried as a text of the other, which finds all overlaps but those of two patterns with * at different places. */
export function overlap(a: string, b: string): boolean {
  return a === b || [[a, b] as const, [b, a] as const].some(([pattern, text]) => principalTest(pattern)(sample(text)));
}

/** A principal that fits the pattern. */
const sample = (pattern: string): string => {
  const [, partition, account, name] = /^arn:(aws[a-z-]*):iam::(\d{12}):role\/(?:.+\/)?([^/]+)$/.exec(pattern) ?? [];
  return name === undefined ? pattern : `arn:${partition}:sts::${account}:assumed-role/${name}/*`;
};
