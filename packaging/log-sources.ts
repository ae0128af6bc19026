import type { Problem } from "./problem.ts";
import type { Path, YamlFile } from "./yaml-file.ts";

/** One entry of `logGroups`. */
export interface SourceLine {
  readonly cluster: string;
  readonly path: Path;
  readonly name: string;
  readonly streamPrefix: string;
  readonly create: boolean;
  readonly account: string | null;
  readonly region: string | null;
  readonly class: string;
  readonly existingFilters: number;
}

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html */
const MAX_FILTERS = 2;

/** What AWS would refuse in the middle of a deploy, what would feed us our own logs, and what would leave open who is accused. */
export function reportSources(
  lines: readonly SourceLine[],
  home: { readonly account: string; readonly region: string },
  yaml: YamlFile,
  report: (problem: Problem) => void,
): void {
  for (const line of lines) reportLine(line, home, yaml, report);
  lines.forEach((line, position) => {
    for (const earlier of lines.slice(0, position)) reportPair(line, earlier, yaml, report);
  });
}

function reportLine(
  line: SourceLine,
  home: { readonly account: string; readonly region: string },
  yaml: YamlFile,
  report: (problem: Problem) => void,
): void {
  const at = (key: string, message: string, remedy: string): void => report(yaml.problem([...line.path, key], message, remedy));
  const elsewhere = "deploy falco-responder there too, or send the lines to a group here";
  if (line.account !== null && line.account !== home.account) {
    at("account", "a log group of another account cannot call a Lambda function of this one", elsewhere);
  }
  if (line.region !== null && line.region !== home.region) {
    at("region", "a log group of another Region cannot call a Lambda function of this one", elsewhere);
  }
  if (line.class !== "STANDARD") {
    at("class", "only groups of class STANDARD take subscription filters", "make a STANDARD group: the class cannot be changed");
  }
  if (line.existingFilters >= MAX_FILTERS) {
    at("existingFilters", `a log group takes ${MAX_FILTERS} subscription filters, and both are taken`, "remove one, or use another group");
  }
  if (line.create && line.existingFilters > 0)
    at("existingFilters", "a group that the stack makes has no filters", "remove this or create");
  if (/^\/aws\/lambda\/falco-responder(-|$)/.test(line.name)) {
    at("name", "our own log groups can never be a source: every line would make more lines", "name the group that Falco's lines arrive in");
  }
  if (line.create && line.name.startsWith("aws/")) at("name", 'names that begin with "aws/" are kept for AWS', "choose another name");
}

function reportPair(line: SourceLine, earlier: SourceLine, yaml: YamlFile, report: (problem: Problem) => void): void {
  if (line.name !== earlier.name) return;
  if (line.create !== earlier.create) {
    report(
      yaml.problem(
        [...line.path, "create"],
        "the same group is made by the stack elsewhere in this file, or the other way round",
        "say the same in both",
      ),
    );
  }
  if (!line.streamPrefix.startsWith(earlier.streamPrefix) && !earlier.streamPrefix.startsWith(line.streamPrefix)) return;
  const message =
    line.cluster === earlier.cluster
      ? "the same streams stand twice for this cluster"
      : `streams of this group would speak for cluster "${earlier.cluster}" and for "${line.cluster}"`;
  report(yaml.problem([...line.path, "streamPrefix"], message, "give each its own streamPrefix, none the beginning of another"));
}
