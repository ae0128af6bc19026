import type { Cluster } from "#shared/domain/registry.ts";
import type { On } from "#shared/playbooks/playbook.ts";
import { accessEntry, describeEks, entryId, GROUPS } from "./api-servers.ts";
import { clusterRights } from "./ecs-rights.ts";
import { type Resources, ref, type Value } from "./functions.ts";
import { rightsOfLane, rightsToLook } from "./needs.ts";
import type { DeployPlan } from "./plan.ts";
import { inline } from "./rights.ts";

export interface MemberTemplate {
  readonly AWSTemplateFormatVersion: "2010-09-09";
  readonly Description: string;
  readonly Parameters: { readonly [name: string]: Value };
  readonly Resources: Resources;
  readonly Outputs: { readonly [name: string]: Value };
}

/**
 * CloudFormation template of the role by which one cluster, and every other that names the same role, is reached. Its rights are those of the
 * lanes, as in a role of our own; EKS clusters get its access entry too. Without `wide` nothing there can isolate a machine or revoke a role's
 * sessions. Throws when the cluster is not reached by a role, or by one without an external id.
 */
export function memberTemplate({ registry }: Pick<DeployPlan, "registry">, name: string, wide: boolean): MemberTemplate {
  const cluster = registry.clusters.find((one) => one.name === name);
  if (cluster === undefined) throw new Error(`no cluster is called "${name}": ${registry.clusters.map((one) => one.name).join(", ")}`);
  if (cluster.roleArn === null) throw new Error(`${name} is reached without a role: there is nothing to make`);
  const { roleArn, externalId } = cluster;
  if (externalId === null) throw new Error(`${name} has a role and no externalId: whoever else may use our roles could use it too`);
  const sharing = registry.clusters.filter((one) => one.roleArn === roleArn);
  const strangers = sharing.filter((one) => one.externalId !== externalId);
  if (strangers.length > 0)
    throw new Error(`${[name, ...strangers.map((one) => one.name)].join(" and ")} name one role and different external ids`);
  const eks = sharing.filter(({ kind }) => kind === "eks");
  const regions = [...new Set(eks.map(({ region }) => region))];
  if (regions.length > 1)
    throw new Error(
      `${eks.map((one) => one.name).join(" and ")} name one role and lie in ${regions.join(" and ")}: an access entry is made in the Region of its cluster, so give each Region a role of its own`,
    );
  const trusted = [
    ...(sharing.some(({ kind }) => kind === "ecs") ? ["RespondEcsRoleArn", "RespondWideRoleArn"] : []),
    ...(sharing.some(({ kind }) => kind !== "ecs") ? ["RespondKubernetesRoleArn"] : []),
    "SweepRoleArn",
  ];
  const where = regions.map((region) => `; to be deployed in ${region}`).join("");
  return {
    AWSTemplateFormatVersion: "2010-09-09",
    Description: `Role by which falco-responder of account ${registry.account} reaches ${sharing.map((one) => one.awsName).join(", ")}${where}`,
    Parameters: {
      TrustedRoles: {
        Type: "CommaDelimitedList",
        Description: `Outputs ${trusted.join(", ")} of the deployment`,
        AllowedPattern: `arn:aws[a-z-]*:iam::${registry.account}:role/.+`,
        ConstraintDescription: `roles of account ${registry.account}`,
      },
    },
    Resources: {
      Responder: role(sharing, roleArn, externalId, wide),
      ...Object.fromEntries(
        eks.map(({ awsName }) => [
          entryId(awsName, "Responder"),
          accessEntry(awsName, { "Fn::GetAtt": ["Responder", "Arn"] }, GROUPS["respond-kubernetes"]),
        ]),
      ),
    },
    Outputs: { RoleArn: { Value: { "Fn::GetAtt": ["Responder", "Arn"] } } },
  };
}

/** What only the wide lane touches. */
const WIDE: readonly On[] = ["any-interface", "network-interface", "security-group", "task-role"];

function role(clusters: readonly Cluster[], roleArn: string, externalId: string, wide: boolean): Resources[string] {
  const path = roleArn.slice(roleArn.indexOf(":role/") + ":role".length);
  const rights = [...rightsOfLane("ecs"), ...rightsOfLane("wide"), ...rightsToLook].filter(({ on }) => wide || !WIDE.includes(on));
  // A function of the policy is invoked with the responder's own role.
  const ecs = clusters.filter(({ kind }) => kind === "ecs");
  const scope = {
    clusters: ecs,
    userFunctions: [],
    ownRoles: [`\${AWS::AccountId}:role${path}`, `\${AWS::AccountId}:role/falco-responder*`],
  };
  const statements = [...(ecs.length === 0 ? [] : clusterRights(rights, scope)), ...describeEks(clusters)];
  return {
    Type: "AWS::IAM::Role",
    Properties: {
      RoleName: path.slice(path.lastIndexOf("/") + 1),
      Path: path.slice(0, path.lastIndexOf("/") + 1),
      MaxSessionDuration: 3_600,
      AssumeRolePolicyDocument: {
        Version: "2012-10-17",
        Statement: [
          {
            Effect: "Allow",
            Principal: { AWS: ref("TrustedRoles") },
            Action: "sts:AssumeRole",
            Condition: { StringEquals: { "sts:ExternalId": externalId } },
          },
        ],
      },
      // aws-iam-authenticator wants to know who we are, and no right.
      ...(statements.length === 0
        ? {}
        : { Policies: [{ PolicyName: "falco-responder", PolicyDocument: inline(statements, `the role ${roleArn}`) }] }),
    },
  };
}
