import type { Policy } from "#shared/domain/policy.ts";
import type { Registry } from "#shared/domain/registry.ts";
import { type Heartbeat, PRESET_HEARTBEAT } from "#shared/domain/sensor.ts";
import { didYouMean } from "./nearest.ts";
import type { Problem } from "./problem.ts";
import type { Path, Plain, YamlFile } from "./yaml-file.ts";

type Keyed = { readonly [key: string]: Plain };

/** Below it ingest is woken for little else; above it a dead sensor stays unseen for longer than anybody would want to call watched. */
const EVERY_MIN_S = 10;
const EVERY_MAX_S = 3_600;

/** `clusters[].heartbeat`: absent is the preset, `off` is nobody watches. */
export function heartbeatOf(given: Plain | undefined, path: Path, yaml: YamlFile, report: (problem: Problem) => void): Heartbeat | null {
  if (given === "off" || given === false) return null;
  const source = (given ?? {}) as Keyed;
  const everySeconds = source["every"] === undefined ? PRESET_HEARTBEAT.everySeconds : seconds(String(source["every"]));
  if (everySeconds < EVERY_MIN_S || everySeconds > EVERY_MAX_S)
    report(yaml.problem([...path, "every"], `${String(source["every"])} is no interval for heartbeats`, "write 10s to 1h"));
  return {
    rule: source["rule"] === undefined ? PRESET_HEARTBEAT.rule : String(source["rule"]),
    everySeconds,
    missed: (source["missed"] as number | undefined) ?? PRESET_HEARTBEAT.missed,
    except: ((source["except"] ?? []) as readonly Plain[]).map(String),
  };
}

const seconds = (text: string): number => Number(text.slice(0, -1)) * (text.endsWith("s") ? 1 : text.endsWith("m") ? 60 : 3_600);

/** A heartbeat is never told, whatever the policy says; and a rule that nobody writes is heard from nobody. */
export function reportHeartbeats(registry: Registry, policy: Policy, falcoRules: ReadonlySet<string>, yaml: YamlFile): readonly Problem[] {
  const named = new Set(policy.rules.flatMap(({ match }) => match.rule ?? []));
  return registry.clusters.flatMap(({ heartbeat }, position) => {
    if (heartbeat === undefined) return [];
    const path: Path = ["clusters", position, "heartbeat", "rule"];
    const { rule } = heartbeat;
    if (named.has(rule))
      return [
        yaml.problem(
          path,
          `a rule of the policy names "${rule.slice(0, 80)}": as a heartbeat it is never told`,
          "take another rule, or remove it there",
        ),
      ];
    if (falcoRules.has(rule)) return [];
    const near = didYouMean(rule, [...falcoRules]) ?? "list your own rules files under falcoRules";
    return [yaml.problem(path, `"${rule.slice(0, 80)}" is no rule of Falco's or yours`, near, { severity: "warning" })];
  });
}
