import { createHash } from "node:crypto";
import { existsSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { runToEnd } from "../children.ts";
import { once } from "../once.ts";
import { cacheRoot } from "../paths.ts";

const PROGRAMS = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok"] as const;
export type Program = (typeof PROGRAMS)[number];

/** Where the programs of a control plane are. KUBEBUILDER_ASSETS may hold less than all of them; `missing` names what it lacks. */
export interface Programs {
  readonly folder: string;
  readonly ours: boolean;
  readonly missing: readonly Program[];
}

/** Go modules beside this file, and the programs that each becomes. */
const MODULES = [
  { name: "cluster", programs: ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"] },
  { name: "kwok", programs: ["kwok"] },
] as const;
const INPUTS = ["go.mod", "go.sum", "main.go"] as const;

/**
 * Builds the control plane from the Go module proxy, once per hash of its inputs: 5 to 9 minutes on two cores when nothing is cached.
 * `KUBEBUILDER_ASSETS` (envtest's convention) replaces the build.
 */
export async function controlPlanePrograms(tell: (line: string) => void = () => {}): Promise<Programs> {
  const assets = process.env["KUBEBUILDER_ASSETS"];
  if (assets) return given(assets);
  const path = await builtPath();
  await once(path, (into) => build(into, tell));
  return { folder: path, ours: true, missing: [] };
}

/** Whether it can be started without building. */
export async function controlPlaneIsBuilt(): Promise<boolean> {
  if (process.env["KUBEBUILDER_ASSETS"] || process.env["FALCO_RESPONDER_KUBECONFIG"]) return true;
  return existsSync(await builtPath());
}

async function builtPath(): Promise<string> {
  const hash = createHash("sha256").update(await runToEnd("go", ["env", "GOVERSION", "GOOS", "GOARCH"]));
  for (const { name } of MODULES) for (const input of INPUTS) hash.update(readFileSync(join(import.meta.dirname, name, input)));
  return join(cacheRoot(), `control-plane-${hash.digest("hex").slice(0, 16)}`);
}

async function build(into: string, tell: (line: string) => void): Promise<void> {
  const started = Date.now();
  const seconds = (): number => Math.round((Date.now() - started) / 1000);
  const env = { ...process.env, GOFLAGS: "-mod=readonly -buildvcs=false" };
  for (const { name, programs } of MODULES) {
    const cwd = join(import.meta.dirname, name);
    tell(`building the Kubernetes control plane, once: modules of ${name} ...`);
    const total = (await runToEnd("go", ["list", "-deps", "."], { cwd, env })).trim().split("\n").length;
    let compiled = 0;
    let told = Date.now();
    const onLine = (): void => {
      compiled++;
      if (Date.now() - told < 15_000) return;
      told = Date.now();
      tell(`building the Kubernetes control plane: ${name}, ${compiled} of at most ${total} packages, ${seconds()} s`);
    };
    await runToEnd("go", ["build", "-v", "-trimpath", "-ldflags", "-s -w", "-o", join(into, `${name}.bin`), "."], {
      cwd,
      env,
      onLine,
      background: true,
    });
    for (const program of programs) symlinkSync(`${name}.bin`, join(into, program));
  }
  tell(`the Kubernetes control plane is built, in ${seconds()} s`);
}

function given(folder: string): Programs {
  const missing = PROGRAMS.filter((program) => !existsSync(join(folder, program)));
  const vital = missing.filter((program) => program === "etcd" || program === "kube-apiserver");
  if (vital.length > 0) throw new Error(`KUBEBUILDER_ASSETS (${folder}) has no ${vital.join(" and no ")}`);
  return { folder, ours: false, missing };
}
