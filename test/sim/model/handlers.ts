import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { policy, registry } from "./policy.ts";

/** The functions as they are deployed, each made with ports of our own. They read their settings when they are loaded. */
export async function loadHandlers() {
  const folder = mkdtempSync(join(tmpdir(), "falco-responder-sim-"));
  writeFileSync(join(folder, "registry.json"), JSON.stringify(registry));
  writeFileSync(join(folder, "policy.json"), JSON.stringify(policy));
  const queue = (name: string): string => `https://sqs.eu-west-1.amazonaws.com/111122223333/${name}.fifo`;
  Object.assign(process.env, {
    COMPILED_DIR: folder,
    LEDGER_TABLE: "ledger",
    DLQ_URL: queue("dead"),
    QUEUE_ECS_URL: queue("ecs"),
    QUEUE_KUBERNETES_URL: queue("kubernetes"),
    QUEUE_WIDE_URL: queue("wide"),
    EVIDENCE_BUCKET: "evidence",
    UNREADABLE_BUCKET: "unreadable",
    AUDIT_BUCKET: "audit",
    SWITCH_PARAMETER: "/falco-responder/sim/switch",
    AWS_REGION: "eu-west-1",
    POWERTOOLS_DEV: "false",
  });
  try {
    const [ingest, ecs, kubernetes, wide, notify, sweep, operate] = await Promise.all([
      import("../../../functions/ingest/handler.ts"),
      import("../../../functions/respond-ecs/handler.ts"),
      import("../../../functions/respond-kubernetes/handler.ts"),
      import("../../../functions/respond-wide/handler.ts"),
      import("../../../functions/notify/handler.ts"),
      import("../../../functions/sweep/handler.ts"),
      import("../../../functions/operate/handler.ts"),
    ]);
    return {
      ingest: ingest.createHandler,
      respond: { ecs: ecs.createHandler, kubernetes: kubernetes.createHandler, wide: wide.createHandler },
      notify: notify.createHandler,
      sweep: sweep.createHandler,
      operate: operate.createHandler,
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export type Handlers = Awaited<ReturnType<typeof loadHandlers>>;
