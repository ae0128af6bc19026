import { hash } from "node:crypto";
import type { Cluster } from "#shared/domain/registry.ts";
import { wholeNumber } from "#shared/playbooks/params.ts";
import { type Plan, type Playbook, refused, unknownParam } from "#shared/playbooks/playbook.ts";
import { lastPart } from "#shared/playbooks/words.ts";

const NAME = "aws:invoke-lambda";
/** The whole ARN: a bare name would be looked for in whatever account and Region asks. */
const FUNCTION =
  /^arn:aws(?:-[a-z]+){0,3}:lambda:[a-z0-9-]{1,32}:\d{12}:function:[A-Za-z0-9_-]{1,64}(?::(?:\$LATEST|[A-Za-z0-9_-]{1,128}))?$/;
/** Well within what the responder itself may take. */
const TIMEOUT = { key: "timeout_seconds", min: 1, max: 20, preset: 10, unit: "seconds" } as const;

/**
 * Calls a function of the user and waits for its answer: a playbook of their own. It may be called again with the same `claim`, after a
 * timeout or when our note of it was lost: whoever writes the function keys its effects by that.
 * https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
 */
export const invokeLambda: Playbook = {
  name: NAME,
  needs: { iam: [{ actions: ["lambda:InvokeFunction"], on: "user-function" }], look: [], rbac: [] },

  plan(workload, params, occasion) {
    const strange = unknownParam(params, ["function", TIMEOUT.key]);
    if (strange !== null) return refused(`${NAME}: ${strange}`);
    const { function: arn } = params;
    if (typeof arn !== "string" || !FUNCTION.test(arn))
      return refused(
        "function must be the whole ARN of a Lambda function: arn:aws:lambda:<region>:<account>:function:<name>[:<qualifier>]",
      );
    const seconds = wholeNumber(params, TIMEOUT);
    if (typeof seconds === "string") return refused(seconds);
    return { kind: "planned", plan: { action: NAME, workload, params: { function: arn, [TIMEOUT.key]: seconds }, occasion } };
  },

  async execute(plan, _kept, { cluster, access }, signal) {
    const arn = functionOf(plan);
    const functions = await access.functions(cluster);
    const answer = await functions.invoke(arn, payloadOf(plan, cluster), Number(plan.params[TIMEOUT.key]) * 1_000, signal);
    return answer.kind === "answered"
      ? { kind: "done", because: `function ${nameOf(arn)} answered; what it did is its own to tell` }
      : { kind: "failed", because: `function ${nameOf(arn)} failed: ${answer.error}; what it did until then stands` };
  },

  verify: (plan) =>
    Promise.resolve({
      kind: "pending",
      begun: false,
      blind: true,
      because: `whether function ${nameOf(functionOf(plan))} ran cannot be seen: if the message comes again it is called again, with the same claim`,
    }),

  undo: { possible: false, because: "what a function of yours did is known to it alone: it has its own way back, or none" },
};

/** Body of the invocation, infra/schemas/invoke.json. Facts of the control plane and of the policy; no text of the alert. */
export function payloadOf(plan: Plan, { name, kind, account, region, awsName }: Cluster): string {
  const { workload, action, occasion } = plan;
  return JSON.stringify({
    schema: "falco-responder/invoke/1",
    claim: claimOf(plan),
    incident: occasion.incident,
    rule: occasion.rule,
    action,
    cluster: { name, kind, account, region, awsName },
    workload,
  });
}

/** The same for every call of one action on one target in one incident. */
const claimOf = (plan: Plan): string =>
  hash("sha256", [plan.occasion.incident, plan.workload.uid, plan.action, functionOf(plan)].join("|"), "hex").slice(0, 32);

function functionOf({ action, params }: Plan): string {
  const { function: arn } = params;
  if (action !== NAME || typeof arn !== "string") throw new Error(`${NAME} was given a plan of ${action}`);
  return arn;
}

/** "isolate-user:live": without account and Region, which the policy has. */
const nameOf = (arn: string): string => lastPart(arn).slice(lastPart(arn).indexOf(":function:") + ":function:".length);
