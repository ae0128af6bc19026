import type {
  DescribeScalableTargetsCommandOutput,
  DescribeScalableTargetsRequest,
  RegisterScalableTargetRequest,
} from "@aws-sdk/client-application-auto-scaling";
import type { Without } from "./ecs-tasks.ts";
import { AwsFailure } from "./failure.ts";
import { settle } from "./scheduler.ts";
import type { ScalableTargetState, Scope, ServiceState, State } from "./state.ts";

const DIMENSION = "ecs:service:DesiredCount";
const PAGE = 50;

const invalid = (message: string): AwsFailure => new AwsFailure("ValidationException", message);

/** https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DescribeScalableTargets.html : pages of 1 to 50. */
export function describeScalableTargets(
  state: State,
  scope: Scope,
  input: DescribeScalableTargetsRequest,
): Without<DescribeScalableTargetsCommandOutput> {
  if (input.ServiceNamespace !== "ecs") throw invalid("ServiceNamespace: only ecs is known here.");
  const { MaxResults: size = PAGE, NextToken: token, ResourceIds: ids } = input;
  if (size < 1 || size > PAGE) throw invalid("MaxResults must be between 1 and 50.");
  const start = token === undefined ? 0 : Number(token);
  if (!Number.isInteger(start)) throw new AwsFailure("InvalidNextTokenException", "The next token is not valid.");
  const all = state.scalableTargets.filter((target) => same(target.scope, scope) && (!ids?.length || ids.includes(target.resourceId)));
  return {
    ScalableTargets: all.slice(start, start + size).map((target) => ({
      ServiceNamespace: "ecs",
      ResourceId: target.resourceId,
      ScalableDimension: DIMENSION,
      MinCapacity: target.min,
      MaxCapacity: target.max,
      RoleARN: `arn:aws:iam::${scope.account}:role/aws-service-role/ecs.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_ECSService`,
      CreationTime: new Date(0),
      SuspendedState: {
        DynamicScalingInSuspended: target.suspended.in,
        DynamicScalingOutSuspended: target.suspended.out,
        ScheduledScalingSuspended: target.suspended.scheduled,
      },
    })),
    ...(start + size < all.length ? { NextToken: `${start + size}` } : {}),
  };
}

/**
 * https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html : capacities are required for a new target; what
 * an update leaves out stays as it is; capacities that are given bring the service into their range at once. That a direction left out of
 * SuspendedState stays as it is, and is not set to its default, is not verified.
 */
export function registerScalableTarget(state: State, scope: Scope, input: RegisterScalableTargetRequest): object {
  if (input.ServiceNamespace !== "ecs" || input.ScalableDimension !== DIMENSION)
    throw invalid(`ScalableDimension: only ${DIMENSION} is known.`);
  const { ResourceId: resourceId = "", MinCapacity: min, MaxCapacity: max, SuspendedState: suspended } = input;
  let target = state.scalableTargets.find((one) => same(one.scope, scope) && one.resourceId === resourceId);
  if (target === undefined) {
    if (min === undefined || max === undefined) throw invalid("MinCapacity and MaxCapacity are required for a new scalable target.");
    if (serviceOf(state, scope, resourceId) === undefined) throw invalid(`ECS service doesn't exist: ${resourceId}`);
    target = { scope, resourceId, min, max, suspended: { in: false, out: false, scheduled: false } };
    state.scalableTargets.push(target);
  }
  if ((min ?? target.min) > (max ?? target.max)) throw invalid("MinCapacity cannot be greater than MaxCapacity.");
  target.min = min ?? target.min;
  target.max = max ?? target.max;
  target.suspended = {
    in: suspended?.DynamicScalingInSuspended ?? target.suspended.in,
    out: suspended?.DynamicScalingOutSuspended ?? target.suspended.out,
    scheduled: suspended?.ScheduledScalingSuspended ?? target.suspended.scheduled,
  };
  if (min !== undefined || max !== undefined) intoRange(state, target);
  settle(state);
  return { ScalableTargetARN: `arn:aws:application-autoscaling:${scope.region}:${scope.account}:scalable-target/${resourceId}` };
}

/**
 * What a scaling policy of the customer does sooner or later: a count below the least is raised, one above the most is lowered, unless that
 * direction is suspended (remediation.md A2, "UpdateService desiredCount=0"). https://docs.aws.amazon.com/autoscaling/application/APIReference/API_SuspendedState.html
 */
export function scale(state: State): void {
  for (const target of state.scalableTargets) {
    const service = serviceOf(state, target.scope, target.resourceId);
    if (service?.status !== "ACTIVE") continue;
    if (service.desiredCount < target.min && !target.suspended.out) service.desiredCount = target.min;
    if (service.desiredCount > target.max && !target.suspended.in) service.desiredCount = target.max;
  }
}

function intoRange(state: State, target: ScalableTargetState): void {
  const service = serviceOf(state, target.scope, target.resourceId);
  if (service !== undefined) service.desiredCount = Math.min(Math.max(service.desiredCount, target.min), target.max);
}

/** `service/<cluster>/<service>` */
const serviceOf = (state: State, { account, region }: Scope, resourceId: string): ServiceState | undefined =>
  state.services.get(`arn:aws:ecs:${region}:${account}:${resourceId}`);

const same = (one: Scope, other: Scope): boolean => one.account === other.account && one.region === other.region;
