/** Who asks. Made only from what AWS or Slack vouches for: the context of a signed request, the payload under a verified signature. */
export type Actor =
  /** `arn`: of the principal, as the request context has it. `session`: name of the session of an assumed role; null: none. */
  | { readonly kind: "iam"; readonly arn: string; readonly session: string | null }
  /** `team`: of the user, which in a shared channel may be another than the channel's. */
  | { readonly kind: "slack"; readonly team: string; readonly user: string };

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html: arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION */
export const ASSUMED = /^arn:(aws[a-z-]*):sts::(\d{12}):assumed-role\/([^/]+)\/([^/]+)$/;

export const iamActor = (arn: string): Actor => ({ kind: "iam", arn, session: ASSUMED.exec(arn)?.[4] ?? null });

/** For ledger and log: the ARN, or slack:TEAM/USER. */
export const actorText = (actor: Actor): string => (actor.kind === "iam" ? actor.arn : `slack:${actor.team}/${actor.user}`);
