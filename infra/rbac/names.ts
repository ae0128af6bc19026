/** What the objects are called. A test installs a second set under other names, beside the one that is in use. */
export interface Names {
  /** Of roles, bindings, admission policies, and the namespace. */
  readonly prefix: string;
  /** For clusters that are reached with a ServiceAccount's token. */
  readonly serviceAccount: string;
  /** What an EKS access entry gives to the role of respond-kubernetes, or a token webhook to whom it authenticates. */
  readonly group: string;
  /** The same for sweep, which looks and changes nothing. */
  readonly observers: string;
}

export const SHIPPED: Names = namesWith("");

export function namesWith(suffix: string): Names {
  const prefix = `falco-responder${suffix}`;
  return { prefix, serviceAccount: "falco-responder", group: prefix, observers: `falco-responder-observe${suffix}` };
}
