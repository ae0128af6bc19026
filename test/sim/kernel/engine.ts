import { PipelineError } from "#shared/domain/error.ts";
import type { Draw } from "./draw.ts";
import { type CallFault, Faults } from "./faults.ts";
import type { Kernel } from "./kernel.ts";

/** One run of one function: until it answers, dies, or is killed. */
export interface Invocation {
  readonly name: string;
  readonly fn: string;
  isAlive: boolean;
  readonly counts: Map<string, number>;
  readonly onDeath: (() => void)[];
  ids: number;
}

/** Which trouble a port can tell of; null: none (it never throws). */
export type Realm = "aws" | "kube" | "ledger" | "best effort";

const FASTEST_MS = 1;
const SPREAD_MS = 24;

/**
 * Owns every await of the product: a call of a port is begun, takes effect and answers at three moments of its own, and between any two the
 * function may die.
 */
export class Engine {
  readonly kernel: Kernel;
  readonly draw: Draw;
  readonly faults: Faults;
  /** Whose code runs now. */
  current: Invocation | null = null;
  calls = 0;

  constructor(kernel: Kernel, draw: Draw, only: ReadonlySet<string> | null) {
    this.kernel = kernel;
    this.draw = draw;
    this.faults = new Faults(draw, only);
  }

  occurs(...[fault, name, odds]: readonly [Parameters<Faults["occurs"]>[0], string, number?]): boolean {
    return this.faults.occurs(fault, name, this.kernel.nowMs, odds);
  }

  /** Runs a function. `killedAfterMs`: Lambda's timeout. `onEnd`: its answer, or what it threw; `onDeath`: it never answered. */
  invoke<T>(
    fn: string,
    name: string,
    killedAfterMs: number,
    run: (invocation: Invocation) => Promise<T>,
    onEnd: (result: { readonly ok: true; readonly value: T } | { readonly ok: false; readonly thrown: unknown }) => void,
    onDeath: () => void,
  ): Invocation {
    const invocation: Invocation = { name, fn, isAlive: true, counts: new Map(), onDeath: [onDeath], ids: 0 };
    this.kernel.tell(name, "begins");
    this.current = invocation;
    const over = (result: Parameters<typeof onEnd>[0]): void => {
      if (!invocation.isAlive) return;
      invocation.isAlive = false;
      this.kernel.tell(name, result.ok ? "ends" : `throws ${String(result.thrown).slice(0, 160)}`);
      onEnd(result);
    };
    run(invocation).then(
      (value) => over({ ok: true, value }),
      (thrown: unknown) => over({ ok: false, thrown }),
    );
    this.kernel.after(killedAfterMs, () => {
      if (!invocation.isAlive) return;
      this.faults.note("function timed out", `timeout ${name}`, this.kernel.nowMs);
      this.die(invocation, "killed at its timeout");
    });
    return invocation;
  }

  die(invocation: Invocation, how: string): void {
    if (!invocation.isAlive) return;
    invocation.isAlive = false;
    this.kernel.tell(invocation.name, `dies: ${how}`);
    for (const tell of invocation.onDeath) tell();
  }

  /** A call of a port by this invocation. `effect` takes place at one moment, all of it. */
  call<T>(invocation: Invocation, label: string, realm: Realm, signal: AbortSignal | null, effect: () => Promise<T> | T): Promise<T> {
    if (!invocation.isAlive) return never();
    if (signal?.aborted) return Promise.reject(signal.reason);
    this.calls++;
    const nth = (invocation.counts.get(label) ?? 0) + 1;
    invocation.counts.set(label, nth);
    const name = `${invocation.name} ${label} ${nth}`;
    const chosen = this.faults.ofCall(name, this.kernel.nowMs);
    const fault = realm === "best effort" && chosen !== "crash before" && chosen !== "crash after" ? null : chosen;
    if (fault === "denied" && (realm === "ledger" || invocation.fn === "ingest"))
      return this.#go(invocation, name, null, realm, signal, effect);
    return this.#go(invocation, name, fault, realm, signal, effect);
  }

  #go<T>(
    invocation: Invocation,
    name: string,
    fault: CallFault | null,
    realm: Realm,
    signal: AbortSignal | null,
    effect: () => Promise<T> | T,
  ): Promise<T> {
    const { kernel, draw } = this;
    const isKube = realm === "kube";
    const delays = draw(`delay ${name}`);
    const slowMs = fault === "slow" ? 2_000 + Math.floor(10_000 * draw(`slow ${name}`)) : 0;
    const thereMs = FASTEST_MS + Math.floor(delays * SPREAD_MS) + slowMs;
    const backMs = FASTEST_MS + Math.floor(((delays * 97) % 1) * SPREAD_MS);
    return new Promise<T>((resolve, reject) => {
      const answer = (settle: () => void): void =>
        kernel.after(backMs, () => {
          if (!invocation.isAlive) return;
          this.current = invocation;
          if (signal?.aborted) reject(new PipelineError("timed_out", "the call was given up"));
          else settle();
        });
      const fail = (code: ConstructorParameters<typeof PipelineError>[0], what: string): void =>
        answer(() => reject(new PipelineError(code, what)));
      const note = (): void => {
        if (fault === null) return;
        this.faults.note(fault, name, kernel.nowMs);
        kernel.tell(invocation.name, `FAULT ${fault}: ${name.slice(invocation.name.length + 1)}`);
      };
      const takesEffect = (): void => {
        if (fault === "crash before") this.die(invocation, "before a call took effect");
        else if (fault === "throttled") fail(isKube ? "kube_throttled" : "aws_throttled", "throttled");
        else if (fault === "denied") fail(isKube ? "kube_forbidden" : "aws_denied", "denied");
        else done(effect).then(answered, (thrown: unknown) => answer(() => reject(thrown)));
      };
      const answered = (value: T): void => {
        if (fault === "crash after") this.die(invocation, "after a call took effect, before its answer came");
        else if (fault === "answer lost") fail(isKube ? "kube_unreachable" : "aws_unreachable", "the answer was lost");
        else answer(() => resolve(value));
      };
      kernel.after(thereMs, () => {
        if (!invocation.isAlive) return this.#ofTheDead(invocation, name, effect);
        this.current = invocation;
        note();
        takesEffect();
      });
    });
  }

  /** What the dead had sent may be on its way. */
  #ofTheDead(invocation: Invocation, name: string, effect: () => unknown): void {
    if (!this.occurs("call of the dead arrives", name, 4)) return;
    this.kernel.tell(invocation.name, `CALL OF THE DEAD: ${name.slice(invocation.name.length + 1)}`);
    this.current = invocation;
    done(effect).catch(() => undefined);
  }

  sleep(invocation: Invocation, ms: number, signal: AbortSignal): Promise<void> {
    if (!invocation.isAlive) return never();
    if (signal.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      this.kernel.after(Math.max(0, ms), () => {
        if (!invocation.isAlive) return;
        this.current = invocation;
        if (signal.aborted) reject(signal.reason);
        else resolve();
      });
    });
  }
}

/** Whatever it throws is its answer. */
async function done<T>(effect: () => Promise<T> | T): Promise<T> {
  return await effect();
}

/** The dead wait for ever. */
const never = <T>(): Promise<T> => new Promise<T>(() => undefined);
