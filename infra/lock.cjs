"use strict";
const fs = require("node:fs");
const path = require("node:path");

/**
 * Packaging writes .build/compiled, .esbuild and .serverless of this checkout: two at once would bundle each other's files, and the wrong
 * policy would be deployed. The second waits. Held until the process ends; a lock whose holder is gone is taken over.
 * @param {string} folder
 * @param {number} patienceMs how long a living holder is waited for
 */
module.exports.lock = async (folder, patienceMs = 900_000) => {
  const file = path.join(folder, "packaging.lock");
  fs.mkdirSync(folder, { recursive: true });
  const deadline = Date.now() + patienceMs;
  while (!take(file)) {
    const holder = Number(read(file));
    if (holder > 0 && !alive(holder)) putAside(file, holder);
    else if (Date.now() > deadline) throw new Error(`another packaging (process ${holder}) holds ${file}`);
    else await new Promise((resolve) => setTimeout(resolve, 200));
  }
  process.once("exit", () => {
    if (Number(read(file)) === process.pid) fs.rmSync(file, { force: true });
  });
};

/** Linked into place, so that nobody ever sees a lock without its pid. */
function take(file) {
  const own = `${file}.${process.pid}`;
  fs.writeFileSync(own, String(process.pid));
  try {
    fs.linkSync(own, file);
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
    return false;
  } finally {
    fs.rmSync(own, { force: true });
  }
}

/** Renamed, then looked at again: another waiter may have replaced the stale lock by its own in the meantime. */
function putAside(file, holder) {
  const aside = `${file}.stale.${process.pid}`;
  try {
    fs.renameSync(file, aside);
    if (Number(read(aside)) !== holder) fs.linkSync(aside, file);
  } catch (error) {
    if (error.code !== "ENOENT" && error.code !== "EEXIST") throw error;
  } finally {
    fs.rmSync(aside, { force: true });
  }
}

function read(file) {
  try {
    return fs.readFileSync(file, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return "";
    throw error;
  }
}

function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}
