import { ACTION_FACTS, keyOf } from "#shared/domain/action.ts";
import { BUTTONS, buttonValue, type Meant } from "#shared/domain/button.ts";
import type { Receipt } from "#shared/domain/receipt.ts";
import type { Line } from "#shared/notify/parts.ts";
import { isOpen, planLine } from "#shared/notify/questions.ts";
import { type Button, plain, plainText, type SlackBlock } from "#shared/notify/slack-parts.ts";
import type { IncidentView, Question } from "#shared/notify/view.ts";

/** Of a confirmation dialog: https://docs.slack.dev/reference/block-kit/composition-objects/confirmation-dialog-object */
const LIMITS = { title: 100, text: 300, answer: 30 } as const;
/** A message has room for 50 blocks; what has no button has its command. */
const MOST = 10;

/** Buttons that answer what is asked, and take back what can be; a block for each. None where Slack would send the click nowhere. */
export function slackButtons(view: IncidentView): readonly SlackBlock[] {
  if (view.clickable !== true) return [];
  const questions = (view.questions ?? []).filter(isOpen).map((question) => answers(question, view));
  const undos = view.receipts.filter((receipt) => canBeUndone(receipt, view.receipts)).map((receipt) => [undo(receipt, view)]);
  return [...questions, ...undos].slice(0, MOST).map((elements) => ({ type: "actions", elements }));
}

function answers(question: Question, { incident, workload }: IncidentView): readonly Button[] {
  const { key, target, askedAtMs, quorum, action } = question;
  const value = buttonValue({ incident, verb: "approve", target, key, sinceMs: askedAtMs } satisfies Meant);
  const name = action.action;
  // The plan first: where there is no room for all of it, the end is cut.
  const plan = `${wordsOf(planLine(question, workload))}${quorum > 1 ? ` ${quorum} people must say yes.` : ""}`;
  return [
    button("approve", `Approve ${name}`, value, { title: `Approve ${name}?`, text: plan, yes: "Approve" }, "danger"),
    button("deny", `Deny ${name}`, value, { title: `Deny ${name}?`, text: `It is not done: ${plan}`, yes: "Deny" }),
  ];
}

function undo(receipt: Receipt, { incident }: IncidentView): Button {
  const { action, subject, target, requestedAtMs } = receipt;
  const value = buttonValue({ incident, verb: "undo", target, key: keyOf(action, subject), sinceMs: requestedAtMs });
  const { thing, did } = ACTION_FACTS[action].words;
  const says = receipt.undo.possible ? receipt.undo.says : "";
  const text = `The ${thing} was ${did}. Taking it back: ${plain(says)} The way in may be open again.`;
  return button("undo", `Take back ${action}`, value, { title: `Take back ${action}?`, text, yes: "Take back" });
}

const canBeUndone = (receipt: Receipt, all: readonly Receipt[]): boolean =>
  receipt.undo.possible &&
  receipt.undoing !== true &&
  !all.some(
    ({ undoing, timed, action, subject }) =>
      undoing === true && timed !== "asked" && action === receipt.action && subject === receipt.subject,
  );

function button(
  verb: keyof typeof BUTTONS,
  label: string,
  value: string,
  confirm: { readonly title: string; readonly text: string; readonly yes: string },
  style?: Button["style"],
): Button {
  return {
    type: "button",
    text: plainText(label, 75),
    action_id: BUTTONS[verb],
    value,
    ...(style === undefined ? {} : { style }),
    confirm: {
      title: plainText(confirm.title, LIMITS.title),
      text: plainText(confirm.text, LIMITS.text),
      confirm: plainText(confirm.yes, LIMITS.answer),
      deny: plainText("Cancel", LIMITS.answer),
    },
  };
}

/** Without markup: a dialog's text is plain. */
const wordsOf = (line: Line): string =>
  line.map((part) => (typeof part === "string" ? part : "said" in part ? plain(part.said) : "")).join("");
