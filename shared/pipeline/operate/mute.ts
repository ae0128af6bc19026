import type { Actor } from "#shared/domain/actor.ts";
import type { IncidentBody } from "#shared/ledger/incident.ts";
import { iso, unpack } from "#shared/ledger/items.ts";
import { metaKey, muteId, muteKey } from "#shared/ledger/keys.ts";
import { isActive, type Mute, type MuteBody, muteWrite, readMute, readMutes } from "#shared/ledger/mute.ts";
import { type Answer, type MuteView, refused } from "#shared/pipeline/operate/answer.ts";
import { permit } from "#shared/pipeline/operate/permit.ts";
import type { FleetPorts } from "#shared/pipeline/operate/ports.ts";
import type { MuteRequest, UnmuteRequest } from "#shared/wire/operate.ts";

/** Every alert reads all of them: more than so many are a policy that wants to be changed. */
const MOST_ACTIVE = 200;

const LOST = "somebody else changed this mute at the same moment: look at the mutes again";

/** What is muted is still recorded and counted, and neither acted on nor told. It ends by itself. */
export async function mute(request: MuteRequest, by: Actor, ports: FleetPorts, signal: AbortSignal): Promise<Answer> {
  const { table, clock, registry } = ports;
  const about = await aboutOf(request, ports, signal);
  if (typeof about === "string") return refused(about);
  const { cluster, rule, who } = about;
  if (!registry.clusters.some(({ name }) => name === cluster))
    return refused(`falco-responder.yml names no cluster ${cluster}; it has ${registry.clusters.map(({ name }) => name).join(", ")}`);
  const permission = permit(by, "mute", { cluster, rule, action: null }, ports);
  if (permission.kind === "refused") return refused(permission.because);
  const nowMs = clock.now();
  const id = muteId(cluster, rule, who);
  const all = await readMutes(table, signal);
  const active = all.filter((one) => one.kind === "mute" && isActive(one.mute, nowMs) && one.id !== id);
  if (active.length >= MOST_ACTIVE) return refused(`${active.length} mutes are active, and no more are taken: change the policy instead`);
  const found = await table.get(muteKey(id), signal);
  const before = found === null ? null : readMute(found);
  const stands = before?.kind === "mute" && isActive(before.mute, nowMs) ? before.mute : null;
  const body: MuteBody = {
    cluster,
    rule,
    who,
    reason: request.reason,
    by: permission.person,
    sinceMs: stands?.sinceMs ?? nowMs,
    untilMs: nowMs + request.seconds * 1_000,
    endedBy: null,
  };
  if (!(await table.transact([muteWrite(body, found, nowMs)], signal)).ok) return refused(LOST);
  const says = `rule ${rule} is muted for ${who} in ${cluster} until ${iso(body.untilMs)}: its alerts are recorded and counted, nothing is done about them and nobody is told`;
  return { kind: "accepted", says, summary: null, mute: viewOf({ kind: "mute", id, mute: body }, nowMs) };
}

export async function unmute(request: UnmuteRequest, by: Actor, ports: FleetPorts, signal: AbortSignal): Promise<Answer> {
  const { table, clock } = ports;
  const found = await table.get(muteKey(request.mute), signal);
  if (found === null) return refused(`there is no mute ${request.mute}: "mutes" lists them`);
  const nowMs = clock.now();
  const one = readMute(found);
  const { cluster, rule } = one.kind === "mute" ? one.mute : { cluster: null, rule: null };
  const permission = permit(by, "mute", { cluster, rule, action: null }, ports);
  if (permission.kind === "refused") return refused(permission.because);
  if (one.kind === "mute" && !isActive(one.mute, nowMs)) return refused(`mute ${request.mute} is over already`);
  // An unreadable one is overwritten by what ends it: it names nobody, and holds nothing any more.
  const body: MuteBody =
    one.kind === "mute"
      ? { ...one.mute, endedBy: permission.person, untilMs: nowMs }
      : { cluster: "", rule: "", who: "", reason: "(unreadable)", by: "", sinceMs: nowMs, untilMs: nowMs, endedBy: permission.person };
  if (!(await table.transact([muteWrite(body, found, nowMs, request.mute)], signal)).ok) return refused(LOST);
  const says = one.kind === "mute" ? `rule ${body.rule} is heard again for ${body.who} in ${body.cluster}` : "the unreadable mute is ended";
  return { kind: "accepted", says, summary: null, mute: viewOf({ kind: "mute", id: request.mute, mute: body }, nowMs) };
}

/** `all`: also those that are over, as long as the ledger keeps them. */
export async function mutes({ table, clock }: FleetPorts, all: boolean, signal: AbortSignal): Promise<readonly MuteView[]> {
  const nowMs = clock.now();
  const views = (await readMutes(table, signal)).map((one) => viewOf(one, nowMs));
  return views
    .filter(({ state }) => all || state === "active" || state === "unreadable")
    .sort((a, b) => (a.untilMs ?? 0) - (b.untilMs ?? 0));
}

function viewOf(one: Mute, nowMs: number): MuteView {
  if (one.kind === "unreadable")
    return {
      mute: one.id,
      state: "unreadable",
      cluster: null,
      rule: null,
      who: null,
      reason: null,
      by: null,
      sinceMs: null,
      untilMs: null,
    };
  const { endedBy, ...said } = one.mute;
  return { mute: one.id, state: isActive(one.mute, nowMs) ? "active" : endedBy === null ? "over" : "ended", ...said };
}

async function aboutOf(
  { incident, cluster, rule, who }: MuteRequest,
  { table }: FleetPorts,
  signal: AbortSignal,
): Promise<Pick<MuteBody, "cluster" | "rule" | "who"> | string> {
  if (incident === null)
    return cluster === null || rule === null || who === null ? "cluster, rule or who is missing" : { cluster, rule, who };
  const meta = await table.get(metaKey(incident), signal);
  if (meta === null) return `there is no incident ${incident}`;
  const about = unpack<IncidentBody>(meta, "incident");
  if (about.cluster === null) return "this incident has no registered cluster: what a forged or misrouted line says cannot be muted";
  if (about.rule === null) return "no policy rule matched this incident: it is told for itself, and cannot be muted";
  return { cluster: about.cluster, rule: about.rule, who: about.who };
}
