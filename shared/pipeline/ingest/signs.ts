import type { Alert } from "#shared/domain/alert.ts";
import type { Sensor } from "#shared/domain/queue-entry.ts";
import { type Heartbeat, type Sign, saysDrops } from "#shared/domain/sensor.ts";

/** Sensors in one batch, which is one log stream: some set-ups ship a whole cluster into one. More are not watched. */
const MOST_SENSORS = 500;
/** A DNS name has at most 253 characters. */
const MAX_NAME = 253;

/** Gathers which sensors the alerts of a batch show alive. */
export class Signs {
  readonly #heartbeat: Heartbeat;
  readonly #signs = new Map<string, Sign>();

  constructor(heartbeat: Heartbeat) {
    this.#heartbeat = heartbeat;
  }

  /** Any alert is a sign of life. "heartbeat": it is nothing but that. `eventMs`: CloudWatch's time of the line. */
  heard({ rule, hostname, timeMs, fields }: Alert, { ec2InstanceId }: Sensor, eventMs: number | null): "heartbeat" | "alert" {
    const heartbeat = rule === this.#heartbeat.rule;
    const names = namesOf(ec2InstanceId, hostname, fields["evt.hostname"]);
    const key = names.join("\n");
    const before = this.#signs.get(key);
    if (names.length > 0 && (before !== undefined || this.#signs.size < MOST_SENSORS)) {
      const time = timeMs ?? eventMs;
      this.#signs.set(key, {
        names,
        timeMs: before === undefined ? time : latest(before.timeMs, time),
        heartbeat: heartbeat || before?.heartbeat === true,
        drops: saysDrops(rule) ?? before?.drops ?? null,
      });
    }
    return heartbeat ? "heartbeat" : "alert";
  }

  all(): readonly Sign[] {
    return [...this.#signs.values()];
  }
}

const namesOf = (...given: readonly unknown[]): readonly string[] => {
  const names: string[] = [];
  for (const name of given)
    if (typeof name === "string" && name !== "" && name !== "<NA>" && name.length <= MAX_NAME && !names.includes(name)) names.push(name);
  return names;
};

const latest = (a: number | null, b: number | null): number | null => (a === null ? b : b === null ? a : Math.max(a, b));
