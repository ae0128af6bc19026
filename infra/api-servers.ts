import { createHash } from "node:crypto";
import type { Cluster } from "#shared/domain/registry.ts";
import { arn, att, type FunctionKey, type Resources, roleId, sub, type Value } from "./functions.ts";
import type { DeployPlan, Vpc } from "./plan.ts";
import type { Statement } from "./rights.ts";

/** The functions that ask API servers, and the Kubernetes group of each: infra/rbac binds them. Sweep only looks. */
export const GROUPS = { "respond-kubernetes": "falco-responder", sweep: "falco-responder-observe" } as const;

export const asksApiServers = (key: FunctionKey): key is keyof typeof GROUPS => key in GROUPS;

/** Reached as an IAM role: that of the function, or `roleArn`. */
export const byIam = ({ kind, access }: Pick<Cluster, "kind" | "access">): boolean =>
  access === null ? kind !== "kubernetes" : access.by === "iam";

/** Of every way of access. */
export const accessSecrets = (clusters: readonly Cluster[]): readonly string[] =>
  clusters.flatMap(({ access }) => {
    switch (access?.by) {
      case "token":
        return [access.tokenSecret];
      case "certificate":
        return [access.certificateSecret];
      case "kubeconfig":
        return [access.kubeconfigSecret];
      default:
        return [];
    }
  });

/** Where an EKS cluster's API server is, is asked of EKS: only about those without an address of their own. */
export function describeEks(clusters: readonly Cluster[]): readonly Statement[] {
  const asked = clusters.filter(({ kind, access }) => kind === "eks" && access === null);
  if (asked.length === 0) return [];
  const Resource = [...new Set(asked.map(({ region, account, awsName }) => `${region}:${account}:cluster/${awsName}`))].toSorted();
  return [
    {
      Sid: "DescribeRegisteredEksClusters",
      Effect: "Allow",
      Action: ["eks:DescribeCluster"],
      Resource: Resource.map((one) => sub(`arn:\${AWS::Partition}:eks:${one}`)),
    },
  ];
}

/**
 * Gives a role a group in an EKS cluster. The principal is the role's ARN, never that of a session.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-eks-accessentry.html
 */
export const accessEntry = (cluster: string, principal: Value, group: string): Resources[string] => ({
  Type: "AWS::EKS::AccessEntry",
  Properties: { ClusterName: cluster, PrincipalArn: principal, Type: "STANDARD", KubernetesGroups: [group] },
});

/** Logical ids take letters and digits only. */
export const entryId = (cluster: string, whose: string): string =>
  `AccessEntry${whose}${createHash("sha256").update(cluster).digest("hex").slice(0, 8)}`;

/** Of the clusters that say `accessEntry: true`, for both roles. */
export const accessEntries = ({ accessEntries: clusters }: DeployPlan): Resources =>
  Object.fromEntries(
    clusters.flatMap((cluster) =>
      (["respond-kubernetes", "sweep"] as const).map((key) => [
        entryId(cluster, roleId(key)),
        accessEntry(cluster, att(roleId(key), "Arn"), GROUPS[key]),
      ]),
    ),
  );

export const vpcConfig = ({ subnetIds, securityGroupIds }: Vpc): Value => ({ SubnetIds: subnetIds, SecurityGroupIds: securityGroupIds });

const CREATE = "ec2:CreateNetworkInterface";
const KEEP = ["ec2:AssignPrivateIpAddresses", "ec2:DeleteNetworkInterface", "ec2:UnassignPrivateIpAddresses"];
const LOOK = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"];

/**
 * Lambda makes and removes the interfaces of a function in a VPC with the function's role. It asks before it knows their ids, so those stay
 * open; subnets and groups are the given ones, whoever shares them. The function's own code is denied all of it.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
 * https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html
 */
export function interfacesIn(vpc: Vpc, key: FunctionKey): readonly Statement[] {
  const shared = (kind: string) => (id: string) => sub(`arn:\${AWS::Partition}:ec2:\${AWS::Region}:*:${kind}/${id}`);
  const interfaces = arn("ec2", "network-interface/*");
  return [
    {
      Sid: "InterfacesInItsVpc",
      Effect: "Allow",
      Action: [CREATE],
      Resource: [interfaces, ...vpc.subnetIds.map(shared("subnet")), ...vpc.securityGroupIds.map(shared("security-group"))],
    },
    { Sid: "InterfacesOfLambda", Effect: "Allow", Action: KEEP, Resource: interfaces },
    {
      Sid: "DescribeInterfacesHasNoResources",
      Effect: "Allow",
      Action: LOOK,
      Resource: "*",
      Condition: { StringEquals: { "aws:RequestedRegion": [sub(`\${AWS::Region}`)] } },
    },
    {
      Sid: "NeverByItsOwnCode",
      Effect: "Deny",
      Action: [CREATE, ...KEEP],
      Resource: "*",
      Condition: { ArnEquals: { "lambda:SourceFunctionArn": arn("lambda", `function:\${AWS::StackName}-${key}`) } },
    },
  ];
}
