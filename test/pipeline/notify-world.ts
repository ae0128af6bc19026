import type { Gist } from "#shared/domain/digest.ts";
import type { Receipt } from "#shared/domain/receipt.ts";
import type { Registry } from "#shared/domain/registry.ts";
import type { AlertBody, IncidentBody, ReceiptBody, TargetBody } from "#shared/ledger/incident.ts";
import { pack } from "#shared/ledger/items.ts";
import { alertKey, metaKey, noteKey, receiptKey, targetKey } from "#shared/ledger/keys.ts";
import { type NoteItem, newNote, readNote } from "#shared/ledger/notes.ts";
import type { NotifyPorts } from "#shared/pipeline/notify.ts";
import type { Key } from "#shared/ports/table.ts";
import { FakeChannel } from "../fakes/channel.ts";
import { FakeTable } from "../fakes/table.ts";
import { ALERT, decision, TASK } from "../notify/views.ts";

const REGISTRY: Registry = {
  schema: "falco-responder/registry/1",
  account: "123456789012",
  region: "eu-west-1",
  clusters: [
    {
      name: "payments",
      kind: "ecs",
      account: "123456789012",
      region: "eu-west-1",
      sources: [],
      awsName: "payments-prod",
      mergeKeys: [],
      access: null,
      roleArn: null,
      externalId: null,
    },
  ],
  notifications: {
    channels: [
      { name: "topic", kind: "sns", topicArn: "arn:aws:sns:eu-west-1:123456789012:falco" },
      { name: "chat", kind: "slack", urlSecret: "ssm:/falco/slack" },
      { name: "bot", kind: "slack-bot", botTokenSecret: "ssm:/falco/bot", channelId: "C0LAB00001" },
      { name: "bus", kind: "bus", busArn: "arn:aws:events:eu-west-1:123456789012:event-bus/falco-responder-test" },
    ],
    system: ["topic", "chat"],
  },
};

/** A ledger with incidents whose notes are owed, and people in memory. */
export class NotifyWorld {
  readonly table = new FakeTable();
  readonly channel = new FakeChannel();
  nowMs = Date.UTC(2026, 0, 2, 3, 4, 6);
  readonly counts: Record<string, number> = {};
  readonly errors: string[] = [];
  readonly logs: unknown[] = [];
  readonly ports: NotifyPorts = {
    table: this.table,
    channel: this.channel,
    registry: REGISTRY,
    clock: {
      now: () => this.nowMs,
      sleep: (ms) => {
        this.nowMs += ms;
        return Promise.resolve();
      },
    },
    telemetry: {
      info: (...line) => this.logs.push(line),
      warn: (...line) => this.logs.push(line),
      error: (message, fields) => {
        this.errors.push(message);
        this.logs.push([message, fields]);
      },
      count: (name, value, dimensions) => {
        const key = [name, ...Object.values(dimensions ?? {})].join(" ");
        this.counts[key] = (this.counts[key] ?? 0) + value;
      },
      latency: () => {},
    },
  };

  /** Records an incident with one alert on one task and a pending note for each channel; gives the keys of the notes. */
  async owe(incident: string, channels: readonly string[] = ["topic", "chat"], gist?: Gist): Promise<Key[]> {
    const meta: IncidentBody = {
      incident,
      subject: "s",
      generation: 1,
      cluster: "payments",
      who: "Service/web",
      rule: "shells",
      state: "open",
      firstAlertAtMs: this.nowMs,
      lastAlertAtMs: this.nowMs,
      count: 1,
      similars: [],
      closedAtMs: null,
    };
    const alert: AlertBody = {
      alert: ALERT,
      accuser: { account: "123456789012", logGroup: "/falco", logStream: "falco/1", eventId: "1", verified: true, because: null },
      count: 1,
      batch: "b",
      tell: null,
      wholeAt: null,
      rules: ["shells"],
      decisions: [decision("act")],
      target: TASK.uid,
      channels,
      decidedAtMs: this.nowMs,
    };
    const target: TargetBody = { workload: TASK, how: "runtimeId" };
    const notes = channels.map((channel) =>
      newNote({ incident, channel, phase: "decision", topic: "t", alert: ALERT.id, target: TASK.uid, ...(gist && { gist }) }, this.nowMs),
    );
    await this.table.putAll(
      [
        pack(metaKey(incident), "incident", 1, this.nowMs, meta),
        pack(alertKey(incident, ALERT.id), "alert", 1, this.nowMs, alert),
        pack(targetKey(incident, TASK.uid), "target", 1, this.nowMs, target),
        ...notes,
      ],
      new AbortController().signal,
    );
    return channels.map((channel) => noteKey(incident, channel, "decision", "t"));
  }

  /** A pending note about the outcome for the same task. */
  async oweOutcome(incident: string, channel = "topic", gist?: Gist): Promise<Key> {
    const about = { incident, channel, phase: "outcome", topic: "t", alert: ALERT.id, target: TASK.uid } as const;
    const item = newNote({ ...about, ...(gist && { gist }) }, this.nowMs);
    await this.table.putAll([item], new AbortController().signal);
    return { pk: item.pk, sk: item.sk };
  }

  async record(incident: string, receipt: Receipt): Promise<void> {
    const body: ReceiptBody = { receipt };
    await this.table.putAll(
      [pack(receiptKey(incident, TASK.uid, receipt.action), "receipt", 1, this.nowMs, body)],
      new AbortController().signal,
    );
  }

  async note(key: Key): Promise<NoteItem> {
    const note = readNote(await this.table.get(key));
    if (note === null) throw new Error(`no note under ${key.sk}`);
    return note;
  }
}
