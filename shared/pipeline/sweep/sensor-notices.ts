import type { Notice } from "#shared/domain/notice.ts";
import type { Heartbeat } from "#shared/domain/sensor.ts";
import { iso } from "#shared/ledger/items.ts";
import type { Blind, Silent, Verdict } from "#shared/policy/sensors.ts";

/** A notice, and which occurrence of it: told once. */
export interface Telling {
  readonly notice: Notice;
  readonly once: string;
}

/** More than these in one look are one notice: a dead log shipper, or a broken delivery, silences a whole cluster. */
const MOST_SINGLE = 3;
const MOST_NAMED = 40;
const HOW = "docs/sensors.md";

/** What is told of a look at a cluster's sensors. `remarks`: what is known of the machine beside, by node. */
export function tellingsOf(
  cluster: string,
  { silent, back, left, dropping, dropsOver, state }: Verdict,
  remarks: ReadonlyMap<string, string>,
  nowMs: number,
): readonly Telling[] {
  const at = iso(nowMs);
  const total = state.nodes.length;
  const lineOf = (one: Silent & { readonly id: string }): string => {
    const remark = remarks.get(one.id);
    return `${one.id}: ${lastHeard(one, nowMs)}${remark === undefined ? "" : `; ${remark}`}`;
  };
  return [
    ...told(
      silent,
      MOST_SINGLE,
      {
        one: (one) => ({
          kind: "sensor-silent",
          subject: `${cluster}/${one.id}`,
          severity: "critical",
          title: `Falco is silent on ${one.id} (cluster ${cluster}), and the node is still there`,
          lines: [lineOf(one), "Killing Falco is an attacker's first step: until it is back, nobody sees what happens on this node."],
          remedy: `Look at Falco and its log shipper on ${one.id}; if nobody stopped them, isolate the node (${HOW})`,
        }),
        many: (all) => ({
          kind: "sensor-silent",
          subject: cluster,
          severity: "critical",
          title: `Falco is silent on ${all.length} of ${total} nodes of cluster ${cluster}`,
          lines: [
            all.length >= total ? "All of them at once: the log shipper, the log group or the delivery is broken, or all sensors are." : "",
            ...named(all.map(lineOf)),
          ].filter((line) => line !== ""),
          remedy: `Look at delivery first (alarms of this stack), then at Falco on these nodes (${HOW})`,
        }),
      },
      at,
    ),
    ...told(
      back,
      MOST_SINGLE,
      {
        one: (id) => ({
          kind: "sensor-back",
          subject: `${cluster}/${id}`,
          severity: "info",
          title: `Falco is heard again on ${id} (cluster ${cluster})`,
          lines: ["What happened there meanwhile was seen by nobody."],
          remedy: null,
        }),
        many: (all) => ({
          kind: "sensor-back",
          subject: cluster,
          severity: "info",
          title: `Falco is heard again on ${all.length} nodes of cluster ${cluster}`,
          lines: named(all),
          remedy: null,
        }),
      },
      at,
    ),
    ...told(
      left,
      0,
      {
        one: () => null,
        many: (all) => ({
          kind: "sensor-left",
          subject: cluster,
          severity: "info",
          title: `Of the silent nodes of cluster ${cluster}, ${all.length} left it without being heard again`,
          lines: named(all),
          remedy: null,
        }),
      },
      at,
    ),
    ...told(
      dropping,
      MOST_SINGLE,
      {
        one: ({ id, rule }) => ({
          kind: "sensor-drops",
          subject: `${cluster}/${id}`,
          severity: "warning",
          title: `Falco loses events on ${id} (cluster ${cluster})`,
          lines: [`It says so itself: "${rule}". An attacker may flood it on purpose.`],
          remedy: `Raise Falco's buffers, or find what makes so many events on ${id} (${HOW})`,
        }),
        many: (all) => ({
          kind: "sensor-drops",
          subject: cluster,
          severity: "warning",
          title: `Falco loses events on ${all.length} nodes of cluster ${cluster}`,
          lines: named(all.map(({ id, rule }) => `${id}: ${rule}`)),
          remedy: `Raise Falco's buffers (${HOW})`,
        }),
      },
      at,
    ),
    ...told(
      dropsOver,
      0,
      {
        one: () => null,
        many: (all) => ({
          kind: "sensor-drops-over",
          subject: cluster,
          severity: "info",
          title: `No word of lost events for 10 minutes from ${all.length} ${all.length === 1 ? "node" : "nodes"} of cluster ${cluster}`,
          lines: named(all),
          remedy: null,
        }),
      },
      at,
    ),
  ];
}

const WHY: Readonly<Record<Blind, { readonly title: string; readonly remedy: string }>> = {
  "no-heartbeats": {
    title: "no heartbeat of a sensor was ever heard",
    remedy: "Let Falco write heartbeats (metrics.output_rule), or say heartbeat: off",
  },
  "unknown-nodes": {
    title: "the cluster cannot be asked for its nodes",
    remedy: "Give sweep access to the cluster, or say heartbeat: off",
  },
  "no-names": {
    title: "sensors are heard, but by no name of a node of the cluster",
    remedy: "Ship ecs metadata (FireLens) or set FALCO_HOSTNAME to the node's name or instance id",
  },
};

/** That nobody can tell. Once as long as the reason stays, and again the next day. */
export function blindTelling(
  cluster: string,
  blind: Blind,
  sinceMs: number,
  { because, quiet, heartbeat }: { readonly because: string | null; readonly quiet: readonly string[]; readonly heartbeat: Heartbeat },
  nowMs: number,
): Telling {
  const { title, remedy } = WHY[blind];
  const day = Math.floor((nowMs - sinceMs) / 86_400_000);
  const lines = [
    `Whether a sensor of cluster ${cluster} was killed cannot be told since ${iso(sinceMs)}.`,
    ...(because === null ? [] : [because]),
    ...(blind === "no-heartbeats" ? [`Expected: rule "${heartbeat.rule}" every ${heartbeat.everySeconds} s.`] : []),
    ...(quiet.length === 0 ? [] : [`Quiet, dead or gone: ${named(quiet).join(", ")}`]),
  ];
  const notice: Notice = {
    kind: "sensors-unknown",
    subject: cluster,
    severity: "warning",
    title: `Cannot tell whether Falco is alive in cluster ${cluster}: ${title}`,
    lines,
    remedy: `${remedy} (${HOW})`,
  };
  return { notice, once: `${blind} ${iso(sinceMs)} ${day}` };
}

const lastHeard = ({ heardMs }: Silent, nowMs: number): string =>
  heardMs === null ? "not heard lately, or never since it joined" : `last heard ${Math.round((nowMs - heardMs) / 1_000)} s ago`;

const named = (all: readonly string[]): readonly string[] =>
  all.length <= MOST_NAMED ? all : [...all.slice(0, MOST_NAMED), `and ${all.length - MOST_NAMED} more`];

function told<T>(
  all: readonly T[],
  mostSingle: number,
  say: { readonly one: (one: T) => Notice | null; readonly many: (all: readonly T[]) => Notice },
  once: string,
): readonly Telling[] {
  if (all.length === 0) return [];
  const notices = all.length <= mostSingle ? all.map(say.one) : [say.many(all)];
  return notices.flatMap((notice) => (notice === null ? [] : [{ notice, once }]));
}
