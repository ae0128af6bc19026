import type { Resources } from "./functions.ts";
import type { DeployPlan } from "./plan.ts";

/** The name of the parameter that is half of the kill switch. */
export const switchName = ({ registry }: Pick<DeployPlan, "registry">): string =>
  registry.switchParameter ?? `/falco-responder/${registry.stage ?? "dev"}/switch`;

/** Made with `run`, and set by people from then on: a deploy changes it only when this text changes, so a pause survives one. */
export const switchParameter = (plan: Pick<DeployPlan, "registry">): Resources => ({
  SwitchParameter: {
    Type: "AWS::SSM::Parameter",
    Properties: {
      Name: switchName(plan),
      Type: "String",
      Value: "run",
      AllowedPattern: "^(run|pause)$",
      Description: "Kill switch of falco-responder: pause stops every new action within 5 seconds, run lets them pass",
    },
  },
});
