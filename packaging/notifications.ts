import { PRIORITIES, readPriority } from "#shared/domain/priority.ts";
import type { ChannelConfig, Notifications, When } from "#shared/domain/registry.ts";
import { globTest } from "#shared/policy/pattern.ts";
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
export function compileNotifications(
  given: Plain,
  home: Home,
  clusters: readonly string[],
  yaml: YamlFile,
  report: (problem: Problem) => void,
): Notifications {
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
  channels.forEach((channel, position) => {
    reportUnknownClusters(channel, clusters, [...path, position, "when", "clusters"], yaml, report);
  });
  const system = systemOf(whole, channels, yaml, report);
  reportRoutes(channels, system, path, yaml, report);
  return { channels, system };
}

/** A route to a cluster that nobody has registered would never be taken. */
function reportUnknownClusters(
  { when }: ChannelConfig,
  clusters: readonly string[],
  path: Path,
  yaml: YamlFile,
  report: (problem: Problem) => void,
): void {
  when?.clusters?.forEach((glob, position) => {
    if (clusters.some((cluster) => globTest(glob.toLowerCase())(cluster.toLowerCase()))) return;
    const near = didYouMean(glob, clusters) ?? `registered: ${clusters.join(", ")}`;
    report(yaml.problem([...path, position], `no registered cluster is named "${glob.slice(0, 80)}"`, near));
  });
}

/** Nothing is told to nobody: what no route takes goes to the system's channels, and whoever writes routes should know. */
function reportRoutes(
  channels: readonly ChannelConfig[],
  system: readonly string[],
  path: Path,
  yaml: YamlFile,
  report: (problem: Problem) => void,
): void {
  const people = channels.filter(({ kind }) => kind !== "bus");
  const warn = (message: string, remedy: string): void => report(yaml.problem(path, message, remedy, { severity: "warning" }));
  if (people.length > 0 && people.every(({ when }) => when !== undefined))
    warn(
      `every channel has a "when": what none of them takes goes to ${listed(system)}`,
      'leave out "when" of the channel that should get the rest, or name it in system',
    );
  const isKnown = system.every((name) => channels.some((channel) => channel.name === name));
  if (isKnown && channels.length > 0 && !system.some((name) => people.some((channel) => channel.name === name)))
    warn("no person is told what the service itself has to tell", "add a channel of kind sns or slack to system");
}

const listed = (names: readonly string[]): string => (names.length === 0 ? "nobody" : names.join(", "));

/** Every channel, unless some are named. A bus is always told: it is for programs, which choose by themselves. */
function systemOf(whole: Keyed, channels: readonly ChannelConfig[], yaml: YamlFile, report: (problem: Problem) => void): readonly string[] {
  const names = channels.map(({ name }) => name);
  const system = whole["system"] as readonly string[] | undefined;
  if (system === undefined) return names;
  system.forEach((name, position) => {
    if (names.includes(name)) return;
    const near = didYouMean(name, names) ?? (names.length > 0 ? `known: ${names.join(", ")}` : "there are no channels");
    report(yaml.problem(["notifications", "system", position], `no channel is named "${name.slice(0, 80)}"`, near));
  });
  return [...new Set([...system, ...channels.flatMap(({ name, kind }) => (kind === "bus" ? [name] : []))])];
}

/** Keys that belong to one kind of channel only, with the kind's name as people write it. */
const OF_KIND = { topic: "sns", urlSecret: "slack", botTokenSecret: "slack", channel: "slack", buttons: "slack" } as const;

function compileChannel(source: Keyed, path: Path, home: Home, yaml: YamlFile, report: (problem: Problem) => void): ChannelConfig {
  const name = String(source["name"]);
  const kind = source["kind"];
  for (const [key, of] of Object.entries(OF_KIND))
    if (source[key] !== undefined && kind !== of)
      report(yaml.problem([...path, key], `${key} ${key === "buttons" ? "are" : "is"} for ${of} only`, "remove it", { atKey: true }));
  if (kind === "bus" && source["digestAbove"] !== undefined)
    report(yaml.problem([...path, "digestAbove"], "a bus is told everything, in no digest", "remove it", { atKey: true }));
  const routed = {
    ...(source["when"] === undefined ? {} : { when: compileWhen(source["when"] as Keyed, [...path, "when"], yaml, report) }),
    ...(source["digestAbove"] === undefined ? {} : { digestAbove: Number(source["digestAbove"]) }),
  };
  if (kind === "slack") return { name, ...slackOf(source, path, yaml, report), ...routed };
  const { account, region, stage } = home;
  const partition = region.startsWith("cn-") ? "aws-cn" : region.startsWith("us-gov-") ? "aws-us-gov" : "aws";
  // The bus and the topic that the stack makes: infra/cloudformation/bus.yml and topics.yml.
  if (kind === "bus")
    return { name, kind, busArn: `arn:${partition}:events:${region}:${account}:event-bus/falco-responder-${stage}`, ...routed };
  const topic = source["topic"] === undefined ? null : String(source["topic"]);
  if (topic !== null && topic.split(":")[3] !== region) {
    report(
      yaml.problem([...path, "topic"], `the topic is of another Region than the deployment (${region})`, "use a topic of this Region"),
    );
  }
  const own = `arn:${partition}:sns:${region}:${account}:falco-responder-${stage}-notifications`;
  return { name, kind: "sns", topicArn: topic ?? own, ...routed };
}

type SlackWay = (
  | { readonly kind: "slack"; readonly urlSecret: string }
  | { readonly kind: "slack-bot"; readonly botTokenSecret: string; readonly channelId: string }
) & { readonly buttons?: false };

/** By a bot's token and a channel, or by an incoming webhook: exactly one of both ways. */
function slackOf(source: Keyed, path: Path, yaml: YamlFile, report: (problem: Problem) => void): SlackWay {
  const isBot = source["botTokenSecret"] !== undefined || source["channel"] !== undefined;
  const missing = (key: string, remedy: string): void => report(yaml.problem(path, `"${key}" is missing`, remedy));
  // Absent: buttons, where a Slack app is configured.
  const buttons = source["buttons"] === false ? ({ buttons: false } as const) : {};
  if (!isBot) {
    if (source["urlSecret"] === undefined)
      missing(
        "urlSecret",
        "keep the bot's token (botTokenSecret, with channel) or the webhook URL in SSM or Secrets Manager and name it: ssm:/name",
      );
    return { kind: "slack", urlSecret: String(source["urlSecret"]), ...buttons };
  }
  if (source["urlSecret"] !== undefined)
    report(yaml.problem([...path, "urlSecret"], "a webhook and a bot's token are two ways", "keep one of them", { atKey: true }));
  if (source["botTokenSecret"] === undefined)
    missing("botTokenSecret", "keep the bot's token in SSM or Secrets Manager and name it: ssm:/name");
  if (source["channel"] === undefined)
    missing("channel", "give the channel's id, such as C0123456789 (channel details in Slack, at the end)");
  return { kind: "slack-bot", botTokenSecret: String(source["botTokenSecret"]), channelId: String(source["channel"]), ...buttons };
}

function compileWhen(source: Keyed, path: Path, yaml: YamlFile, report: (problem: Problem) => void): When {
  const given = source["priority"];
  // ">= Warning" as in a policy's match; at least is what a bare name means here, too.
  const priority = given === undefined ? undefined : readPriority(String(given).replace(/^>=\s*/, ""));
  if (priority === null) {
    const word = String(given).replace(/^[<>=\s]+/, "");
    report(
      yaml.problem(
        [...path, "priority"],
        `"${String(given).slice(0, 80)}" is no least priority`,
        didYouMean(word, PRIORITIES) ?? `write one of ${PRIORITIES.join(", ")}, with or without >=`,
      ),
    );
  }
  const globs = (key: string): readonly string[] | undefined => source[key] as readonly string[] | undefined;
  const [clusters, namespaces] = [globs("clusters"), globs("namespaces")];
  return {
    ...(priority == null ? {} : { priority }),
    ...(clusters === undefined ? {} : { clusters }),
    ...(namespaces === undefined ? {} : { namespaces }),
    ...(source["labels"] === undefined ? {} : { labels: source["labels"] as Readonly<Record<string, string>> }),
  };
}
