import { ACTIONS, type ActionName } from "#shared/domain/action.ts";
import { ENTITLEMENTS, type Entitlement, type Person, type SlackApp } from "#shared/domain/person.ts";
import type { Registry } from "#shared/domain/registry.ts";
import { overlap, principalProblem } from "#shared/policy/principal.ts";
import { didYouMean } from "./nearest.ts";
import type { Problem } from "./problem.ts";
import type { Path, Plain, YamlFile } from "./yaml-file.ts";

type Keyed = { readonly [key: string]: Plain };
type Report = (problem: Problem) => void;

/** `chatops` of a falco-responder.yml; null: there is none, and no function takes Slack's requests. */
function slackAppOf(source: Keyed): SlackApp | null {
  const slack = (source["chatops"] as Keyed | undefined)?.["slack"] as Keyed | undefined;
  return slack === undefined
    ? null
    : { team: String(slack["team"]), app: String(slack["app"]), signingSecret: String(slack["signingSecret"]) };
}

/** `people` and `chatops` of a falco-responder.yml that its schema has accepted: what is absent is left out. */
export function decidersOf(
  source: Keyed,
  clusters: readonly string[],
  yaml: YamlFile,
  report: Report,
): Pick<Registry, "people" | "slackApp"> {
  const people = peopleOf(source, clusters, yaml, report);
  const slackApp = slackAppOf(source);
  return { ...(people.length === 0 ? {} : { people }), ...(slackApp === null ? {} : { slackApp }) };
}

/** Names of policy rules are checked by `reportPeople`, which knows the policy. */
function peopleOf(source: Keyed, clusters: readonly string[], yaml: YamlFile, report: Report): readonly Person[] {
  const app = slackAppOf(source);
  const people = ((source["people"] ?? []) as readonly Keyed[]).map((entry, position) =>
    compilePerson(entry, ["people", position], app, clusters, yaml, report),
  );
  reportDoubles(people, yaml, report);
  if (app !== null && people.every(({ slack }) => slack.length === 0)) {
    const message = "nobody of people has a Slack id: no button can decide anything";
    report(yaml.problem(["chatops"], message, "give people their slack ids, or remove chatops", { severity: "warning" }));
  }
  return people;
}

function compilePerson(
  source: Keyed,
  path: Path,
  app: SlackApp | null,
  clusters: readonly string[],
  yaml: YamlFile,
  report: Report,
): Person {
  const iam = (source["iam"] ?? []) as readonly string[];
  iam.forEach((pattern, position) => {
    const wrong = principalProblem(pattern);
    if (wrong !== null) report(yaml.problem([...path, "iam", position], wrong.message, wrong.remedy));
  });
  const slack = ((source["slack"] ?? []) as readonly Keyed[]).map(({ team, user }, position) => {
    if (team === undefined && app === null)
      report(
        yaml.problem([...path, "slack", position], '"team" is missing', "write the workspace's id, or chatops, whose team is the default"),
      );
    return { team: String(team ?? app?.team), user: String(user) };
  });
  if (slack.length > 0 && app === null) {
    const message = "without chatops no request of Slack is taken: these ids decide nothing";
    report(yaml.problem([...path, "slack"], message, "set chatops up (docs/chatops.md)", { severity: "warning", atKey: true }));
  }
  if (iam.length + slack.length === 0) report(yaml.problem(path, "nobody can be this person", "give them iam (ARNs) or slack (ids)"));
  return {
    name: String(source["name"]),
    iam,
    slack,
    may: ((source["may"] ?? []) as readonly Entitlement[]).filter((verb) => ENTITLEMENTS.includes(verb)),
    widest: source["widest"] === true,
    clusters: limitOf(source["clusters"], clusters, "cluster", [...path, "clusters"], yaml, report),
    rules: source["rules"] === undefined ? null : (source["rules"] as readonly string[]),
    actions: limitOf(source["actions"], ACTIONS, "action", [...path, "actions"], yaml, report) as readonly ActionName[] | null,
  };
}

function limitOf(
  names: Plain | undefined,
  known: readonly string[],
  what: string,
  path: Path,
  yaml: YamlFile,
  report: Report,
): readonly string[] | null {
  if (names === undefined) return null;
  reportUnknown(names as readonly string[], known, what, path, yaml, report);
  return names as readonly string[];
}

export function reportUnknown(
  names: readonly string[],
  known: readonly string[],
  what: string,
  path: Path,
  yaml: YamlFile,
  report: Report,
): void {
  names.forEach((name, position) => {
    if (known.includes(name)) return;
    const near = didYouMean(name, known) ?? `known: ${known.slice(0, 20).join(", ") || "none"}`;
    report(yaml.problem([...path, position], `no ${what} is named "${name.slice(0, 80)}"`, near));
  });
}

/** One human must never count as two, and two never as one. */
function reportDoubles(people: readonly Person[], yaml: YamlFile, report: Report): void {
  people.forEach((person, position) => {
    const earlier = people.slice(0, position);
    const first = earlier.findIndex(({ name }) => name === person.name);
    if (first >= 0) report(yaml.problem(["people", position, "name"], `people[${first}] has this name too`, "names are unique"));
    person.iam.forEach((pattern, at) => {
      const other = earlier.find(({ iam }) => iam.some((theirs) => overlap(theirs, pattern)));
      if (other !== undefined)
        report(
          yaml.problem(
            ["people", position, "iam", at],
            `this principal may be ${other.name}'s too`,
            "name the session of a role that people share: arn:aws:sts::<account>:assumed-role/<role>/<session>",
          ),
        );
    });
    person.slack.forEach(({ team, user }, at) => {
      const other = earlier.find(({ slack }) => slack.some((theirs) => theirs.team === team && theirs.user === user));
      if (other !== undefined)
        report(yaml.problem(["people", position, "slack", at], `this Slack user is ${other.name} already`, "keep one"));
    });
  });
}
