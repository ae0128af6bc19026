import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * Makes `path` (a folder named by the hash of its inputs) once: `make` fills a neighbour that is renamed into place when it is complete,
 * so a killed build leaves nothing that looks finished. Two callers: one builds, the other waits; a builder that is gone is replaced.
 */
export async function once(path: string, make: (into: string) => Promise<void>): Promise<void> {
  const lock = `${path}.lock`;
  mkdirSync(dirname(path), { recursive: true });
  while (!exists(path)) {
    if (!take(lock)) {
      const owner = ownerOf(lock);
      if (owner > 0 ? !alive(owner) : ageMs(lock) > 10_000) {
        moveAway(lock, owner);
        // What it had begun.
        if (owner > 0) rmSync(`${path}.${owner}`, { recursive: true, force: true });
      } else await sleep(300);
      continue;
    }
    const into = `${path}.${process.pid}`;
    try {
      writeFileSync(join(lock, "pid"), String(process.pid));
      if (exists(path)) return;
      rmSync(into, { recursive: true, force: true });
      mkdirSync(into);
      await make(into);
      renameSync(into, path);
    } finally {
      rmSync(into, { recursive: true, force: true });
      rmSync(lock, { recursive: true, force: true });
    }
  }
}

const exists = (path: string): boolean => statSync(path, { throwIfNoEntry: false }) !== undefined;

const ageMs = (path: string): number => Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());

const codeOf = (thrown: unknown): string | undefined => (thrown as NodeJS.ErrnoException).code;

function take(lock: string): boolean {
  try {
    mkdirSync(lock);
    return true;
  } catch (thrown) {
    if (codeOf(thrown) === "EEXIST") return false;
    throw thrown;
  }
}

/** 0: the pid is not written yet, or its owner died before it could. */
function ownerOf(lock: string): number {
  try {
    return Number(readFileSync(join(lock, "pid"), "utf8"));
  } catch {
    return 0;
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return codeOf(thrown) === "EPERM";
  }
}

/** By rename, so that of two who find the same orphan only one moves it; a lock that changed hands meanwhile is put back. */
function moveAway(lock: string, owner: number): void {
  const aside = `${lock}.${process.pid}`;
  try {
    renameSync(lock, aside);
    if (ownerOf(aside) === owner) rmSync(aside, { recursive: true, force: true });
    else renameSync(aside, lock);
  } catch (thrown) {
    if (codeOf(thrown) !== "ENOENT") throw thrown;
  }
}
