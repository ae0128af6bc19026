import type { Alert } from "#shared/domain/alert.ts";
import type { Policy } from "#shared/domain/policy.ts";
import type { Sensor } from "#shared/domain/queue-entry.ts";
import type { Registry } from "#shared/domain/registry.ts";
import { disagreement, type Origin, originOf } from "#shared/pipeline/ingest/accuse.ts";
import { ageClass, similarText } from "#shared/pipeline/ingest/coalesce.ts";
import { Counter } from "#shared/pipeline/ingest/counting.ts";
import type { Kept } from "#shared/pipeline/ingest/kept.ts";
import { Tally } from "#shared/pipeline/ingest/outcome.ts";
import { matchAlert } from "#shared/policy/match.ts";
import { isLogEvent, type LogBatch, type LogEvent } from "#shared/wire/cloudwatch.ts";
import { type Joined, Joiner, type Placed } from "#shared/wire/envelopes/join.ts";
import { readJoined, readMessage } from "#shared/wire/envelopes/read-message.ts";
import type { Reading } from "#shared/wire/envelopes/reading.ts";
import { NO_SENSOR, readSensor } from "#shared/wire/envelopes/sensor.ts";
import { type Candidate, normalise } from "#shared/wire/falco/alert.ts";
import { readFragment } from "#shared/wire/falco/fragment.ts";
import type { JsonObject } from "#shared/wire/record.ts";

/** Similar alerts of one batch, and the newest of them. */
export interface Similar {
  readonly text: string;
  alert: Alert;
  /** Of the newest: its event and the text it was read from. */
  eventId: string;
  eventTimeMs: number | null;
  raw: string;
  sensor: Sensor;
  readonly because: string | null;
  readonly rules: readonly number[];
  readonly tell: string | null;
  alerts: number;
  /** When they happened, where a matching rule has a threshold; null: nobody asks. */
  readonly times: number[] | null;
  /** Log events that ended here: a joined line has several. */
  events: number;
}

export interface Sorted {
  readonly origin: Origin;
  readonly similar: readonly Similar[];
  readonly kept: readonly Kept[];
  readonly tally: Tally;
  /** Alerts of which the accuser is not verified. */
  readonly unregistered: number;
  readonly fragments: number;
}

export const POSSIBLE_EVASION = "possible evasion: a piece of an alert's line arrived without the rest";
const ORPHAN = "a piece of a line that was split at 16 KB, without the rest";
const ORPHAN_REMEDY = "join split lines in the shipper (multiline filter), so that they cannot be parted";

/** Sorts every event of a batch into exactly one outcome. Never throws because of what an event holds. */
export function sortBatch(batch: LogBatch, registry: Registry, policy: Policy, nowMs: number): Sorted {
  return new BatchSorter(batch, originOf(registry, batch), policy, nowMs).sort();
}

class BatchSorter {
  readonly #batch: LogBatch;
  readonly #origin: Origin;
  readonly #policy: Policy;
  readonly #nowMs: number;
  readonly #joiner = new Joiner();
  readonly #similar = new Map<string, Similar>();
  readonly #kept: Kept[] = [];
  readonly #tally = new Tally();
  readonly #counter: Counter;
  #unregistered = 0;
  #fragments = 0;

  constructor(batch: LogBatch, origin: Origin, policy: Policy, nowMs: number) {
    this.#batch = batch;
    this.#origin = origin;
    this.#policy = policy;
    this.#counter = new Counter(policy);
    this.#nowMs = nowMs;
  }

  sort(): Sorted {
    const { events } = this.#batch;
    const mergeKeys = this.#origin.cluster?.mergeKeys ?? [];
    for (let at = 0; at < events.length; at++) {
      const event = events[at];
      if (!isLogEvent(event)) this.#unreadable(null, JSON.stringify(event) ?? "", "not the shape of a log event", null);
      else this.#settle(readMessage(event.message, mergeKeys, this.#joiner.open), event, at);
    }
    for (const line of this.#joiner.end()) this.#line(line);
    for (const orphan of this.#joiner.orphans()) this.#orphan(orphan);
    for (const { events: ended } of this.#similar.values()) {
      this.#tally.queued += 1;
      this.#tally.coalesced += ended - 1;
    }
    return {
      origin: this.#origin,
      similar: [...this.#similar.values()],
      kept: this.#kept,
      tally: this.#tally,
      unregistered: this.#unregistered,
      fragments: this.#fragments,
    };
  }

  #settle(reading: Reading, event: LogEvent, at: number): void {
    switch (reading.kind) {
      case "alert":
        this.#candidate(reading.candidate, reading.record, [event]);
        break;
      case "ignored":
        this.#tally.ignored(reading.reason, 1);
        break;
      case "unreadable":
        this.#unreadable(event, event.message, reading.because, reading.remedy);
        break;
      case "part": {
        const line = this.#joiner.add(reading, at);
        if (line !== null) this.#line(line);
      }
    }
  }

  #line({ pieces, text, record }: Joined): void {
    const reading = readJoined(text, record);
    const events = pieces.map(({ at }) => this.#event(at));
    if (reading?.kind === "alert") this.#candidate(reading.candidate, record, events, pieces);
    else if (reading?.kind === "ignored") this.#tally.ignored(reading.reason, pieces.length);
    else {
      for (const piece of pieces) {
        if (piece.part.alone === null) this.#orphan(piece);
        else this.#settle(piece.part.alone, this.#event(piece.at), piece.at);
      }
    }
  }

  #candidate(candidate: Candidate, record: JsonObject | null, events: readonly LogEvent[], pieces: readonly Placed[] = []): void {
    const { cluster } = this.#origin;
    const read = normalise(candidate, cluster?.name ?? null);
    if (read.kind === "unreadable") {
      for (const event of events) this.#unreadable(event, event.message, read.because, null);
      return;
    }
    const because =
      this.#origin.because ?? (cluster === null ? null : disagreement(read.alert, cluster)) ?? spreadTarget(read.alert, pieces);
    const rules = matchAlert(this.#policy, read.alert);
    if (because !== null) this.#unregistered++;
    else if (rules.length === 0) {
      this.#tally.ignored("no policy rule matches", events.length);
      return;
    }
    const sensor = record === null ? NO_SENSOR : readSensor(record);
    const first = events[0];
    const raw = events.length === 1 && first !== undefined ? first.message : candidate.source;
    this.#add(read.alert, first ?? null, raw, sensor, because, rules, because, events.length);
  }

  /** Told, with what can be read of it, and kept. */
  #orphan({ part, at }: Placed): void {
    const event = this.#event(at);
    const { cluster, because } = this.#origin;
    const alert = readFragment(part.text, cluster?.name ?? null);
    const sensor = part.record === null ? NO_SENSOR : readSensor(part.record);
    this.#fragments++;
    this.#keep(event, event.message, ORPHAN, ORPHAN_REMEDY);
    this.#add(alert, event, event.message, sensor, because ?? ORPHAN, [], POSSIBLE_EVASION, 1);
  }

  #add(
    alert: Alert,
    event: LogEvent | null,
    raw: string,
    sensor: Sensor,
    because: string | null,
    rules: readonly number[],
    tell: string | null,
    events: number,
  ): void {
    const age = ageClass(alert.timeMs, this.#nowMs, this.#policy.maxAgeSeconds);
    const like = similarText(this.#origin.cluster?.name ?? null, alert, rules, because, age, tell);
    const counting = because === null ? this.#counter.countingOf(alert, rules, like) : null;
    const text = counting === null ? like : like + counting.apart;
    const eventId = event?.id ?? "";
    const eventTimeMs = event?.timestamp ?? null;
    const known = this.#similar.get(text);
    if (known === undefined) {
      const times = counting === null ? null : [alert.timeMs ?? this.#nowMs];
      this.#similar.set(text, { text, alert, eventId, eventTimeMs, raw, sensor, because, rules, tell, alerts: 1, times, events });
      return;
    }
    known.alerts++;
    if (counting?.isRest !== true) known.times?.push(alert.timeMs ?? this.#nowMs);
    known.events += events;
    if ((alert.timeMs ?? 0) >= (known.alert.timeMs ?? 0)) Object.assign(known, { alert, eventId, eventTimeMs, raw, sensor });
  }

  #unreadable(event: LogEvent | null, raw: string, because: string, remedy: string | null): void {
    this.#tally.unreadable++;
    this.#keep(event, raw, because, remedy);
  }

  #keep(event: LogEvent | null, raw: string, because: string, remedy: string | null): void {
    this.#kept.push({ eventId: event?.id ?? null, timestamp: event?.timestamp ?? null, because, remedy, raw });
  }

  #event(at: number): LogEvent {
    const event = this.#batch.events[at];
    if (!isLogEvent(event)) throw new Error(`event ${at} was readable before`);
    return event;
  }
}

/**
 * Pieces without numbers may lack one in the middle and still fit together. What selects the target must stand in one of them: else two ends
 * of different texts might make up an id.
 */
function spreadTarget({ containerId, fields }: Alert, pieces: readonly Placed[]): string | null {
  if (containerId === null || pieces.length === 0 || pieces[0]?.part.ordinal !== null) return null;
  const whole = ["container.id", "container.full_id"].every((key) => {
    const id = fields[key];
    return typeof id !== "string" || pieces.some(({ part }) => part.text.includes(`"${key}":"${id}"`));
  });
  return whole ? null : "the container's id stands across a split of the line, of which a piece may be missing";
}
