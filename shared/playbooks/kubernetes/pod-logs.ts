import { list, text } from "#shared/playbooks/kubernetes/facts.ts";
import type { At, KubeObject, KubernetesApi } from "#shared/ports/kubernetes.ts";

/** The offender writes its log: as long as it likes. */
export interface LogBounds {
  readonly tailLines: number;
  /** Of all logs together; each has its equal share. */
  readonly mostBytes: number;
}

export interface PodLog {
  readonly container: string;
  /** Of the container before its last restart. */
  readonly previous: boolean;
  readonly text: string;
  /** It had more than was kept: older lines are missing, or the end of a line that alone is too long. */
  readonly cut: boolean;
}

interface Source {
  readonly container: string;
  readonly previous: boolean;
}

const MOST_CONTAINERS = 20;

/** Containers, init containers and ephemeral containers that have started, the accused one first; those that restarted twice. */
export function logSources({ spec = {}, status = {} }: KubeObject, accused: string): readonly Source[] {
  const names = ["containers", "initContainers", "ephemeralContainers"].flatMap((key) =>
    list(spec[key]).flatMap(({ name }) => text(name) ?? []),
  );
  const statuses = ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"].flatMap((key) => list(status[key]));
  const restarted = (container: string): boolean =>
    statuses.some(({ name, restartCount }) => name === container && typeof restartCount === "number" && restartCount > 0);
  const first = names.filter((name) => name === accused);
  const ordered = [...first, ...names.filter((name) => name !== accused)].slice(0, MOST_CONTAINERS);
  return ordered.flatMap((container) => [{ container, previous: false }, ...(restarted(container) ? [{ container, previous: true }] : [])]);
}

export const logTitle = ({ container, previous }: Source): string => `${previous ? "former " : ""}log of ${container}`;

/**
 * The newest lines. The kubelet counts its bytes from the oldest of the lines asked for, so a longer answer would lose the newest: then half as
 * many lines are asked for. Null: it logged nothing.
 */
export async function readLog(
  at: At,
  source: Source,
  { tailLines, mostBytes }: LogBounds,
  api: KubernetesApi,
  signal: AbortSignal,
): Promise<PodLog | null> {
  const { container, previous } = source;
  for (let lines = tailLines; ; lines = Math.floor(lines / 2)) {
    const found = await api.logs(at, { container, previous, tailLines: lines, limitBytes: mostBytes }, signal);
    if (found === null || found === "") return null;
    if (lines === 1 || Buffer.byteLength(found) < mostBytes)
      return { ...source, text: found, cut: lines < tailLines || Buffer.byteLength(found) >= mostBytes };
  }
}

/** Its newest lines that are at most so long as JSON, where a control character is six. */
export function newestOf(log: PodLog, mostChars: number): PodLog {
  const lengthOf = (line: string): number => JSON.stringify(line).length;
  if (lengthOf(log.text) <= mostChars) return log;
  const lines = log.text.split("\n");
  let from = lines.length;
  for (let length = 0; from > 0; from--) {
    length += lengthOf(lines[from - 1] ?? "");
    if (length > mostChars) break;
  }
  const text = from < lines.length ? lines.slice(from).join("\n") : (lines.at(-1) ?? "").slice(0, Math.floor(mostChars / 8));
  return { ...log, text, cut: true };
}
