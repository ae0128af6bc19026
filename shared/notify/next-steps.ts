import { actionKey, keyOf as nameOf } from "#shared/domain/action.ts";
import type { Receipt } from "#shared/domain/receipt.ts";
import type { ObjectWorkload, PodWorkload, TaskWorkload, Workload } from "#shared/domain/workload.ts";
import { serviceLink, taskLink } from "#shared/notify/links.ts";
import { type Line, type Status, said } from "#shared/notify/parts.ts";
import { shellWord } from "#shared/notify/text.ts";
import type { IncidentView } from "#shared/notify/view.ts";

/** Commands and links for the one who is woken by this, most useful first. Arguments come from the control plane and are quoted. */
export function nextSteps(view: IncidentView, status: Status): Line[] {
  const { workload } = view;
  if (view.accuser !== null && !view.accuser.verified)
    return [
      [
        "Find out who can write to this log stream. If it is one of your sensors, add it to the sources of its cluster in falco-responder.yml.",
      ],
    ];
  if (workload === null) return [["Open the log event and find the workload by hand: nothing could be verified, so nothing was touched."]];
  return [...decisionSteps(view, workload), ...stepsFor(workload, ended(status))];
}

function stepsFor(workload: Workload, isEnded: boolean): Line[] {
  if (workload.kind === "task") return taskSteps(workload, isEnded);
  return workload.kind === "pod" ? podSteps(workload, isEnded) : objectSteps(workload);
}

/** What waits for a person, and what a person may take back: the very commands. */
function decisionSteps({ incident, stage, decisions, receipts }: IncidentView, { uid }: Workload): Line[] {
  // Whoever runs it later must not hit another target that waits by then.
  const target = uid.slice(uid.lastIndexOf("/") + 1);
  const command = (verb: string, key: string) =>
    `npm run responder -- ${verb} ${shellWord(incident)} --action ${shellWord(key)} --target ${shellWord(target)}${stage === null ? "" : ` --stage ${shellWord(stage)}`}`;
  const waiting = decisions
    .filter((decision) => decision.kind === "await-approval")
    .map(({ action }) => actionKey(action.action, action.params))
    .filter((key) => !receipts.some((receipt) => keyOf(receipt) === key));
  const undoable = receipts.filter(
    (one) => one.undo.possible && !receipts.some((other) => isTakenBack(other) && keyOf(other) === keyOf(one)) && !one.undoing,
  );
  const isOver = receipts.some(({ timed }) => timed === "asked");
  return [
    ...(isOver ? [["To end it for good: ", { command: command("approve", "kubernetes:terminate") }] satisfies Line] : []),
    ...waiting.flatMap((key): Line[] => [
      ["To approve: ", { command: command("approve", key) }],
      ["To refuse: ", { command: command("deny", key) }],
    ]),
    ...undoable.map((receipt): Line => ["To take it back: ", { command: command("undo", keyOf(receipt)) }]),
  ];
}

const isTakenBack = ({ undoing, timed }: Receipt): boolean => undoing === true && timed !== "asked";

const keyOf = ({ action, subject }: Receipt): string => nameOf(action, subject);

const ended = ({ outcome }: Status): boolean => outcome === "done" || outcome === "requested" || outcome === "skipped";

function taskSteps(task: TaskWorkload, isEnded: boolean): Line[] {
  const [, , , region = ""] = task.taskArn.split(":");
  const base = `--cluster ${shellWord(task.clusterArn)} --region ${shellWord(region)}`;
  const lines: Line[] = [["Look at it: ", { command: `aws ecs describe-tasks ${base} --tasks ${shellWord(task.taskArn)}` }]];
  const toTask = taskLink(task);
  const toService = serviceLink(task);
  if (toTask !== null)
    lines.push([
      { link: toTask, label: "Task in the ECS console" },
      ...(toService === null ? [] : [" · ", { link: toService, label: "its service" }]),
    ]);
  if (!isEnded) {
    lines.push(["Stop it by hand: ", { command: `aws ecs stop-task ${base} --task ${shellWord(task.taskArn)} --reason falco` }]);
    return lines;
  }
  if (task.service !== null)
    lines.push(["Check the replacement: ", { command: `aws ecs list-tasks ${base} --service-name ${shellWord(task.service)}` }]);
  lines.push(["Fix the image or task definition ", said(`${task.family}:${task.revision}`, 300), ", then deploy."]);
  lines.push(["If the task role could reach anything of value, revoke its active sessions (IAM console, role, Revoke sessions)."]);
  return lines;
}

function podSteps(pod: PodWorkload, isEnded: boolean): Line[] {
  const ns = `kubectl -n ${shellWord(pod.namespace)}`;
  if (!isEnded)
    return [
      ["Look at it: ", { command: `${ns} get pod ${shellWord(pod.name)} -o yaml` }],
      ["Its output: ", { command: `${ns} logs ${shellWord(pod.name)} --all-containers --tail=200` }],
      ["Delete it by hand: ", { command: `${ns} delete pod ${shellWord(pod.name)} --grace-period=1` }],
    ];
  const lines: Line[] = [["What runs now: ", { command: `${ns} get pods -o wide` }]];
  if (pod.owner !== null)
    lines.push([
      "Its controller: ",
      { command: `${ns} get ${shellWord(pod.owner.kind.toLowerCase())} ${shellWord(pod.owner.name)} -o yaml` },
    ]);
  lines.push(["Events of the pod: ", { command: `${ns} get events --field-selector involvedObject.name=${shellWord(pod.name)}` }]);
  if (pod.serviceAccount !== null)
    lines.push([
      "What its service account could do: ",
      {
        command: `kubectl auth can-i --list -n ${shellWord(pod.namespace)} --as=system:serviceaccount:${shellWord(pod.namespace)}:${shellWord(pod.serviceAccount)}`,
      },
    ]);
  return lines;
}

function objectSteps({ resource, apiVersion, namespace, name }: ObjectWorkload): Line[] {
  const group = apiVersion.includes("/") ? `.${apiVersion.slice(0, apiVersion.indexOf("/"))}` : "";
  const ns = namespace === null ? "" : ` -n ${shellWord(namespace)}`;
  return [["Look at it: ", { command: `kubectl${ns} get ${shellWord(`${resource}${group}`)} ${shellWord(name)} -o yaml` }]];
}
