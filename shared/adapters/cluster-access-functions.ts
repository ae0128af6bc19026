import { PipelineError } from "#shared/domain/error.ts";
import type { ClusterAccess } from "#shared/ports/cluster-access.ts";
import type { UserFunctions } from "#shared/ports/user-functions.ts";

/** https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html: a name alone, or a partial ARN, leaves open where the function is. */
const ARN = /^arn:aws[a-z-]*:lambda:([a-z0-9-]{1,32}):\d{12}:function:[A-Za-z0-9_-]{1,64}(:[A-Za-z0-9$_-]{1,128})?$/;

/**
 * Functions of yours, called with the responder's own role whatever cluster the target is of, in the region that their ARN names. Lambda's
 * client is loaded at the first call; one per region.
 */
export function userFunctionsOpener(): ClusterAccess["functions"] {
  const regions = new Map<string, UserFunctions>();
  const functions: UserFunctions = {
    async invoke(functionArn, payload, timeoutMs, signal) {
      const [, region] = ARN.exec(functionArn) ?? [];
      if (region === undefined) throw new PipelineError("config_invalid", `"${functionArn}" is no ARN of a Lambda function`);
      const { lambdaClient, userFunctions } = await import("#shared/adapters/user-functions.ts");
      const there = regions.get(region) ?? userFunctions(lambdaClient(region));
      regions.set(region, there);
      return await there.invoke(functionArn, payload, timeoutMs, signal);
    },
  };
  return () => Promise.resolve(functions);
}
