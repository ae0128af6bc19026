import { spawnSync } from "node:child_process";
import { join } from "node:path";
import type { Resource, Value } from "../../infra/functions.ts";
import { emulatorVenv } from "../../lab/emulator/venv.ts";

export interface Linted {
  /** Statements that were looked at. */
  readonly checked: number;
  readonly findings: readonly { readonly policy: string; readonly issue: string; readonly detail: string }[];
}

export type Policies = Readonly<Record<string, { readonly Statement: readonly unknown[] }>>;

/** What parliament says of the policies, by name. Throws when it looked at nothing, or not at all of them. */
export async function lintPolicies(policies: Policies): Promise<Linted> {
  const given = Object.values(policies).reduce((sum, { Statement }) => sum + Statement.length, 0);
  const python = join(await emulatorVenv(), "python");
  const { status, stdout, stderr } = spawnSync(python, [join(import.meta.dirname, "iam_lint.py")], {
    encoding: "utf8",
    input: JSON.stringify(policies),
    maxBuffer: 16 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(`parliament ended with ${status}:\n${stderr}`);
  const linted = JSON.parse(stdout) as Linted;
  if (linted.checked === 0 || linted.checked !== given) throw new Error(`parliament looked at ${linted.checked} of ${given} statements`);
  return linted;
}

/** Lambda puts it into what a function's code asks of any service: https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html */
const BY_ITS_CODE = ["AssignPrivateIpAddresses", "CreateNetworkInterface", "DeleteNetworkInterface", "UnassignPrivateIpAddresses"].map(
  (action) => [
    `UNKNOWN_CONDITION_FOR_ACTION Unknown condition lambda:SourceFunctionArn for action ec2:${action}`,
    "the key is Lambda's, and holds for every service that the function's code asks",
  ],
);

/** What parliament says and is wrong about, or what cannot be narrower. */
export const REASONED: Readonly<Record<string, string>> = {
  ...Object.fromEntries(BY_ITS_CODE),
  "RESOURCE_STAR ['ecs:ListTasks']": "listed by service it is authorised on *; ecs:cluster narrows it",
  "RESOURCE_MISMATCH [{'action': 'dynamodb:ListStreams', 'required_format': '*'}]":
    "Lambda's own example grants it on the table's streams: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.Lambda.Tutorial.html",
};

export const unreasoned = ({ findings }: Linted): readonly string[] =>
  findings.filter(({ issue, detail }) => REASONED[`${issue} ${detail}`] === undefined).map((finding) => Object.values(finding).join(" "));

/** What cfn-lint says of a template, warnings too: W3037 knows every action of IAM, I3510 what resources it takes. Empty: nothing. */
export async function lintTemplate(file: string): Promise<string> {
  const python = join(await emulatorVenv(), "python");
  const main = "import cfnlint.runner, sys; sys.exit(cfnlint.runner.main())";
  // W3005: osls repeats in DependsOn what a GetAtt says already.
  const options = ["--include-checks", "I3510", "--ignore-checks", "W3005", "--regions", "eu-central-1"];
  const { status, stdout, stderr } = spawnSync(python, ["-c", main, "--non-zero-exit-code", "informational", ...options, "--", file], {
    encoding: "utf8",
  });
  if (stderr !== "" || (status === 0) !== (stdout.trim() === "")) throw new Error(`cfn-lint ended with ${status}:\n${stderr}${stdout}`);
  return stdout.trim();
}

const ACCOUNT = "111122223333";
const REGION = "eu-central-1";
const PSEUDO: Readonly<Record<string, string>> = {
  "AWS::AccountId": ACCOUNT,
  "AWS::Partition": "aws",
  "AWS::Region": REGION,
  "AWS::StackName": "falco-responder-prod",
};

/** ARNs of our own resources by what CloudFormation calls them. */
const ARNS: Readonly<Record<string, (id: string) => string>> = {
  "AWS::DynamoDB::Table": (id) => `arn:aws:dynamodb:${REGION}:${ACCOUNT}:table/${id}`,
  "AWS::IAM::Role": (id) => `arn:aws:iam::${ACCOUNT}:role/${id}`,
  "AWS::KMS::Key": (id) => `arn:aws:kms:${REGION}:${ACCOUNT}:key/${id}`,
  "AWS::S3::Bucket": (id) => `arn:aws:s3:::${id.toLowerCase()}`,
  "AWS::SNS::Topic": (id) => `arn:aws:sns:${REGION}:${ACCOUNT}:${id}`,
  "AWS::SQS::Queue": (id) => `arn:aws:sqs:${REGION}:${ACCOUNT}:${id}`,
};

/** The policies of every role, as IAM would see them: intrinsic functions are what they give. Throws on one that it does not know. */
export function policiesOf(resources: Readonly<Record<string, Resource>>): Policies {
  const attribute = (id: string, name: string): string => {
    const arn = ARNS[resources[id]?.Type ?? ""]?.(id);
    if (arn === undefined || !["Arn", "StreamArn"].includes(name)) throw new Error(`what is ${id}.${name}?`);
    return name === "Arn" ? arn : `${arn}/stream/2026-01-01T00`;
  };
  const substituted = (text: string): string =>
    text.replaceAll(/\$\{([^}]+)\}/g, (_all, name: string) => PSEUDO[name] ?? attribute(...(name.split(".") as [string, string])));
  const plain = (value: Value): unknown => {
    if (Array.isArray(value)) return value.map(plain);
    if (typeof value !== "object") return value;
    const keyed = value as { readonly [key: string]: Value };
    if (keyed["Fn::Sub"] !== undefined) return substituted(String(keyed["Fn::Sub"]));
    if (keyed["Fn::GetAtt"] !== undefined) return attribute(...(keyed["Fn::GetAtt"] as readonly [string, string]));
    if (keyed["Ref"] !== undefined) return PSEUDO[String(keyed["Ref"])] ?? attribute(String(keyed["Ref"]), "Arn");
    return Object.fromEntries(Object.entries(keyed).map(([key, inner]) => [key, plain(inner)]));
  };
  const roles = Object.entries(resources).filter(([, { Type }]) => Type === "AWS::IAM::Role");
  return Object.fromEntries(
    roles.flatMap(([id, { Properties }]) => {
      const policies = (Properties["Policies"] ?? []) as readonly { readonly PolicyDocument: Value }[];
      return policies.map(({ PolicyDocument }, at) => [`${id} ${at}`, plain(PolicyDocument) as Policies[string]]);
    }),
  );
}
