import { messageOf } from "#shared/domain/error.ts";
import { type Pause, pauseOfParameter, pausesNow, type Source, type SwitchPorts } from "#shared/pipeline/switch/pauses.ts";
import { SWITCH_CHORE, tellingWrites } from "#shared/pipeline/switch/telling.ts";
import type { Item } from "#shared/ports/table.ts";
import type { Telemetry } from "#shared/ports/telemetry.ts";

type Ports = SwitchPorts & { readonly telemetry: Telemetry };

const AGAIN_MS = 1_000;

/**
 * Tells of pauses and of their end, whoever set them and by whatever means, and every four hours while they last. Returns how many were told.
 * Trouble with one source keeps no other from being told; it comes again a minute later.
 */
export async function tellSwitch(ports: Ports, signal: AbortSignal): Promise<number> {
  const { table, registry, clock, telemetry } = ports;
  const told = new Map((await table.query(`CHORE#${SWITCH_CHORE}`, "", signal)).map((item) => [item.sk, item] as const));
  const now = await settled(await pausesNow(ports, signal), ports, signal);
  telemetry.count("Paused", now.filter(({ paused }) => paused).length);
  let count = 0;
  for (const pause of [...now, ...vanished(now, told)]) {
    try {
      const writes = await tellingWrites(pause, null, told.get(pause.source) ?? null, registry, table, clock.now(), signal);
      // Refused: whoever set it tells it at this moment.
      if (writes.length > 0 && (await table.transact(writes, signal)).ok) count++;
    } catch (thrown) {
      telemetry.error("A change of the kill switch could not be told; it is tried again", {
        source: pause.source,
        because: messageOf(thrown),
      });
    }
  }
  return count;
}

/** One answer that does not come is no pause yet to be told: nobody was held by it but us, and we only look. */
async function settled(pauses: readonly Pause[], { clock, switchParameter }: Ports, signal: AbortSignal): Promise<readonly Pause[]> {
  const parameter = pauses.find(({ source }) => source === "parameter");
  if (parameter?.paused !== true) return pauses;
  await clock.sleep(AGAIN_MS, signal);
  const again = pauseOfParameter(await switchParameter.read(signal));
  return pauses.map((pause) => (pause.source === "parameter" ? again : pause));
}

/** Told as paused, and its item is there no more: deleted by hand, which resumes. */
function vanished(now: readonly Pause[], told: ReadonlyMap<string, Item>): readonly Pause[] {
  return [...told.keys()]
    .filter((source) => !now.some((pause) => pause.source === source))
    .map((source) => ({
      source: source as Source,
      paused: false,
      because: "its item was deleted from the ledger",
      since: null,
      until: null,
    }));
}
