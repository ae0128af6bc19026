import type { ChannelConfig, Notifications } from "#shared/domain/registry.ts";
import { didYouMean } from "./nearest.ts";
import type { Problem } from "./problem.ts";
import type { Path, Plain, YamlFile } from "./yaml-file.ts";

type Keyed = { readonly [key: string]: Plain };

/** What a channel's preset depends on. */
export interface Home {
  readonly account: string;
  readonly region: string;
  readonly stage: string;
}

/**
 * `notifications` of falco-responder.yml: a list of channels, or a mapping of `channels` and who is told what. The list is the short form.
 * Channels of one name are reported too.
 */
export function compileNotifications(given: Plain, home: Home, yaml: YamlFile, report: (problem: Problem) => void): Notifications {
  const isList = Array.isArray(given);
  const whole = (isList ? { channels: given } : (given ?? {})) as Keyed;
  const path: Path = isList ? ["notifications"] : ["notifications", "channels"];
  const channels = ((whole["channels"] ?? []) as readonly Keyed[]).map((channel, position) =>
    compileChannel(channel, [...path, position], home, yaml, report),
  );
  const names = channels.map(({ name }) => name);
  names.forEach((name, position) => {
    const first = names.indexOf(name);
    if (first !== position)
      report(yaml.problem([...path, position, "name"], `${path.join(".")}[${first}] has this name too`, "names are unique"));
  });
  return { channels, system: systemOf(whole, names, yaml, report) };
}

/** Every channel, unless some are named. */
function systemOf(whole: Keyed, names: readonly string[], yaml: YamlFile, report: (problem: Problem) => void): readonly string[] {
  const system = whole["system"] as readonly string[] | undefined;
  if (system === undefined) return names;
  system.forEach((name, position) => {
    if (names.includes(name)) return;
    const near = didYouMean(name, names) ?? (names.length > 0 ? `known: ${names.join(", ")}` : "there are no channels");
    report(yaml.problem(["notifications", "system", position], `no channel is named "${name.slice(0, 80)}"`, near));
  });
  return [...new Set(system)];
}

function compileChannel(
  source: Keyed,
  path: Path,
  { account, region, stage }: Home,
  yaml: YamlFile,
  report: (problem: Problem) => void,
): ChannelConfig {
  const name = String(source["name"]);
  if (source["kind"] === "slack") {
    if (source["topic"] !== undefined) report(yaml.problem([...path, "topic"], "topic is for sns only", "remove it", { atKey: true }));
    if (source["urlSecret"] === undefined) {
      report(yaml.problem(path, '"urlSecret" is missing', "keep the webhook URL in SSM or Secrets Manager and name it: ssm:/name"));
    }
    // Absent: buttons, where a Slack app is configured.
    return { name, kind: "slack", urlSecret: String(source["urlSecret"]), ...(source["buttons"] === false ? { buttons: false } : {}) };
  }
  if (source["buttons"] !== undefined)
    report(yaml.problem([...path, "buttons"], "buttons are for slack only", "remove it", { atKey: true }));
  if (source["urlSecret"] !== undefined)
    report(yaml.problem([...path, "urlSecret"], "urlSecret is for slack only", "remove it", { atKey: true }));
  const topic = source["topic"] === undefined ? null : String(source["topic"]);
  if (topic !== null && topic.split(":")[3] !== region) {
    report(
      yaml.problem([...path, "topic"], `the topic is of another Region than the deployment (${region})`, "use a topic of this Region"),
    );
  }
  const partition = region.startsWith("cn-") ? "aws-cn" : region.startsWith("us-gov-") ? "aws-us-gov" : "aws";
  // The topic that the stack makes: infra/cloudformation/topics.yml.
  const own = `arn:${partition}:sns:${region}:${account}:falco-responder-${stage}-notifications`;
  return { name, kind: "sns", topicArn: topic ?? own };
}
