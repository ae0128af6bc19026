import { noticeWrites } from "#shared/ledger/notices.ts";
import { deliverNotes } from "#shared/pipeline/notify.ts";
import { FakeChannel } from "../../fakes/channel.ts";
import { FakeTable } from "../../fakes/table.ts";
import { registry, World } from "../../fakes/world.ts";
import { type Outcome, withChannels } from "./play-out.ts";

const signal = new AbortController().signal;

/** A notice of the system in which somebody else's text stands, told to both kinds of channel. */
export async function throughNotice(text: string): Promise<Outcome> {
  const world = new World();
  const table = new FakeTable();
  const channel = new FakeChannel();
  const notice = { kind: "sensor-silent", subject: text, severity: "critical", title: text, lines: ["first", text], remedy: text } as const;
  await table.transact(noticeWrites(notice, "once", ["oncall", "chat"], world.clock.now()), signal);
  const ports = { table, channel, clock: world.clock, telemetry: world.telemetry, registry: withChannels(registry) };
  await deliverNotes(table.ofType("note"), ports, signal);
  const kept = table
    .all()
    .map((item) => JSON.stringify(item))
    .join("\n");
  return { report: {}, entries: [], messages: channel.received, log: "", terminal: "", effects: [], kept };
}
