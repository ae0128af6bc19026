import { gzipSync } from "node:zlib";
import type { IncidentBody } from "#shared/ledger/incident.ts";
import { type IngestPorts, ingest } from "#shared/pipeline/ingest.ts";
import { deliverNotes } from "#shared/pipeline/notify.ts";
import { respond } from "#shared/pipeline/respond.ts";
import { trueCount } from "#shared/pipeline/true-count.ts";
import { encodeEntry } from "#shared/wire/queue-entry.ts";
import { FakeAlertQueue } from "../fakes/alert-queue.ts";
import { FakeArchive } from "../fakes/archive.ts";
import { FakeChannel } from "../fakes/channel.ts";
import { policyOf, registry, shellRule, World } from "../fakes/world.ts";
import { logsDocument } from "../fixtures/logs.ts";
import { ecsCluster } from "../playbooks/builders.ts";
import type { BenchRow } from "./row.ts";

const BATCHES = 1_000;
const PER_BATCH = 1_000;
/** They arrive within this time: alerts that go on as long as an incident's default budget window. */
const WINDOW_MS = 15 * 60_000;

/**
 * A million similar alerts of one container (they differ in pid and time), through ingest, the queue (which deduplicates for five minutes),
 * respond and notify, all but the AWS services themselves. The policy observes, as it does by default.
 */
export async function duplicates1m(): Promise<readonly BenchRow[]> {
  const rule = { ...shellRule, mode: "observe" as const };
  const policy = policyOf([rule], { mode: "observe" });
  const world = new World(policy);
  const queue = new FakeAlertQueue(() => world.clock.now());
  const channel = new FakeChannel();
  const signal = new AbortController().signal;
  const task = world.ecs.run({ family: "web" });
  const fields = {
    "container.id": task.containers[0]?.runtimeId?.slice(0, 12) ?? "",
    "container.label[com.amazonaws.ecs.task-arn]": task.taskArn,
  };
  const source = ecsCluster.sources[0] ?? { logGroup: "/falco/shop", streamPrefix: "" };
  const ports: IngestPorts = { ...world.respondPorts(), registry, policy, queue, unreadable: new FakeArchive() };
  let taken = 0;
  let pid = 0;
  for (let batch = 0; batch < BATCHES; batch++) {
    const now = world.clock.now();
    const lines = Array.from({ length: PER_BATCH }, (_line, n) => similarLine(fields, now - 2_000 + n, ++pid));
    const document = logsDocument(lines, {
      logGroup: source.logGroup,
      logStream: `${source.streamPrefix}s`,
      fromMs: now,
      prefix: `${batch}-`,
    });
    const data = gzipSync(JSON.stringify(document), { level: 1 }).toString("base64");
    const report = await ingest({ awslogs: { data } }, ports, signal);
    if (report.queued + report.coalesced !== PER_BATCH) throw new Error(`lost some of a batch: ${JSON.stringify(report)}`);
    for (; taken < queue.sent.length; taken++) {
      const sent = queue.sent[taken];
      if (sent !== undefined) await respond({ body: encodeEntry(sent.entry), receiveCount: 1 }, world.respondPorts(), signal);
    }
    const notes = world.table.ofType("note").map(({ pk, sk }) => ({ pk, sk }));
    await deliverNotes(notes, { table: world.table, channel, clock: world.clock, telemetry: world.telemetry, registry }, signal);
    world.later(WINDOW_MS / BATCHES);
  }
  const [incident, ...more] = world.bodies<IncidentBody>("incident");
  if (incident === undefined || more.length > 0) throw new Error(`${more.length + 1} incidents instead of one`);
  const counted = await trueCount(incident, world.table, signal);
  if (counted !== BATCHES * PER_BATCH) throw new Error(`the ledger counts ${counted} alerts`);
  const compared = `${BATCHES * PER_BATCH} similar alerts in ${BATCHES} batches within ${WINDOW_MS / 60_000} minutes`;
  return [
    { name: "duplicates_1m", value: queue.sent.length, unit: "queue messages", compared: `${compared}; wanted <= 20` },
    { name: "duplicates_1m_notifications", value: channel.received.length, unit: "notifications", compared: `${compared}; wanted 1` },
    { name: "duplicates_1m_counted", value: counted, unit: "alerts counted", compared: "in the ledger, by incident" },
  ];
}

const similarLine = (fields: object, timeMs: number, pid: number): string =>
  JSON.stringify({
    hostname: "ip-10-0-0-1",
    output: "A shell was spawned",
    output_fields: { ...fields, "proc.pid": pid },
    priority: "Critical",
    rule: "Terminal shell in container",
    source: "syscall",
    tags: ["shell"],
    time: new Date(timeMs).toISOString().replace("Z", "000000Z"),
  });
