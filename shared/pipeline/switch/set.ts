import { hasVersion, readSwitch, type SwitchChange, scopeOfCluster, switchKey, switchWrite } from "#shared/ledger/switch.ts";
import { type Pause, pauseOf, pausesNow, type SwitchPorts } from "#shared/pipeline/switch/pauses.ts";
import { tellingWrites, toldKey } from "#shared/pipeline/switch/telling.ts";
import type { Item } from "#shared/ports/table.ts";

/** `pauses`: everything that pauses afterwards: who resumes one half must hear that the other still holds. */
export type Switched =
  | { readonly kind: "accepted"; readonly says: string; readonly pauses: readonly Pause[] }
  | { readonly kind: "refused"; readonly because: string };

const ATTEMPTS = 3;

/**
 * Pauses or resumes, for a person who may (that is decided before). Told in the same transaction; where the telling is in somebody's way the
 * switch is set all the same, and sweep tells it within a minute. The parameter in SSM is nobody's to set but people's with plain AWS means.
 */
export async function setSwitch(change: SwitchChange, ports: SwitchPorts, signal: AbortSignal): Promise<Switched> {
  const known = ports.registry.clusters.map(({ name }) => name);
  if (change.paused && change.scope !== "fleet" && !known.some((name) => scopeOfCluster(name) === change.scope))
    return { kind: "refused", because: `falco-responder.yml names no ${change.scope.replace("/", " ")}; known: ${known.join(", ")}` };
  for (let attempt = 1; ; attempt++) {
    const found = await ports.table.get(switchKey(change.scope), signal);
    const before = readSwitch(change.scope, found);
    if (!change.paused && !before.paused) return await accepted("it was not paused", ports, signal);
    const usable = found === null || hasVersion(found) || change.paused ? found : await versioned(change, found, ports, signal);
    const outcome = await write(change, usable, attempt < ATTEMPTS, ports, signal);
    if (outcome === "done") {
      const where = change.scope === "fleet" ? "everything" : change.scope.replace("/", " ");
      return await accepted(change.paused ? `${where} is paused` : `${where} is resumed`, ports, signal);
    }
    if (outcome === "lost" || attempt === ATTEMPTS)
      return { kind: "refused", because: "somebody else set the switch at the same moment: look at it again" };
  }
}

async function write(
  change: SwitchChange,
  found: Item | null,
  tells: boolean,
  { table, clock, registry }: SwitchPorts,
  signal: AbortSignal,
): Promise<"done" | "lost" | "again"> {
  const nowMs = clock.now();
  const set = switchWrite(change, found, nowMs);
  if (set.op !== "put") throw new Error("the switch is put");
  const told = tells ? await table.get(toldKey(change.scope), signal) : null;
  const next = pauseOf(readSwitch(change.scope, set.item));
  const was = change.paused ? null : pauseOf(readSwitch(change.scope, found));
  const telling = tells ? await tellingWrites(next, was, told, registry, table, nowMs, signal) : [];
  const result = await table.transact([set, ...telling], signal);
  if (result.ok) return "done";
  return result.failed.includes(0) ? "lost" : "again";
}

/** An item that was written by hand without a version gets one, still paused: only then can resuming be conditional. */
async function versioned({ scope }: SwitchChange, found: Item, { table, clock }: SwitchPorts, signal: AbortSignal): Promise<Item> {
  const { who, why, until } = readSwitch(scope, found);
  const untilMs = until === null ? null : Date.parse(until);
  const set = switchWrite({ scope, paused: true, who: who ?? "(written by hand)", why, untilMs }, found, clock.now());
  if (set.op !== "put") throw new Error("the switch is put");
  await table.transact([set], signal);
  return set.item;
}

async function accepted(says: string, ports: SwitchPorts, signal: AbortSignal): Promise<Switched> {
  const pauses = (await pausesNow(ports, signal)).filter(({ paused }) => paused);
  return { kind: "accepted", says, pauses };
}
