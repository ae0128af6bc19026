import { type Resources, ref, sub, type Value } from "./functions.ts";
import type { DeployPlan } from "./plan.ts";
import { OF_A_DEPLOY, type Tamper, tampers } from "./tamper-events.ts";

/** Part of the rules' names. */
export const TAMPER = "tamper";

/** EventBridge takes patterns of so many characters: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html */
const PATTERN_MAX = 2_048;
/** Stands for the stack's name, ARNs and ids in a pattern while it is measured: a stack's name has at most 128 characters. */
const LONGEST = "x".repeat(128);

/**
 * What would blind us is told by EventBridge straight to the alarms topic: no function of ours stands in between that could be switched off
 * with it. EventBridge has these events only where a CloudTrail trail logs management events in this Region.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
 */
export function tamperRules(plan: DeployPlan): Resources {
  return Object.fromEntries(
    tampers(plan).map((tamper) => {
      const pattern = patternOf(tamper);
      const length = JSON.stringify(pattern).replaceAll(
        /\{"(?:Fn::Sub|Ref)":"[^"]*"\}|\{"Fn::GetAtt":\[[^\]]*\]\}/g,
        `"${LONGEST}"`,
      ).length;
      if (length > PATTERN_MAX)
        throw new Error(`the event pattern of ${tamper.name} may have ${length} characters, EventBridge takes ${PATTERN_MAX}`);
      return [`Tamper${pascal(tamper.name)}`, rule(tamper, pattern)];
    }),
  );
}

const rule = ({ name, says }: Tamper, EventPattern: Value): Resources[string] => ({
  Type: "AWS::Events::Rule",
  Properties: {
    Name: sub(`\${AWS::StackName}-${TAMPER}-${name}`),
    Description: says,
    State: "ENABLED",
    EventPattern,
    Targets: [{ Id: "alarms", Arn: ref("Alarms"), InputTransformer: { InputPathsMap: PATHS, InputTemplate: templateOf(says) } }],
  },
});

/** Only what AWS itself wrote into the event; the parameters of the call are the caller's, and stay in CloudTrail. */
const PATHS: Value = {
  at: "$.detail.eventTime",
  by: "$.detail.userIdentity.arn",
  error: "$.detail.errorCode",
  event: "$.detail.eventID",
  from: "$.detail.sourceIPAddress",
  region: "$.region",
  what: "$.detail.eventName",
};

/** Each line is a JSON string. A field that the event lacks is left empty. */
const templateOf = (says: string): Value =>
  sub(
    [
      `"\${AWS::StackName}: somebody touched what keeps watch. ${says}"`,
      '"<what> by <by> from <from> at <at> in <region>. Error, if it was refused: <error>"',
      '"If nobody of you did this, somebody is blinding you: look at event <event> in CloudTrail, and put it back (docs/tamper.md)."',
    ].join("\n"),
  );

function patternOf({ source, eventSource, eventName, detail, alsoByDeploy }: Tamper): Value {
  return {
    source: [source],
    "detail-type": ["AWS API Call via CloudTrail"],
    detail: {
      eventSource: [eventSource],
      eventName: eventName.map((name) => (name.endsWith("*") ? { prefix: name.slice(0, -1) } : name)),
      ...detail,
      // A deploy is told once, as such (`stack`), and by whom; not once for each of its hundred changes.
      ...(alsoByDeploy === true ? {} : { sourceIPAddress: [{ "anything-but": [OF_A_DEPLOY] }] }),
    },
  };
}

const pascal = (name: string): string => name.replace(/(?:^|-)(.)/g, (_all, letter: string) => letter.toUpperCase());
