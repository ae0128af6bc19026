import { AwsFailure } from "./failure.ts";
import type { Scope } from "./state.ts";

/** hang-up: the connection breaks before anything happened. lost: it happened, and the answer never came. */
export type Fault = AwsFailure | "hang-up" | "lost";

/**
 * A token bucket as AWS has them, per account and region: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html
 * Its actions share it.
 */
export interface Bucket {
  readonly actions: readonly string[];
  readonly burst: number;
  readonly perSecond: number;
}

/** ECS's read bucket as that page's example has it; that these two share one is remediation.md A1. */
export const ECS_READS: Bucket = { actions: ["DescribeTasks", "DescribeContainerInstances"], burst: 50, perSecond: 20 };

/** Each service's own words for "too many requests", with the HTTP status. */
const THROTTLES: Readonly<Record<string, AwsFailure>> = {
  ecs: new AwsFailure("ThrottlingException", "Rate exceeded"),
  "application-autoscaling": new AwsFailure("ThrottlingException", "Rate exceeded"),
  logs: new AwsFailure("ThrottlingException", "Rate exceeded"),
  ec2: new AwsFailure("RequestLimitExceeded", "Request limit exceeded.", 503),
  iam: new AwsFailure("Throttling", "Rate exceeded"),
  sts: new AwsFailure("Throttling", "Rate exceeded"),
  lambda: new AwsFailure("TooManyRequestsException", "Rate Exceeded.", 429),
};

export class Faults {
  readonly #planned: { readonly action: string; readonly fault: Fault | "throttle" }[] = [];
  readonly #buckets: { readonly bucket: Bucket; readonly levels: Map<string, { tokens: number; atMs: number }> }[] = [];

  throttleNext(action: string, n = 1): void {
    for (let left = n; left > 0; left--) this.#planned.push({ action, fault: "throttle" });
  }

  failNext(action: string, fault: Fault): void {
    this.#planned.push({ action, fault });
  }

  limit(bucket: Bucket): void {
    this.#buckets.push({ bucket, levels: new Map() });
  }

  /** What goes wrong with this call; null: nothing. */
  of(service: string, action: string, scope: Scope, nowMs: number): Fault | null {
    if (this.#exceeds(action, scope, nowMs)) return throttle(service);
    const at = this.#planned.findIndex((planned) => planned.action === action);
    const [planned] = at === -1 ? [] : this.#planned.splice(at, 1);
    if (planned === undefined) return null;
    return planned.fault === "throttle" ? throttle(service) : planned.fault;
  }

  #exceeds(action: string, { account, region }: Scope, nowMs: number): boolean {
    let over = false;
    for (const { bucket, levels } of this.#buckets) {
      if (!bucket.actions.includes(action)) continue;
      const key = `${account}/${region}`;
      const { tokens, atMs } = levels.get(key) ?? { tokens: bucket.burst, atMs: nowMs };
      const filled = Math.min(bucket.burst, tokens + ((nowMs - atMs) * bucket.perSecond) / 1_000);
      levels.set(key, { tokens: filled < 1 ? filled : filled - 1, atMs: nowMs });
      over ||= filled < 1;
    }
    return over;
  }
}

const throttle = (service: string): AwsFailure => THROTTLES[service] ?? new AwsFailure("ThrottlingException", "Rate exceeded");
