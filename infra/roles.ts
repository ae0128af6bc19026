import type { Cluster, Registry } from "#shared/domain/registry.ts";
import type { Right } from "#shared/playbooks/playbook.ts";
import { accessSecrets, asksApiServers, byIam, describeEks, interfacesIn } from "./api-servers.ts";
import { clusterRights, ownEcs } from "./ecs-rights.ts";
import { att, deployed, type FunctionKey, type Resource, type Resources, roleId, stem, sub, type Value } from "./functions.ts";
import { rightsOfLane, rightsToLook } from "./needs.ts";
import type { DeployPlan } from "./plan.ts";
import {
  ASSUMES,
  assume,
  claimInLedger,
  count,
  countReceived,
  decideInLedger,
  failedTo,
  findDue,
  indexMissing,
  indexRecord,
  inline,
  keepDelivery,
  keepLedger,
  listEvents,
  listStreams,
  neverTheSwitch,
  ownLog,
  ownTopic,
  publish,
  put,
  putEvents,
  readIncidents,
  readKept,
  readSecrets,
  readStream,
  readSwitch,
  receive,
  type Statement,
  send,
  trace,
  useKey,
} from "./rights.ts";
import { switchName } from "./switch.ts";

/** One role per function: exactly what its work needs (docs/permissions.md says why for each right). */
export const roles = (plan: DeployPlan): Resources =>
  Object.fromEntries(
    deployed(plan).map((key) => [
      roleId(key),
      role(key, [ownLog(key), ...rights[key](plan), ...switched(key, plan), ...attached(key, plan)]),
    ]),
  );

/** By these people set the kill switch; all others that write the ledger are kept from it. */
const SETS_THE_SWITCH: readonly string[] = ["operate"];
const READS_THE_SWITCH: readonly string[] = ["respond-ecs", "respond-kubernetes", "respond-wide", "sweep", "operate"];

/** Under any key: whoever may write some kinds of items alone needs no denial. */
const putsItems = (key: FunctionKey, plan: DeployPlan): boolean =>
  rights[key](plan).some(
    ({ Action, Condition }) => Condition === undefined && Array.isArray(Action) && Action.includes("dynamodb:PutItem"),
  );

const switched = (key: FunctionKey, plan: DeployPlan): readonly Statement[] => [
  ...(READS_THE_SWITCH.includes(key) ? [readSwitch(switchName(plan))] : []),
  ...(!SETS_THE_SWITCH.includes(key) && putsItems(key, plan) ? [neverTheSwitch] : []),
];

/** What the service behind the function does with its role. */
const attached = (key: FunctionKey, { deploy }: DeployPlan): readonly Statement[] => [
  ...(deploy.vpc !== null && asksApiServers(key) ? interfacesIn(deploy.vpc, key) : []),
  ...(deploy.tracing ? [trace] : []),
];

/** Roles that others must name: in the trust policy of a role of another account, in an access entry of EKS, in mapRoles. */
export const roleOutputs = (plan: DeployPlan): Readonly<Record<string, Value>> =>
  Object.fromEntries(
    deployed(plan)
      .filter((key) => takesRoles(key, plan) || (asksApiServers(key) && isKnownByIam(plan)))
      .map((key) => [
        `${stem(key)}RoleArn`,
        { Description: `Role of ${key}, which others trust or let in`, Value: att(roleId(key), "Arn") },
      ]),
  );

const takesRoles = (key: FunctionKey, plan: DeployPlan): boolean => rights[key](plan).some(({ Sid }) => Sid === ASSUMES);
const isKnownByIam = ({ registry }: DeployPlan): boolean =>
  registry.clusters.some((cluster) => !isEcs(cluster) && byIam(cluster) && cluster.roleArn === null);

const rights: Readonly<Record<FunctionKey, (plan: DeployPlan) => readonly Statement[]>> = {
  ingest: () => [
    count,
    send("AlertsEcs", "AlertsKubernetes"),
    put("Unreadable"),
    failedTo("Unreadable"),
    useKey(["dynamodb", "sqs", "s3"]),
  ],

  // Hands over to the wide lane what only that may do.
  "respond-ecs": (plan) => [
    claimInLedger,
    receive("AlertsEcs"),
    send("AlertsEcsDead", "AlertsWide"),
    put("Evidence"),
    useKey(["dynamodb", "sqs", "s3"]),
    ...onClusters(rightsOfLane("ecs"), plan),
    ...assume(rolesOf(plan.registry.clusters.filter(isEcs))),
  ],

  "respond-kubernetes": (plan) => [
    claimInLedger,
    receive("AlertsKubernetes"),
    send("AlertsKubernetesDead"),
    put("Evidence"),
    useKey(["dynamodb", "sqs", "s3", "secretsmanager", "ssm"]),
    // Without a pod there is nobody to invoke a function about.
    ...(plan.registry.clusters.every(isEcs) ? [] : onClusters(rightsOfLane("kubernetes"), plan)),
    ...describeEks(ownRole(plan.registry.clusters)),
    ...readSecrets(accessSecrets(plan.registry.clusters)),
    ...assume(rolesOf(plan.registry.clusters.filter((cluster) => !isEcs(cluster)))),
  ],

  "respond-wide": (plan) => [
    claimInLedger,
    receive("AlertsWide"),
    send("AlertsWideDead"),
    put("Evidence"),
    useKey(["dynamodb", "sqs", "s3"]),
    ...onClusters(rightsOfLane("wide"), plan),
    ...assume(rolesOf(plan.registry.clusters.filter(isEcs))),
  ],

  notify: ({ registry }) => [
    keepLedger,
    readStream,
    listStreams,
    send("NotifyDead"),
    publish(topics(registry)),
    ...putEvents(buses(registry)),
    useKey(["dynamodb", "sqs", "sns", "secretsmanager", "ssm"]),
    ...readSecrets(slackSecrets(registry)),
  ],

  // Verifies late what others began, sends what they could not and hands over again what no lane has taken: it looks, and does nothing itself.
  sweep: (plan) => [
    keepLedger,
    findDue,
    indexMissing,
    put("Audit"),
    send("AlertsEcs", "AlertsKubernetes", "AlertsWide"),
    publish(topics(plan.registry)),
    ...putEvents(buses(plan.registry)),
    useKey(["dynamodb", "sqs", "sns", "secretsmanager", "ssm", "s3"]),
    ...onClusters(rightsToLook, plan),
    ...describeEks(ownRole(plan.registry.clusters)),
    ...readSecrets([...slackSecrets(plan.registry), ...accessSecrets(plan.registry.clusters)]),
    ...assume(rolesOf(plan.registry.clusters)),
  ],

  // Reads the shipper's text, as ingest does. Beside what ingest may it keeps its own place and tells: no incident, no cluster, no secret.
  refetch: ({ registry, logGroups }) => [
    count,
    keepDelivery,
    ...listEvents(logGroups.map(({ name }) => name)),
    countReceived(registry.region),
    send("AlertsEcs", "AlertsKubernetes"),
    put("Unreadable"),
    useKey(["dynamodb", "sqs", "s3"]),
  ],

  // Writes down what a person decides, and hands it to the lane that may do it.
  operate: () => [
    keepLedger,
    send("AlertsEcs", "AlertsKubernetes", "AlertsWide"),
    readKept("Audit", "Evidence"),
    useKey(["dynamodb", "sqs", "s3"]),
  ],

  // Sees every change of the ledger, and writes what nobody can take back: it reads nothing else, and is asked by nobody.
  audit: () => [indexRecord, readStream, listStreams, put("Audit"), send("AuditDead"), useKey(["dynamodb", "sqs", "s3"])],

  // The same for clicks in Slack. Everybody may call it, so it reaches less of the ledger: no claim, budget or switch can be written by it.
  chatops: ({ registry }) => [
    readIncidents,
    decideInLedger,
    send("AlertsEcs", "AlertsKubernetes", "AlertsWide"),
    useKey(["dynamodb", "sqs", "secretsmanager", "ssm"]),
    ...readSecrets(registry.slackApp === undefined ? [] : [registry.slackApp.signingSecret]),
  ],
};

/** The stack may have a long name, which CloudFormation cuts in those of its roles: the second pattern stands for them. */
const OWN_ROLES = [`\${AWS::AccountId}:role/\${AWS::StackName}-*`, `\${AWS::AccountId}:role/falco-responder*`];

const onClusters = (declared: readonly Right[], { registry, userFunctions }: DeployPlan): readonly Statement[] =>
  clusterRights(declared, { clusters: ownEcs(registry.clusters), userFunctions, ownRoles: OWN_ROLES });

const isEcs = (cluster: Cluster): boolean => cluster.kind === "ecs";
const rolesOf = (clusters: readonly Cluster[]): readonly string[] => clusters.flatMap(({ roleArn }) => (roleArn === null ? [] : [roleArn]));
const ownRole = (clusters: readonly Cluster[]): readonly Cluster[] => clusters.filter(({ roleArn }) => roleArn === null);
const slackSecrets = ({ notifications }: Registry): readonly string[] =>
  notifications.channels.flatMap((channel) => {
    if (channel.kind === "slack") return [channel.urlSecret];
    return channel.kind === "slack-bot" ? [channel.botTokenSecret] : [];
  });
const buses = ({ notifications }: Registry): readonly string[] => [
  ...new Set(notifications.channels.flatMap((channel) => (channel.kind === "bus" ? [channel.busArn] : []))),
];
const topics = ({ notifications }: Registry) => [
  ownTopic,
  ...new Set(notifications.channels.flatMap((channel) => (channel.kind === "sns" ? [channel.topicArn] : []))),
];

const role = (key: FunctionKey, statements: readonly Statement[]): Resource => ({
  Type: "AWS::IAM::Role",
  Properties: {
    AssumeRolePolicyDocument: {
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" }],
    },
    Policies: [{ PolicyName: sub(`\${AWS::StackName}`), PolicyDocument: inline(statements, `the role of ${key}`) }],
  },
});
