import type { Lane } from "#shared/domain/action.ts";
import type { Order } from "#shared/domain/order.ts";

/** The way into the lanes for everything but alerts. */
export interface Orders {
  /**
   * Sends once; resolves when the queue has it. `group`: one after the other. `dedup`: the same within 5 minutes is one message.
   * Throws a retryable PipelineError; sending again is harmless.
   */
  send(lane: Lane, order: Order, group: string, dedup: string, signal: AbortSignal): Promise<void>;
}
