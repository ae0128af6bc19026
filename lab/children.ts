import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { setPriority } from "node:os";

/** A process that the lab started. Its stdin is a pipe from us: ours end with us, however we end. */
export interface Child {
  readonly name: string;
  readonly pid: number;
  /** Resolves when it has ended. */
  stop(): Promise<void>;
  /** The last lines it wrote, for messages about its end. */
  tail(): string;
  /** Null while it runs. */
  ended(): string | null;
}

const running = new Set<Child>();
/** Commands that are running to their end: a build, a deploy. */
const commands = new Set<ChildProcess>();
let armed = false;

/** Starts a process that stays. `log` receives all it writes. It is stopped, by pid, when we exit or are told to. */
export function startChild(
  name: string,
  command: string,
  args: readonly string[],
  options: { readonly env: NodeJS.ProcessEnv; readonly log: string; readonly cwd?: string; readonly argv0?: string },
): Child {
  arm();
  const log = createWriteStream(options.log, { flags: "a" });
  const child = spawn(command, args, {
    stdio: ["pipe", "pipe", "pipe"],
    env: options.env,
    // A group of its own: Ctrl-C in the terminal is ours to pass on, in order.
    detached: true,
    ...(options.cwd ? { cwd: options.cwd } : {}),
    ...(options.argv0 ? { argv0: options.argv0 } : {}),
  });
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  child.stdin.on("error", () => {});
  let end: string | null = null;
  const gone = new Promise<void>((resolve) => {
    child.once("error", (error) => {
      end = error.message;
      resolve();
    });
    child.once("exit", (code, signal) => {
      end = signal ? `ended by ${signal}` : `exited with ${code}`;
      resolve();
    });
  });
  const started: Child = {
    name,
    pid: child.pid ?? 0,
    ended: () => end,
    tail: () => lastLines(options.log),
    stop: async () => {
      await stopGroup(child, gone, () => end !== null);
      running.delete(started);
      log.end();
    },
  };
  running.add(started);
  return started;
}

async function stopGroup(child: ChildProcess, gone: Promise<void>, ended: () => boolean): Promise<void> {
  if (ended()) return;
  child.stdin?.end();
  signalGroup(child, "SIGTERM");
  const hard = setTimeout(() => signalGroup(child, "SIGKILL"), 5_000);
  await gone;
  clearTimeout(hard);
  // What it started and left behind (Lambdas) is in its group.
  signalGroup(child, "SIGKILL");
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // No such group any more: what we wanted.
  }
}

/** Stops everything, newest first. */
export async function stopAll(): Promise<void> {
  for (const command of commands) command.kill();
  for (const child of [...running].reverse()) await child.stop();
}

function arm(): void {
  if (armed) return;
  armed = true;
  process.on("exit", () => {
    for (const command of commands) command.kill();
    for (const child of running) {
      try {
        process.kill(-child.pid, "SIGKILL");
      } catch {
        // Gone already.
      }
    }
  });
}

const lastLines = (path: string): string => {
  try {
    return readFileSync(path, "utf8").trimEnd().split("\n").slice(-15).join("\n");
  } catch {
    return "";
  }
};

/** A port that nobody listens on now, on loopback. */
export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });

/**
 * Runs a command to its end; in the `background` it yields to everything else. Throws with the end of its output when it fails, or when it
 * has not ended by the deadline (none by default): it is killed then.
 */
export function runToEnd(
  command: string,
  args: readonly string[],
  options: {
    readonly cwd?: string;
    readonly env?: NodeJS.ProcessEnv;
    readonly onLine?: (line: string) => void;
    readonly background?: boolean;
    readonly deadlineMs?: number;
  } = {},
): Promise<string> {
  arm();
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ["ignore", "pipe", "pipe"],
      ...(options.cwd ? { cwd: options.cwd } : {}),
      env: options.env ?? process.env,
    });
    let output = "";
    let rest = "";
    let late = false;
    const deadline =
      options.deadlineMs === undefined
        ? undefined
        : setTimeout(() => {
            late = true;
            child.kill("SIGKILL");
          }, options.deadlineMs);
    const take = (chunk: Buffer): void => {
      output = `${output}${chunk.toString("utf8")}`.slice(-200_000);
      const lines = `${rest}${chunk.toString("utf8")}`.split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) options.onLine?.(line);
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    commands.add(child);
    if (options.background && child.pid !== undefined) setPriority(child.pid, 10);
    child.once("error", (cause) => reject(new Error(`${command} could not be started: ${cause.message}`, { cause })));
    child.once("close", (code) => {
      commands.delete(child);
      clearTimeout(deadline);
      if (code === 0) resolve(output);
      else
        reject(
          new Error(
            `${command} ${args[0] ?? ""} ${late ? "did not end in time" : `failed (${code})`}:\n${output.trimEnd().split("\n").slice(-30).join("\n")}`,
          ),
        );
    });
  });
}
