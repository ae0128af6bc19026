/** What comes through a lane's queue beside alerts: the work of another function, or of a person. infra/schemas/order.json */
export type Order =
  /** Carry out what was decided about this alert, as far as it is this lane's. */
  | { readonly schema: "falco-responder/order/1"; readonly kind: "act"; readonly incident: string; readonly alert: string }
  /** Carry out what stands in the ledger under INCIDENT#<incident> / <item>: an approval that was given, an undo that was asked for. */
  | { readonly schema: "falco-responder/order/1"; readonly kind: "order"; readonly incident: string; readonly item: string };
