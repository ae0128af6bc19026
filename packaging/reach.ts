import type { Cluster } from "#shared/domain/registry.ts";
import { globTest } from "#shared/policy/pattern.ts";
import type { Problem } from "./problem.ts";
import type { Path, YamlFile } from "./yaml-file.ts";

/** The stack is named falco-responder-<stage>, and so its roles and log groups begin. */
const OWN_ROLES = "falco-responder-";
const OWN_LOGS = "/aws/lambda/falco-responder-";

/** What a cluster lets actions reach beyond its tasks: `taskRoles` and `taskLogGroups`, in which `*` stands for any text. */
export function reportReach(
  { kind, account, taskRoles, taskLogGroups }: Cluster,
  all: readonly Cluster[],
  path: Path,
  yaml: YamlFile,
  report: (problem: Problem) => void,
): void {
  for (const [key, patterns] of Object.entries({ taskRoles, taskLogGroups })) {
    if (patterns === undefined || kind === "ecs") continue;
    report(
      yaml.problem([...path, key], `${key} is for ECS only`, "remove it: a pod has no task role and no awslogs driver", { atKey: true }),
    );
  }
  const reached = all.flatMap(({ roleArn }) => (roleArn?.split(":")[4] === account ? [roleName(roleArn)] : []));
  taskRoles?.forEach((pattern, position) => {
    if (!canBegin(pattern, OWN_ROLES) && !reached.some(globTest(pattern.toLowerCase()))) return;
    const message = `"${pattern}" may name a role of falco-responder's own, whose sessions would be revoked`;
    report(yaml.problem([...path, "taskRoles", position], message, "name the tasks' roles by how they begin"));
  });
  taskLogGroups?.forEach((pattern, position) => {
    if (!canBegin(pattern, OWN_LOGS)) return;
    const message = `"${pattern}" may name a log group of falco-responder's own`;
    report(yaml.problem([...path, "taskLogGroups", position], message, "name the groups of the awslogs driver by how they begin"));
  });
}

const roleName = (arn: string): string => arn.slice(arn.lastIndexOf("/") + 1).toLowerCase();

/** IAM does not distinguish names by case. Is there a text that fits the glob and begins so? Behind the first `*` anything may follow, so what stands there does not matter. */
function canBegin(glob: string, beginning: string): boolean {
  const [literal = "", ...rest] = glob.toLowerCase().split("*");
  return literal.startsWith(beginning) || (rest.length > 0 && beginning.startsWith(literal));
}
