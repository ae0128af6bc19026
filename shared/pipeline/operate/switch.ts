import type { Actor } from "#shared/domain/actor.ts";
import type { SwitchScope } from "#shared/ledger/switch.ts";
import { type Answer, refused } from "#shared/pipeline/operate/answer.ts";
import { mutes } from "#shared/pipeline/operate/mute.ts";
import { permit } from "#shared/pipeline/operate/permit.ts";
import type { FleetPorts } from "#shared/pipeline/operate/ports.ts";
import { pausesNow } from "#shared/pipeline/switch/pauses.ts";
import { setSwitch } from "#shared/pipeline/switch/set.ts";
import type { SwitchRequest } from "#shared/wire/operate.ts";

/** pause and resume: the ledger's half of the kill switch, told in the same transaction. */
export async function turn(request: SwitchRequest, by: Actor, ports: FleetPorts, signal: AbortSignal): Promise<Answer> {
  const { verb, scope, reason, untilMs } = request;
  if (untilMs !== null && untilMs <= ports.clock.now()) return refused("the time at which people are to be reminded has passed");
  const cluster = scope === "fleet" ? null : scope.slice("cluster/".length);
  const permission = permit(by, verb, { cluster, rule: null, action: null }, ports);
  if (permission.kind === "refused") return refused(permission.because);
  const change = { scope: scope as SwitchScope, paused: verb === "pause", who: permission.person, why: reason, untilMs };
  const done = await setSwitch(change, ports, signal);
  return done.kind === "refused" ? refused(done.because) : { kind: "accepted", says: done.says, summary: null, pauses: done.pauses };
}

/** Whether anything may be done at all, and what is muted. */
export async function status(ports: FleetPorts, signal: AbortSignal): Promise<Answer> {
  const [pauses, muted] = await Promise.all([pausesNow(ports, signal), mutes(ports, false, signal)]);
  return { kind: "status", paused: pauses.some(({ paused }) => paused), pauses, mutes: muted };
}
