import { Worker } from "node:worker_threads";
import type { Part } from "./report.ts";
import type { Work } from "./worker.ts";

/** One thread with its own product, fakes and patched time: nothing is shared. */
export function inThread(workerData: Work): Promise<Part> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { workerData });
    let part: Part | null = null;
    worker.once("message", (message: Part) => {
      part = message;
    });
    worker.once("error", reject);
    worker.once("exit", (code) => (part === null ? reject(new Error(`a thread ended with ${code} and no result`)) : resolve(part)));
  });
}
