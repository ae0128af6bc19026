import { ACTION_FACTS, actionKey, byOrder, keyOf } from "#shared/domain/action.ts";
import type { Fields } from "#shared/domain/alert.ts";
import type { DecisionKind } from "#shared/domain/decision.ts";
import type { PolicyAction } from "#shared/domain/policy.ts";
import type { Outcome, Receipt } from "#shared/domain/receipt.ts";
import { type Workload, workloadName } from "#shared/domain/workload.ts";
import { logEventLink } from "#shared/notify/links.ts";
import { meaning } from "#shared/notify/meaning.ts";
import { nextSteps } from "#shared/notify/next-steps.ts";
import { fieldText, type Line, type Status, said } from "#shared/notify/parts.ts";
import { questionLines } from "#shared/notify/questions.ts";
import type { IncidentView } from "#shared/notify/view.ts";

/** A notification before it has a form: the same content for mail, JSON and Slack. */
export interface Story {
  readonly headline: string;
  /** What the headline says, in one word each: for filters and colours. */
  readonly status: Status;
  readonly sections: readonly { readonly title: string; readonly lines: readonly Line[] }[];
}

/** The most pressing first: what a person must look at decides the headline. */
const OUTCOMES: readonly Outcome[] = ["unknown", "failed", "requested", "refused", "done", "skipped"];
const KINDS: readonly DecisionKind[] = ["act", "await-approval", "would-act", "hold"];

export function statusOf(view: IncidentView): Status {
  const receipts = standing(view.receipts);
  return {
    decision: KINDS.find((kind) => view.decisions.some((decision) => decision.kind === kind)) ?? "tell",
    outcome: OUTCOMES.find((outcome) => receipts.some((receipt) => receipt.outcome === outcome)) ?? "none",
  };
}

/** What is true now: an action that was taken back is told by its undoing. */
const standing = (receipts: readonly Receipt[]): readonly Receipt[] =>
  receipts.filter(
    (one) =>
      one.undoing === true ||
      !receipts.some((other) => other.undoing === true && isSame(one, other) && other.outcome !== "refused" && other.outcome !== "failed"),
  );

const isOf = ({ action, subject }: Receipt, wanted: PolicyAction): boolean =>
  keyOf(action, subject) === actionKey(wanted.action, wanted.params);
const isSame = (a: Receipt, b: Receipt): boolean => a.action === b.action && a.subject === b.subject;

/** Everything a notification says, from what the ledger holds when it is sent. Never claims more than the receipts do. */
export function tellStory(view: IncidentView): Story {
  const status = statusOf(view);
  return {
    headline: headline(view, status),
    status,
    sections: [
      { title: "What happened", lines: happened(view) },
      { title: "Where", lines: where(view) },
      { title: "What was done", lines: done(view) },
      { title: "What it means", lines: meaning(view, status) },
      ...asked(view),
      { title: "What to do next", lines: nextSteps(view, status) },
    ],
  };
}

const asked = (view: IncidentView): Story["sections"] => {
  const lines = questionLines(view);
  return lines.length === 0 ? [] : [{ title: "What people are asked", lines }];
};

function headline(view: IncidentView, status: Status): string {
  const rule = said(view.alert?.rule ?? "alert", 70).said;
  const receipt = headliner(standing(view.receipts), status);
  const asked = status.outcome === "unknown" || status.outcome === "failed" ? undefined : question(view);
  if (receipt !== undefined)
    return `${outcomeHeadline(receipt)}${asked === undefined ? "" : `, your answer is needed to ${asked.do} the ${asked.thing}`}: ${rule}`;
  const decision = view.decisions.findLast((one) => one.kind === status.decision);
  if (decision === undefined) return `Falco alert: ${rule}`;
  const name = typeof decision.action === "string" ? decision.action : decision.action.action;
  const verb = ACTION_FACTS[name].words;
  const { thing } = verb;
  if (decision.kind === "act") return `Decided to ${verb.do} the ${thing}, no result yet: ${rule}`;
  if (decision.kind === "would-act") return `Observed only, would have ${verb.did} the ${thing}: ${rule}`;
  if (decision.kind === "await-approval") return `Waiting for approval to ${verb.do} the ${thing}: ${rule}`;
  return `Held, nothing touched: ${rule}`;
}

/** What a person is asked beside what was done. */
function question({ decisions, receipts }: IncidentView) {
  const [waiting] = decisions
    .filter((decision) => decision.kind === "await-approval")
    .filter(({ action }) => !receipts.some((receipt) => isOf(receipt, action)));
  return waiting === undefined ? undefined : ACTION_FACTS[waiting.action.action].words;
}

/** Of several with the most pressing outcome the one that matters most: what ends or cuts, before what only marks. */
const headliner = (receipts: readonly Receipt[], { outcome }: Status): Receipt | undefined =>
  receipts.filter((one) => one.outcome === outcome).toSorted((a, b) => byOrder(b.action, a.action))[0];

function undoHeadline({ action, outcome, timed }: Receipt): string {
  const { thing, did } = ACTION_FACTS[action].words;
  if (timed === "asked") return `Your answer is needed, the time of it is over: the ${thing} is still ${did}`;
  if (timed === "ended") return endHeadline(outcome, thing, did);
  if (outcome === "done") return `Taken back, the ${thing} is as before it was ${did}`;
  if (outcome === "skipped") return `Nothing left to take back on the ${thing}`;
  if (outcome === "requested") return `Taking back on the ${thing} requested, not confirmed`;
  return `NOT taken back on the ${thing}`;
}

function endHeadline(outcome: Outcome, thing: string, did: string): string {
  if (outcome === "done") return `Ended when its time was over, the ${thing} that was ${did} is gone`;
  if (outcome === "skipped") return `Its time was over, and the ${thing} that was ${did} was gone`;
  if (outcome === "requested") return `Its time is over, ending of the ${thing} that was ${did} requested, not confirmed`;
  return `NOT ended although its time is over: the ${thing} that was ${did}`;
}

function outcomeHeadline(receipt: Receipt): string {
  const { action, outcome, undoing } = receipt;
  if (undoing === true) return undoHeadline(receipt);
  const verb = ACTION_FACTS[action].words;
  const { thing } = verb;
  if (outcome === "done") return `${capital(thing)} ${verb.did}`;
  if (outcome === "requested") return `${capital(verb.do)} of the ${thing} requested, not confirmed`;
  if (outcome === "skipped") return `Nothing left to do on the ${thing}`;
  if (outcome === "refused") return `Not ${verb.did}, the ${thing} was not touched`;
  if (outcome === "failed") return `FAILED to ${verb.do} the ${thing}`;
  return `UNKNOWN whether the ${thing} was ${verb.did}`;
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

const SHOWN: readonly (readonly [label: string, names: readonly string[]])[] = [
  ["Command", ["proc.cmdline", "proc.exeline"]],
  ["Parent", ["proc.pcmdline", "proc.pname"]],
  ["Program", ["proc.exepath"]],
  ["User", ["user.name"]],
  ["File or connection", ["fd.name"]],
  ["Kubernetes API user", ["ka.user.name"]],
];

function shownField(fields: Fields, names: readonly string[]): string | null {
  for (const name of names) {
    const value = fields[name];
    if (value !== undefined && value !== null && value !== "" && value !== "<NA>") return fieldText(name, value, 4_096);
  }
  return null;
}

function happened(view: IncidentView): Line[] {
  const { alert } = view;
  if (alert === null) return [["The alert can no longer be read from the ledger."]];
  const lines: Line[] = [
    ["Falco rule ", said(alert.rule, 200), `, priority ${alert.priority}`, ...(alert.time === null ? [] : [", at ", said(alert.time, 64)])],
  ];
  for (const [label, names] of SHOWN) {
    const text = shownField(alert.fields, names);
    if (text !== null) lines.push([`${label}: `, said(text, 700)]);
  }
  if (alert.output !== null && shownField(alert.fields, ["proc.cmdline", "proc.exeline"]) === null)
    lines.push(["Falco says: ", said(alert.output, 1_000)]);
  if (view.count > 1) lines.push([`At least ${view.count} similar alerts so far${span(view)}.`]);
  if (view.tell !== null) lines.push(["Told although no policy rule asks for it: ", said(view.tell, 500)]);
  if (view.accuser !== null && !view.accuser.verified)
    lines.push(["This line is not from a source that may accuse: ", said(view.accuser.because ?? "no reason given", 500)]);
  return lines;
}

const span = ({ firstAlertAtMs, lastAlertAtMs }: IncidentView): string =>
  firstAlertAtMs === null || lastAlertAtMs === null || lastAlertAtMs <= firstAlertAtMs
    ? ""
    : ` within ${seconds(lastAlertAtMs - firstAlertAtMs)}`;

function where(view: IncidentView): Line[] {
  const lines: Line[] = [];
  if (view.cluster === null) lines.push(["Cluster: not known (no registry entry binds this log stream)"]);
  else lines.push(["Cluster: ", said(view.cluster.name, 128), ` (${view.cluster.kind}, `, said(view.cluster.region, 64), ")"]);
  if (view.workload !== null) lines.push(...workloadLines(view.workload));
  else lines.push(...claimedLines(view));
  if (view.accuser !== null) {
    const link = logEventLink(view.accuser, view.logRegion);
    lines.push([
      "Log: group ",
      said(view.accuser.logGroup, 512),
      ", stream ",
      said(view.accuser.logStream, 512),
      ...(link === null ? [", event ", said(view.accuser.eventId, 64)] : [", ", { link, label: "open the log event" }]),
    ]);
  }
  return lines;
}

function workloadLines(workload: Workload): Line[] {
  if (workload.kind === "object")
    return [
      ["Kubernetes object ", said(workloadName(workload), 600), ", ", said(workload.apiVersion, 300), ", uid ", said(workload.uid, 64)],
    ];
  const image = workload.container.image === null ? [] : [", image ", said(workload.container.image, 512)];
  const container: Line = [
    "Container: ",
    said(workload.container.name, 255),
    ...image,
    ", id ",
    said(workload.container.id.slice(0, 12), 12),
  ];
  if (workload.kind === "task")
    return [
      [
        "ECS ",
        said(workloadName(workload), 400),
        workload.service === null ? ", of no service" : ", service ",
        ...(workload.service === null ? [] : [said(workload.service, 255)]),
      ],
      container,
    ];
  const owner: Line =
    workload.owner === null ? [", of no controller"] : [", of ", said(`${workload.owner.kind}/${workload.owner.name}`, 300)];
  return [
    ["Kubernetes ", said(workloadName(workload), 400), ...owner],
    ...(workload.node === null ? [] : [["Node: ", said(workload.node, 255)]]),
    container,
  ];
}

/** Without a verified workload there is only what the alert claims, and it is called a claim. */
function claimedLines({ alert }: IncidentView): Line[] {
  if (alert === null) return [];
  if (alert.onHost)
    return [["A process outside any container", ...(alert.hostname === null ? [] : [", sensor ", said(alert.hostname, 255)])]];
  const image = shownField(alert.fields, ["container.image.repository"]);
  const pod = shownField(alert.fields, ["k8s.pod.name"]);
  return [
    [
      "Not verified; the alert claims container ",
      said(alert.containerId ?? "(none)", 80),
      ...(image === null ? [] : [", image ", said(image, 300)]),
      ...(pod === null ? [] : [", pod ", said(`${shownField(alert.fields, ["k8s.ns.name"]) ?? "?"}/${pod}`, 300)]),
    ],
  ];
}

function done(view: IncidentView): Line[] {
  const lines: Line[] = view.receipts.flatMap((receipt) => receiptLines(receipt, view.alert?.timeMs ?? null));
  for (const decision of view.decisions) {
    const action = decision.kind === "hold" ? decision.action : decision.action.action;
    if (decision.kind !== "hold" && view.receipts.some((receipt) => isOf(receipt, decision.action))) continue;
    lines.push([DECIDED[decision.kind], `${action} (policy rule `, said(decision.rule, 128), "): ", said(decision.because, 500)]);
  }
  return lines.length > 0 ? lines : [["Nothing: the policy asks only to tell."]];
}

function receiptLines(receipt: Receipt, alertMs: number | null): Line[] {
  const { outcome, evidence, undo, remarks = [] } = receipt;
  const lines: Line[] = [receiptLine(receipt, alertMs), ...remarks.map((remark): Line => ["Note: ", said(remark, 400)])];
  if (evidence.kind === "kept") lines.push(["Evidence kept before the action: ", said(evidence.key, 512)]);
  if (evidence.kind === "failed") lines.push(["No evidence could be kept: ", said(evidence.because, 300)]);
  if (outcome === "failed" || outcome === "refused") return lines;
  if (undo.possible) lines.push(["Can be taken back: ", said(undo.says, 300)]);
  else if (receipt.undoing !== true && outcome !== "skipped" && outcome !== "unknown")
    lines.push(["Cannot be taken back: ", said(undo.because, 300)]);
  return lines;
}

const DECIDED: Record<DecisionKind, string> = {
  act: "Decided, no result yet: ",
  "would-act": "Observed only, would have done ",
  "await-approval": "Waits for a person to approve ",
  hold: "Held, not done: ",
};

const OUTCOME_WORDS: Record<Outcome, string> = {
  done: "done and verified",
  requested: "requested, not yet confirmed",
  skipped: "skipped, nothing was left to do",
  refused: "refused, not done",
  failed: "failed, it certainly did not happen",
  unknown: "unknown, it was tried and may or may not have happened",
};

const UNDOING = { person: "undo", undone: "undo by time", ended: "end by time", asked: "end" } as const;

function receiptLine(receipt: Receipt, alertMs: number | null): Line {
  const at = receipt.verifiedAtMs ?? receipt.requestedAtMs;
  const after = at === null || alertMs === null || at < alertMs ? "" : `, ${seconds(at - alertMs)} after the alert`;
  const of: Line = receipt.subject === undefined ? [] : [" (", said(receipt.subject, 200), ")"];
  if (receipt.timed === "asked") return [receipt.action, ...of, ": its time is over, a person is asked (", said(receipt.because, 500), ")"];
  const what = receipt.undoing === true ? `${UNDOING[receipt.timed ?? "person"]} of ${receipt.action}` : receipt.action;
  return [what, ...of, `: ${OUTCOME_WORDS[receipt.outcome]}${after} (`, said(receipt.because, 500), ")"];
}

/** A duration as a person says it: 850 ms, 4.2 s, 3 min, 2 h. */
export function seconds(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  return `${Math.round(ms / 3_600_000)} h`;
}
