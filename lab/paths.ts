import { mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";

/** The checkout. */
export const ROOT = resolve(import.meta.dirname, "..");

/** What is built once for all checkouts, each entry named by the hash of its inputs. */
export const cacheRoot = (): string => join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "falco-responder");

/** What the running demonstration leaves for `npm run alert`; removed with it. */
export const STATE_FILE = join(ROOT, ".lab", "state.json");

export function folder(...parts: readonly string[]): string {
  const path = join(...parts);
  mkdirSync(path, { recursive: true });
  return path;
}
