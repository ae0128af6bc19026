import { code } from "#shared/report/inert.ts";
import type { ActionPart, AlertPart, PolicyPart, QuestionPart, TargetPart } from "#shared/report/report.ts";

export function alertLines(alert: AlertPart): readonly string[] {
  const { accuser, processes, decisions } = alert;
  return [
    "",
    `### Alert ${code(alert.id.slice(0, 12))}`,
    "",
    `- Rule: ${code(alert.rule)}, priority ${code(alert.priority)}, standing for ${alert.count}`,
    `- Time: ${code(alert.time ?? "(none)")} on node ${code(alert.node ?? "(not named)")}`,
    `- Container: ${code(alert.containerId ?? "(none)")}`,
    ...(alert.user === null ? [] : [`- User: ${code(alert.user)}`]),
    ...(processes.length === 0 ? ["- Processes: the alert names none"] : ["- Processes, from the offender upwards:"]),
    ...processes.map(
      ({ name, pid, command }) =>
        `  - ${code(name)}${pid === null ? "" : ` (pid ${code(pid)})`}${command === null ? "" : `: ${code(command)}`}`,
    ),
    ...(alert.output === null ? [] : [`- Output: ${code(alert.output)}`]),
    `- Accuser: ${accuser.verified ? "believed" : "not believed"}: ${code(accuser.because)}`,
    `- Raw line: account ${code(accuser.account)}, log group ${code(accuser.logGroup)}, stream ${code(accuser.logStream)}, event ${code(accuser.eventId)}${accuser.eventAt === null ? "" : ` of ${accuser.eventAt}`}`,
    ...(accuser.wholeAt === null ? [] : [`- Whole event: object ${code(accuser.wholeAt)} of the unreadable bucket`]),
    `- Id: ${code(alert.id)}`,
    ...(alert.matched.length === 0 ? [] : [`- Matched by policy rules: ${alert.matched.map(code).join(", ")}`]),
    ...(alert.under === null ? [] : [`- Decided under: ${under(alert.under)}`]),
    ...(decisions.length === 0 ? [`- Decided ${alert.decidedAt}: tell only`] : [`- Decided ${alert.decidedAt}:`]),
    ...decisions.map(({ kind, action, rule, because }) => `  - ${kind} ${code(action)}, by rule ${code(rule)}: ${code(because)}`),
  ];
}

const under = ({ policy, registry }: { readonly policy: string; readonly registry: string | null }): string =>
  `policy ${code(policy)}, registry ${code(registry ?? "(no version)")}`;

export const targetLines = (target: TargetPart): readonly string[] => [
  `- ${code(target.name)} (${target.kind}) in cluster ${code(target.cluster)}${target.owner === null ? "" : `, of ${code(target.owner)}`}`,
  `  - Identity: ${code(target.uid)}`,
  ...(target.image === null ? [] : [`  - Image: ${code(target.image)}`]),
  `  - Verified: ${code(target.how)}`,
];

export const policyLines = ({ versions, name, rule, from }: PolicyPart): readonly string[] => [
  `- Rule ${code(name)} of ${under(versions)}, from ${code(from)}`,
  ...(rule === null ? [] : [`  - ${code(JSON.stringify(rule))}`]),
];

export const questionLines = (question: QuestionPart): readonly string[] => [
  `- ${question.verb} ${code(question.action)} on ${code(question.target)}: ${question.state}`,
  `  - ${question.verb === "undo" ? "Begun" : "Asked"} ${question.askedAt}${question.until === null ? "" : `, until ${question.until}`}`,
  ...(question.decidedAt === null ? [] : [`  - Answered ${question.decidedAt} by ${code(question.by ?? "(nobody)")}`]),
  ...(question.because === null ? [] : [`  - Became: ${code(question.because)}`]),
];

export function actionLines(action: ActionPart): readonly string[] {
  const { evidence, latency } = action;
  const time = (what: string, at: string | null): readonly string[] => (at === null ? [] : [`- ${what}: ${at}`]);
  const spans = Object.entries(latency).flatMap(([name, ms]) => (ms === null ? [] : [`${SPANS[name] ?? name} ${ms} ms`]));
  return [
    "",
    `### ${action.undoing ? "Undoing of " : ""}${code(action.action)}: ${action.outcome}`,
    "",
    `- Target: ${code(action.target)}`,
    `- Because: ${code(action.because)}`,
    ...time("Claimed", action.claimedAt),
    ...time("Requested", action.requestedAt),
    ...time("Seen in the world", action.verifiedAt),
    ...time("Receipt", action.settledAt),
    ...(spans.length === 0 ? [] : [`- Latencies: ${spans.join(", ")}`]),
    evidence.kind === "kept"
      ? `- Evidence: object ${code(evidence.key)}, SHA-256 ${code(evidence.sha256)}`
      : `- Evidence: ${evidence.kind === "failed" ? `could not be kept: ${code(evidence.because ?? "")}` : "none"}`,
    ...action.remarks.map((remark) => `- Also, or not cut: ${code(remark)}`),
    `- Undo: ${code(action.undo)}`,
    ...(action.under === null ? [] : [`- Under: ${under(action.under)}`]),
  ];
}

const SPANS: Readonly<Record<string, string>> = {
  syscallToReceived: "syscall to queued",
  receivedToDecided: "queued to decided",
  decidedToRequested: "decided to acted",
  requestedToVerified: "acted to verified",
  verifiedToTold: "verified to told",
};
