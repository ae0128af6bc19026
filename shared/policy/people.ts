import { ACTION_FACTS, type ActionName } from "#shared/domain/action.ts";
import { type Actor, actorText } from "#shared/domain/actor.ts";
import type { Entitlement, Person } from "#shared/domain/person.ts";
import { principalTest } from "#shared/policy/principal.ts";

/** What is asked for; null: it is of none, such as a pause of the whole fleet. */
export interface What {
  /** Name in falco-responder.yml. */
  readonly cluster: string | null;
  /** Policy rule. */
  readonly rule: string | null;
  readonly action: ActionName | null;
}

/** `person`: who it is, the same whichever way they come. refused: in words for the one who asks. */
export type Permission = { readonly kind: "allowed"; readonly person: string } | { readonly kind: "refused"; readonly because: string };

const refused = (because: string): Permission => ({ kind: "refused", because });

/**
 * May they? Nobody by Slack whom `people` does not name; by IAM, without any people, everybody whom IAM lets call operate. Whoever fits two
 * entries is nobody: one human would count as two.
 */
export function mayDo(people: readonly Person[], actor: Actor, verb: Entitlement, what: What): Permission {
  if (people.length === 0) {
    return actor.kind === "iam"
      ? { kind: "allowed", person: actor.arn }
      : refused("falco-responder.yml names no people: Slack decides nothing");
  }
  const [person, another] = people.filter((one) => isActor(one, actor));
  if (person === undefined) return refused(`you (${actorText(actor)}) are not among the people of falco-responder.yml`);
  if (another !== undefined)
    return refused(
      `you (${actorText(actor)}) fit two of the people of falco-responder.yml, ${person.name} and ${another.name}: tell them apart there`,
    );
  const objection = objectionTo(person, verb, what);
  return objection === null ? { kind: "allowed", person: person.name } : refused(`${person.name} may not ${verb} this: ${objection}`);
}

const isActor = ({ iam, slack }: Person, actor: Actor): boolean =>
  actor.kind === "iam"
    ? iam.some((pattern) => principalTest(pattern)(actor.arn))
    : slack.some(({ team, user }) => team === actor.team && user === actor.user);

/** Why this person may not; null: they may. */
function objectionTo({ may, widest, clusters, rules, actions }: Person, verb: Entitlement, what: What): string | null {
  if (!may.includes(verb)) return `"may" has ${may.length === 0 ? "nothing" : `only ${may.join(", ")}`}`;
  for (const [kind, limit, value] of [
    ["clusters", clusters, what.cluster],
    ["rules", rules, what.rule],
    ["actions", actions, what.action],
  ] as const) {
    if (limit === null) continue;
    if (value === null) return `it is not of one of the ${kind} ${limit.join(", ")} alone`;
    if (!(limit as readonly string[]).includes(value)) return `${value} is not among the ${kind} ${limit.join(", ")}`;
  }
  // A no, or a look at less, needs no such level.
  if (WIDENING.includes(verb) && what.action !== null && ACTION_FACTS[what.action].quorum > 1 && !widest)
    return `${what.action} is one of the widest actions, which need "widest: true"`;
  return null;
}

export const mayApprove = (person: Person, what: What): boolean => objectionTo(person, "approve", what) === null;

const WIDENING: readonly Entitlement[] = ["approve", "undo", "release"];
