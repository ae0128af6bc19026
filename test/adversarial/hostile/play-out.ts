import { gzipSync } from "node:zlib";
import { liveTelemetry } from "#shared/adapters/telemetry.ts";
import { iamActor } from "#shared/domain/actor.ts";
import type { QueueEntry } from "#shared/domain/queue-entry.ts";
import type { Registry } from "#shared/domain/registry.ts";
import { ingest } from "#shared/pipeline/ingest.ts";
import { deliverNotes } from "#shared/pipeline/notify.ts";
import { operate } from "#shared/pipeline/operate.ts";
import { respond } from "#shared/pipeline/respond.ts";
import type { OutgoingMessage } from "#shared/ports/channel.ts";
import { encodeEntry } from "#shared/wire/queue-entry.ts";
import { printAnswer } from "../../../cli/answer.ts";
import { FakeAlertQueue } from "../../fakes/alert-queue.ts";
import { FakeArchive } from "../../fakes/archive.ts";
import { FakeChannel } from "../../fakes/channel.ts";
import { logsDocument } from "../../fixtures/logs.ts";
import type { Stage } from "../stage.ts";
import { captured } from "./capture.ts";

/** Everything that left the system, and what stayed in it, after one alert. */
export interface Outcome {
  readonly report: object;
  readonly entries: readonly QueueEntry[];
  readonly messages: readonly OutgoingMessage[];
  /** What the functions wrote to standard output. */
  readonly log: string;
  /** What a person's terminal gets for `show` of each incident. */
  readonly terminal: string;
  /** What the world was asked to change. */
  readonly effects: readonly string[];
  /** Everything that is kept: ledger, evidence, unreadable bucket. */
  readonly kept: string;
}

const signal = new AbortController().signal;

/** The registry of the stages, with both kinds of channel. */
export const withChannels = (registry: Registry): Registry => ({
  ...registry,
  notifications: {
    channels: [
      { name: "oncall", kind: "sns", topicArn: "arn:aws:sns:eu-west-1:111122223333:oncall" },
      { name: "chat", kind: "slack", urlSecret: "ssm:/falco/slack" },
    ],
    system: ["oncall", "chat"],
  },
});

/** The lines through ingest, respond, notify and a person's question, with the real telemetry, on the stage's world. */
export async function playOut(
  stage: Pick<Stage<never, never>, "world" | "shot" | "access" | "effects" | "policy" | "registry">,
  lines: readonly string[],
  logStream = "falco/1",
): Promise<Outcome> {
  const { world, shot, access, effects } = stage;
  const registry = withChannels(stage.registry);
  const queue = new FakeAlertQueue(() => world.clock.now());
  const unreadable = new FakeArchive();
  const channel = new FakeChannel();
  world.policy = stage.policy;
  world.lanes = ["ecs", "kubernetes"];
  let report: object = {};
  let terminal = "";
  const log = await captured(async () => {
    const telemetry = liveTelemetry("hostile");
    const ports = { ...world.respondPorts(), registry, access, telemetry };
    const where = { logGroup: shot.logGroup, owner: shot.owner, logStream, fromMs: world.clock.now() };
    const data = gzipSync(JSON.stringify(logsDocument(lines, where))).toString("base64");
    report = await ingest({ awslogs: { data } }, { ...ports, queue, unreadable }, signal);
    for (const { entry } of queue.sent) await respond({ body: encodeEntry(entry), receiveCount: 1 }, ports, signal);
    await deliverNotes(world.table.ofType("note"), { ...ports, channel }, signal);
    terminal = await captured(async () => {
      for (const { incident } of world.bodies<{ readonly incident: string }>("incident")) {
        const request = { verb: "show", incident, action: null, target: null } as const;
        printAnswer(await operate(request, iamActor("arn:aws:iam::111122223333:user/alice"), ports, signal));
      }
    });
  });
  const kept = [...world.table.all().map((item) => JSON.stringify(item)), ...world.evidence.values(), ...unreadable.objects.values()];
  return {
    report,
    entries: queue.sent.map(({ entry }) => entry),
    messages: channel.received,
    log,
    terminal,
    effects: [...effects],
    kept: kept.join("\n"),
  };
}
