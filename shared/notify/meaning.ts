import { ACTION_FACTS } from "#shared/domain/action.ts";
import type { Receipt } from "#shared/domain/receipt.ts";
import type { Workload } from "#shared/domain/workload.ts";
import type { Line, Status } from "#shared/notify/parts.ts";
import type { IncidentView } from "#shared/notify/view.ts";

/** What the outcome cuts off and what it does not, in words for a person who did not build this. */
export function meaning(view: IncidentView, status: Status): Line[] {
  const lines = distinct(view.receipts.flatMap((receipt) => receiptMeaning(receipt, view.workload)));
  if (lines.length > 0) return lines;
  if (view.receipts.length > 0)
    return [["What was done, what it does not cut and whom else it hits stands above. The process may still be running."]];
  if (status.decision === "act") return [["The action is under way. A second message tells the outcome."]];
  if (status.decision === "tell") return [["Nothing was touched. Whatever Falco saw may still be running."]];
  if (status.decision === "would-act")
    return [
      [
        "Nothing was touched: this policy observes. In enforce mode the action above would have been done. The process may still be running.",
      ],
    ];
  return [["Nothing was touched. The process may still be running, and nothing happens until a person decides."]];
}

/** Two actions on one target may mean the same. */
const distinct = (lines: readonly Line[]): Line[] => [...new Map(lines.map((line) => [JSON.stringify(line), line])).values()];

function receiptMeaning(receipt: Receipt, workload: Workload | null): Line[] {
  if (receipt.undoing === true) return undoMeaning(receipt);
  if (!ACTION_FACTS[receipt.action].stops) return otherMeaning(receipt);
  if (receipt.outcome === "refused" || receipt.outcome === "failed")
    return [["The workload was not touched by this action. The process may still be running."]];
  if (receipt.outcome === "unknown")
    return [["Treat it as still running until someone has looked: the answer of the control plane was lost."]];
  if (receipt.outcome === "skipped")
    return [["The workload had already ended or was ending. What it did before is not undone."], ...wrap(replacement(workload))];
  return receipt.action === "ecs:stop-task" ? taskMeaning(receipt, workload) : podMeaning(receipt, workload);
}

function undoMeaning({ outcome, timed }: Receipt): Line[] {
  if (timed === "asked") return [["Nothing has changed: what was isolated stays isolated until a person decides."]];
  if (timed === "ended")
    return outcome === "done" || outcome === "skipped"
      ? [["An offender is never let go by time: it is gone, and what we had made for it too."]]
      : [["It stays isolated until it can be ended. Look at the reason."]];
  if (outcome === "done") return [["The former state is there again, checked field by field. The way in may be open again, too."]];
  if (outcome === "failed") return [["The action stands as it is. Ask for the undo again when the reason is gone."]];
  if (outcome === "refused") return [["What others changed since then was not overwritten. Look at it and decide."]];
  return [];
}

/** What the action cuts and what it does not stands in its remarks: here only what its outcome means. */
function otherMeaning({ action, outcome }: Receipt): Line[] {
  const { thing, did } = ACTION_FACTS[action].words;
  if (outcome === "unknown") return [[`Nobody can say whether the ${thing} was ${did}: look at it.`]];
  if (outcome === "failed" || outcome === "refused") return [[`The ${thing} was not ${did}.`]];
  return outcome === "requested" ? [[`Asked for and not seen yet: a second message tells when the ${thing} is ${did}.`]] : [];
}

function taskMeaning(receipt: Receipt, workload: Workload | null): Line[] {
  const lines: Line[] =
    receipt.outcome === "done"
      ? [["All containers of this task have stopped; other tasks were not touched."]]
      : [
          [
            "ECS accepted the stop. Processes get the stop signal, then up to the stop timeout (30 s unless the task definition says otherwise) before they are killed.",
          ],
          ["If the ECS agent of the instance is disconnected, the container runs on although ECS wants it stopped."],
        ];
  lines.push(
    ["NOT cut off: credentials of the task role that were already stolen stay valid until they expire (hours)."],
    ...wrap(replacement(workload)),
  );
  if (workload?.kind === "task" && workload.launchType === "EC2")
    lines.push(["The stopped container stays on its instance for about 3 hours by default (docker export, docker logs)."]);
  if (workload?.kind === "task" && workload.launchType === "FARGATE")
    lines.push(["On Fargate nothing of the stopped container remains but its logs."]);
  return lines;
}

function podMeaning(receipt: Receipt, workload: Workload | null): Line[] {
  const lines: Line[] =
    receipt.outcome === "done"
      ? [["The pod is gone with all its containers; other pods were not touched."]]
      : [["The API server accepted the delete. If the node is cut off, or a finalizer holds the pod, its containers may run on."]];
  lines.push(
    [
      "NOT cut off: AWS sessions that the pod's service account obtained (IRSA, Pod Identity) stay valid until they expire; tokens bound to the pod die within about a minute.",
    ],
    ...wrap(replacement(workload)),
  );
  return lines;
}

const wrap = (parts: Line): Line[] => (parts.length === 0 ? [] : [parts]);

function replacement(workload: Workload | null): Line {
  if (workload === null) return [];
  if (workload.kind === "task")
    return workload.service === null
      ? ["The task belongs to no service: ECS does not start it again (AWS Batch, Step Functions or a schedule may)."]
      : ["ECS starts a replacement from the same task definition and image: the way in is still open until that is fixed."];
  return workload.owner === null
    ? ["The pod has no controller: it does not come back by itself."]
    : [`Its ${controller(workload.owner.kind)} makes a replacement from the same image: the way in is still open until that is fixed.`];
}

/** The kind is a name out of the cluster: only known ones are repeated. */
const controller = (kind: string): string =>
  ["Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicaSet"].includes(kind) ? kind : "controller";
