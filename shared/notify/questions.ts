import { ACTION_FACTS, type ActionName } from "#shared/domain/action.ts";
import { type Workload, workloadName } from "#shared/domain/workload.ts";
import { type Line, said } from "#shared/notify/parts.ts";
import type { IncidentView, Question } from "#shared/notify/view.ts";

/** Whom it hits beside the one that is accused; an action that is not here hits it alone. docs/ecs-actions.md, docs/kubernetes-actions.md */
const HITS: Readonly<Partial<Record<ActionName, string>>> = {
  "aws:invoke-lambda": "whatever your function does",
  "ecs:revoke-role-sessions": "every task that has this role, until it gets new credentials",
  "ecs:scale-service-to-zero": "every task of the service",
  "ecs:drain-instance": "every task on the container instance",
  "ecs:isolate-instance": "every task on the EC2 instance, and its ECS agent",
  "kubernetes:cordon": "new pods: none comes to this node",
  "kubernetes:revoke-tokens": "every pod that runs as this service account",
  "kubernetes:scale-to-zero": "every pod of the owner",
  "kubernetes:suspend": "every pod of the job, and what it would still start",
  "kubernetes:drain": "every pod on the node",
  "kubernetes:delete": "whoever relies on the object; it is not given back",
};

/** The plan in one sentence, as it will run: what, to whom, with which parameters, and whom else it hits. Texts of others are made inert by `said`. */
export function planLine({ action: { action, params }, target }: Question, workload: Workload | null): Line {
  const { do: verb, thing } = ACTION_FACTS[action].words;
  const given = Object.entries(params).map(([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`);
  return [
    `${verb.charAt(0).toUpperCase()}${verb.slice(1)} the ${thing} (${action}) of `,
    said(workload === null ? target : workloadName(workload), 300),
    ...(given.length === 0 ? [] : [" with ", said(given.join(", "), 500)]),
    `; it hits ${HITS[action] ?? "this target alone"}.`,
  ];
}

export const isOpen = ({ state }: Question): boolean => state === "awaiting";

/** What is asked, exactly, who must say yes, and who said what. Nothing for a question that is over without an answer: its outcome is told. */
export function questionLines({ questions = [], workload }: IncidentView): Line[] {
  return questions.flatMap((question) => {
    const { votes, untilMs, quorum, action } = question;
    const answers = votes.map(
      ({ says, person, atMs }): Line => [said(person, 200), ` has said ${says} to ${action.action} at ${minute(atMs)}.`],
    );
    if (!isOpen(question)) return answers;
    const needs = quorum === 1 ? "One person must say yes" : `${quorum} different people must say yes`;
    return [
      planLine(question, workload),
      ...answers,
      [`${needs} by ${minute(untilMs)}; one no ends it. The target is looked at again before it is done.`],
    ];
  });
}

const minute = (ms: number): string => `${new Date(ms).toISOString().slice(0, 16).replace("T", " ")} UTC`;
