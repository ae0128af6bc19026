import { describeInstances, describeNetworkInterfaces, describeSecurityGroups, type Form, modifyNetworkInterfaceAttribute } from "./ec2.ts";
import { describeContainerInstances, listContainerInstances, updateContainerInstancesState } from "./ecs-instances.ts";
import { describeServices, describeTaskDefinition, getTaskProtection, updateService, updateTaskProtection } from "./ecs-services.ts";
import { describeTasks, listTagsForResource, listTasks, stopTask, tagResource, untagResource } from "./ecs-tasks.ts";
import { assumeRole, deleteRolePolicy, getRole, getRolePolicy, putRolePolicy } from "./iam.ts";
import { getLogEvents } from "./logs.ts";
import { describeScalableTargets, registerScalableTarget } from "./scaling.ts";
import type { Scope, State } from "./state.ts";

/** AWS's JSON 1.1 protocol: an action's answer has the shape of the SDK's output. */
type JsonAction = (state: State, scope: Scope, body: string) => object;

// The client sends its own input type: what it is, the SDK's types say.
const json =
  <Input>(action: (state: State, scope: Scope, input: Input) => object): JsonAction =>
  (state, scope, body) =>
    action(state, scope, JSON.parse(body));

export interface JsonApi {
  readonly service: string;
  readonly actions: Readonly<Record<string, JsonAction>>;
}

/** By the prefix of X-Amz-Target. */
export const JSON_APIS: Readonly<Record<string, JsonApi>> = {
  AmazonEC2ContainerServiceV20141113: {
    service: "ecs",
    actions: {
      DescribeTasks: json(describeTasks),
      ListTasks: json(listTasks),
      StopTask: json(stopTask),
      TagResource: json(tagResource),
      UntagResource: json(untagResource),
      ListTagsForResource: json(listTagsForResource),
      DescribeServices: json(describeServices),
      UpdateService: json(updateService),
      DescribeTaskDefinition: json(describeTaskDefinition),
      GetTaskProtection: json(getTaskProtection),
      UpdateTaskProtection: json(updateTaskProtection),
      ListContainerInstances: json(listContainerInstances),
      DescribeContainerInstances: json(describeContainerInstances),
      UpdateContainerInstancesState: json(updateContainerInstancesState),
    },
  },
  AnyScaleFrontendService: {
    service: "application-autoscaling",
    actions: { DescribeScalableTargets: json(describeScalableTargets), RegisterScalableTarget: json(registerScalableTarget) },
  },
  Logs_20140328: { service: "logs", actions: { GetLogEvents: json(getLogEvents) } },
};

export interface QueryApi {
  readonly xmlns: string;
  /** EC2 has its own dialect: no result element, lists of `item`, other errors. */
  readonly dialect: "ec2" | "query";
  readonly actions: Readonly<Record<string, (state: State, scope: Scope, form: Form) => object>>;
}

/** By the service of the signature's scope. */
export const QUERY_APIS: Readonly<Record<string, QueryApi>> = {
  ec2: {
    xmlns: "http://ec2.amazonaws.com/doc/2016-11-15/",
    dialect: "ec2",
    actions: {
      DescribeInstances: describeInstances,
      DescribeNetworkInterfaces: describeNetworkInterfaces,
      DescribeSecurityGroups: describeSecurityGroups,
      ModifyNetworkInterfaceAttribute: modifyNetworkInterfaceAttribute,
    },
  },
  iam: {
    xmlns: "https://iam.amazonaws.com/doc/2010-05-08/",
    dialect: "query",
    actions: { GetRole: getRole, GetRolePolicy: getRolePolicy, PutRolePolicy: putRolePolicy, DeleteRolePolicy: deleteRolePolicy },
  },
  sts: { xmlns: "https://sts.amazonaws.com/doc/2011-06-15/", dialect: "query", actions: { AssumeRole: assumeRole } },
};
