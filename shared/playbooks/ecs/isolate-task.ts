import type { TaskWorkload } from "#shared/domain/workload.ts";
import { aimAtTask } from "#shared/playbooks/ecs/target.ts";
import { type Playbook, refused } from "#shared/playbooks/playbook.ts";

const NAME = "ecs:isolate-task";

/** AWS's guides advise to move the service to a closed security group: the offender serves on while its replacements fail to start. */
const NOT_BY_SERVICE = "UpdateService with another networkConfiguration replaces tasks instead of isolating the one that runs";

/**
 * Refuses every task: no API isolates one that runs. The interface of an awsvpc task is requester-managed and nobody may change its security
 * groups (DryRun checks rights alone and says yes): https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/requester-managed-eni.html and
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-networking-awsvpc.html
 */
export const isolateTask: Playbook = {
  name: NAME,
  needs: { iam: [], look: [], rbac: [] },

  never: {
    because: `no API cuts a running ECS task off: an awsvpc task's interface is managed by ECS, the others share the host's; ${NOT_BY_SERVICE}`,
    instead: "name ecs:stop-task, and ecs:isolate-instance where the host may be lost too",
  },

  plan(workload, params) {
    const target = aimAtTask(NAME, "is about ECS tasks", workload, params, []);
    return refused(typeof target === "string" ? target : whyNot(target));
  },

  execute: () => Promise.reject(new Error(`${NAME} plans nothing, so there is nothing to execute`)),
  verify: () => Promise.reject(new Error(`${NAME} plans nothing, so there is nothing to look at`)),
  undo: { possible: false, because: "no task is ever isolated, so there is nothing to take back" },
};

function whyNot({ launchType, networkInterfaces = [], containerInstanceArn }: TaskWorkload): string {
  if (launchType === "FARGATE" || networkInterfaces.length > 0 || containerInstanceArn === null)
    return `an awsvpc task's interface is managed by ECS: no API changes its security groups, though DryRun says yes. ${NOT_BY_SERVICE}; next best: ecs:stop-task`;
  const host = launchType === "EC2" ? ", and ecs:isolate-instance after it if the host may be lost" : "";
  return `the task shares its host's interfaces (bridge, host or none): cutting them cuts every task on the host. ${NOT_BY_SERVICE}; next best: ecs:stop-task${host}`;
}
