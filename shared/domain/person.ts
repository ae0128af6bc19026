import type { ActionName } from "#shared/domain/action.ts";

/** What people may be entitled to. To look at an incident needs no entry: IAM lets whom it lets. */
export const ENTITLEMENTS = ["approve", "deny", "undo", "release", "pause", "resume", "mute", "replay"] as const;
export type Entitlement = (typeof ENTITLEMENTS)[number];

/** One entry of `people` in falco-responder.yml. */
export interface Person {
  readonly name: string;
  /** IAM principals, as `principalTest` reads them. */
  readonly iam: readonly string[];
  readonly slack: readonly { readonly team: string; readonly user: string }[];
  readonly may: readonly Entitlement[];
  /** Also what hits most: actions that need two people by themselves (`ACTION_FACTS`). */
  readonly widest: boolean;
  /** Names; null: of all. With a limit, nothing that is not of one of these. */
  readonly clusters: readonly string[] | null;
  /** Names of policy rules. */
  readonly rules: readonly string[] | null;
  readonly actions: readonly ActionName[] | null;
}

/** The Slack app whose signed requests chatops takes. */
export interface SlackApp {
  /** Workspace (T...). */
  readonly team: string;
  /** App id (A...). */
  readonly app: string;
  /** `ssm:/name` or `secretsmanager:name`: never the secret itself. */
  readonly signingSecret: string;
}
