/** The functions of serverless.yml, in its order. */
export const FUNCTIONS = ["ingest", "respond-ecs", "respond-kubernetes", "respond-wide", "notify", "sweep", "operate", "audit"] as const;
export type FunctionKey = (typeof FUNCTIONS)[number];

/** Value of an intrinsic function or a literal, as it stands in a CloudFormation template. */
export type Value = string | number | boolean | readonly Value[] | { readonly [key: string]: Value };
export interface Resource {
  readonly Type: string;
  readonly DependsOn?: readonly string[];
  readonly Condition?: string;
  readonly DeletionPolicy?: "Retain";
  readonly UpdateReplacePolicy?: "Retain";
  readonly Properties: { readonly [key: string]: Value };
}
export type Resources = Readonly<Record<string, Resource>>;

export const sub = (text: string): Value => ({ "Fn::Sub": text });
export const ref = (id: string): Value => ({ Ref: id });
export const att = (id: string, name: string): Value => ({ "Fn::GetAtt": [id, name] });

/** `respond-ecs` to `RespondEcs`: the stem of our own logical ids. */
export const stem = (key: FunctionKey): string => key.replace(/(?:^|-)(.)/g, (_all, letter: string) => letter.toUpperCase());
/** The logical id that osls gives the function: a hyphen becomes "Dash". */
export const functionId = (key: FunctionKey): string =>
  `${key.charAt(0).toUpperCase()}${key.slice(1).replaceAll("-", "Dash")}LambdaFunction`;
export const roleId = (key: FunctionKey): string => `${stem(key)}Role`;
export const logGroupId = (key: FunctionKey): string => `${stem(key)}Logs`;
/** Physical name, part of own log group names: such a group can never be a source. */
export const functionName = (key: FunctionKey): Value => sub(`\${AWS::StackName}-${key}`);

/** ARN in this deployment's account and region. */
export const arn = (service: string, resource: string): Value =>
  sub(`arn:\${AWS::Partition}:${service}:\${AWS::Region}:\${AWS::AccountId}:${resource}`);
