// The one way in: `npm start|test|run check|bench|alert` all come here, also as the first command on a fresh clone.
// Built-ins and Node 20 syntax only: nothing is installed yet when this runs.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const NODE_MAJOR = 24;
const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const entries = {
  start: { file: "lab/start.ts", lab: true },
  alert: { file: "lab/alert.ts", lab: false },
  test: { file: "scripts/test.ts", lab: true },
  check: { file: "scripts/check.ts", lab: false },
  adversarial: { file: "test/adversarial/main.ts", lab: false },
  sim: { file: "test/sim/main.ts", lab: false },
  bench: { file: "test/bench/main.ts", lab: true },
  responder: { file: "cli/main.ts", lab: false },
  "member-template": { file: "packaging/member-template.ts", lab: false },
  rbac: { file: "infra/rbac/write.ts", lab: false },
  deploy: { file: "node_modules/osls/bin/serverless.js", args: ["deploy"], lab: false },
};

const [name = "", ...args] = process.argv.slice(2);
const entry = entries[name];
if (!entry) fail(`no such entry: ${name || "(none)"}. Known: ${Object.keys(entries).join(", ")}`);

/** One line, no stack: what is missing, which version, what for. */
function fail(message) {
  console.error(message);
  process.exit(1);
}

const atLeast = (version, wanted) => {
  const [a = 0, b = 0] = version.split(".").map(Number);
  const [c = 0, d = 0] = wanted.split(".").map(Number);
  return a > c || (a === c && b >= d);
};

function versionOf(command, commandArgs, pattern) {
  const answer = spawnSync(command, commandArgs, { encoding: "utf8" });
  return answer.status === 0 ? (pattern.exec(`${answer.stdout}${answer.stderr}`)?.[1] ?? null) : null;
}

function demand(tool, found, wanted, purpose) {
  if (found === null || !atLeast(found, wanted))
    fail(`${tool} >= ${wanted} is needed ${purpose}; ${found === null ? "none was found" : `found ${found}`}.`);
}

demand("Node", process.versions.node, "20.19", "to set up and run everything");
if (entry.lab) {
  demand("Python", versionOf("python3", ["--version"], /Python (\d+\.\d+)/), "3.10", "to run the local AWS (ministack)");
  if (spawnSync("python3", ["-c", "import venv, ensurepip"]).status !== 0) {
    fail(
      "Python's venv module >= 3.10 is needed to install the local AWS apart from your own packages; none was found (Debian: python3-venv).",
    );
  }
}
const namesKube = process.env.KUBEBUILDER_ASSETS || process.env.FALCO_RESPONDER_KUBECONFIG || process.env.FALCO_RESPONDER_TEST_KUBE;
if ((entry.lab || (name === "adversarial" && args.includes("kubernetes"))) && !namesKube) {
  const purpose = "to build the local Kubernetes control plane (or set KUBEBUILDER_ASSETS, or FALCO_RESPONDER_KUBECONFIG)";
  demand("Go", versionOf("go", ["env", "GOVERSION"], /go(\d+\.\d+)/), "1.25", purpose);
}

// --- packages, keyed by the lock ---

const modules = join(root, "node_modules");
const marker = join(modules, ".falco-responder-lock-hash");
const hash = createHash("sha256")
  .update(readFileSync(join(root, "package-lock.json")))
  .digest("hex");
/** Ours, or the user's own `npm ci` of exactly this lock: npm leaves what it installed in a lock of its own. */
const installed = () => (existsSync(marker) ? readFileSync(marker, "utf8") === hash : installedByHand());

function installedByHand() {
  const read = (path) => JSON.parse(readFileSync(path, "utf8")).packages ?? {};
  try {
    const wanted = read(join(root, "package-lock.json"));
    const found = read(join(modules, ".package-lock.json"));
    const same = Object.entries(found).every(([path, { version, integrity }]) => {
      return wanted[path]?.version === version && wanted[path]?.integrity === integrity;
    });
    const whole = Object.entries(wanted).every(([path, { optional }]) => path === "" || optional || path in found);
    return same && whole;
  } catch {
    return false;
  }
}

const alive = (pid) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
};

/** Two entries may start at once on a fresh clone: one installs, the other waits. A lock whose owner is gone is taken over. */
async function withLock(folder, go) {
  mkdirSync(dirname(folder), { recursive: true });
  while (!taken(folder)) {
    const owner = ownerOf(folder);
    if (owner > 0 ? !alive(owner) : ageMs(folder) > 10_000) moveAway(folder, owner);
    else await new Promise((resolve) => setTimeout(resolve, 300));
  }
  writeFileSync(join(folder, "pid"), String(process.pid));
  try {
    await go();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function taken(folder) {
  try {
    mkdirSync(folder);
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
}

/** 0: its owner has not written its pid yet, or died before it could. */
function ownerOf(folder) {
  try {
    return Number(readFileSync(join(folder, "pid"), "utf8"));
  } catch {
    return 0;
  }
}

/** By rename, so that of two who find the same orphan only one moves it; a lock that changed hands meanwhile is put back. */
function moveAway(folder, owner) {
  const aside = `${folder}.${process.pid}`;
  try {
    renameSync(folder, aside);
    if (ownerOf(aside) === owner) rmSync(aside, { recursive: true, force: true });
    else renameSync(aside, folder);
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
  }
}

function ageMs(path) {
  try {
    return Date.now() - statSync(path).mtimeMs;
  } catch {
    return 0;
  }
}

if (!installed()) {
  await withLock(join(root, ".lab", "npm-ci.lock"), () => {
    if (installed()) return;
    // npm ci empties the folder first: through a link, somebody else's.
    if (lstatSync(modules, { throwIfNoEntry: false })?.isSymbolicLink())
      fail("node_modules is a symbolic link, and what it leads to is not what the lock says: remove the link, or install there.");
    console.error("installing packages (npm ci) ...");
    const npm = spawnSync("npm", ["ci", "--ignore-scripts", "--loglevel=error", "--no-audit", "--no-fund"], {
      cwd: root,
      stdio: "inherit",
    });
    if (npm.status !== 0) fail("npm ci failed: see above");
    writeFileSync(marker, hash);
  });
}

// --- Node 24, for us, for every child and for the Lambdas ---

const own = join(modules, `node-${process.platform}-${process.arch}`, "bin");
const bin = existsSync(join(own, "node")) ? own : dirname(process.execPath);
const node = join(bin, "node");
const major = versionOf(node, ["--version"], /v(\d+)\./);
if (major === null || Number(major) < NODE_MAJOR) {
  const missing = `Node >= ${NODE_MAJOR} is needed to run the functions as they are deployed`;
  fail(
    `${missing}; no package of it exists for ${process.platform}-${process.arch}, and ${node} is ${major === null ? "unusable" : `v${major}`}.`,
  );
}

const child = spawn(node, [join(root, entry.file), ...(entry.args ?? []), ...args], {
  cwd: root,
  stdio: "inherit",
  env: {
    ...process.env,
    PATH: [bin, join(modules, ".bin"), process.env.PATH ?? ""].join(delimiter),
    FALCO_RESPONDER_NODE_MAJOR: major,
  },
});
// Ctrl-C in a terminal reaches the child by itself; a signal to us alone is passed on. We end when it has ended.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
  });
}
child.on("error", (error) => fail(`${node} could not be started: ${error.message}`));
child.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 143)));
