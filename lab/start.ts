import { rmSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { stopAll } from "./children.ts";
import { controlPlaneIsBuilt } from "./control-plane/build.ts";
import { type ControlPlane, startControlPlane } from "./control-plane/control-plane.ts";
import { type EcsStage, enforceAct, observeAct, podAct, setEcsStage } from "./demo/acts.ts";
import { Report } from "./demo/report.ts";
import { startWorld, type World } from "./demo/world.ts";
import { folder, ROOT, STATE_FILE } from "./paths.ts";
import type { State } from "./state.ts";

const { values: options } = parseArgs({ options: { once: { type: "boolean", default: false } } });
const report = new Report();
const stopping: (() => Promise<void>)[] = [];
let ending: Promise<void> | null = null;

/** Ends what was started here, newest first, once. */
const end = (): Promise<void> => {
  ending ??= (async () => {
    rmSync(STATE_FILE, { force: true });
    for (const stop of stopping.reverse()) await stop().catch(() => {});
    await stopAll();
  })();
  return ending;
};
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    if (ending === null) console.log("\nending what was started ...");
    void end().then(() => process.exit(signal === "SIGINT" ? 130 : 143));
  });
}

async function main(): Promise<boolean> {
  report.title("falco-responder: a live demonstration on a local AWS and a real Kubernetes control plane");
  const kubernetes = openKubernetes();
  const world = await startWorld((line) => report.note(line));
  stopping.push(() => world.stop());
  report.note(`local AWS at ${world.emulator.endpoint}, Lambdas on Node ${process.versions.node}`);

  const early = (await controlPlaneIsBuilt()) ? await kubernetes : null;
  report.title("1. The shipped policy observes");
  await deployed(world, "observe", early);
  const stage = await setEcsStage(world);
  report.note("ECS: service checkout with 4 tasks, search with 2, Falco on each of their instances");
  await observeAct(world, stage, report);

  report.title("2. The lab's policy enforces: ECS");
  await deployed(world, "enforce", early);
  await enforceAct(world, stage, report);

  report.title("3. The lab's policy enforces: Kubernetes");
  const cluster = early ?? (await kubernetes);
  await kubernetesAct(world, cluster, early !== null);
  const whole = report.close();
  if (!options.once) await stayUp(world, stage, cluster);
  return whole;
}

async function deployed(world: World, mode: "observe" | "enforce", kubernetes: ControlPlane | null): Promise<void> {
  report.note(`serverless deploy --stage lab (policy in ${mode} mode) ...`);
  const { stack, ms } = await world.deploy(mode, kubernetes);
  report.note(`stack ${stack} deployed in ${(ms / 1000).toFixed(1)} s`);
}

/** In the background: the first time it has to be built. Null, with the reason told, when it cannot be had. */
async function openKubernetes(): Promise<ControlPlane | null> {
  try {
    const plane = await startControlPlane({ tell: (line) => report.note(line) });
    stopping.push(() => plane.stop());
    return plane;
  } catch (thrown) {
    report.note(`no Kubernetes: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
    return null;
  }
}

async function kubernetesAct(world: World, plane: ControlPlane | null, known: boolean): Promise<void> {
  const lacks = plane === null ? ["the control plane did not start: see above"] : plane.lacks;
  if (plane === null || lacks.length > 0) {
    for (const lack of lacks) report.note(lack);
    report.missed("the Kubernetes half");
    return;
  }
  if (!known) await deployed(world, "enforce", plane);
  report.note(`Kubernetes at ${plane.server}: Deployments invoices and ledger on ${plane.nodes.length} nodes`);
  await podAct(world, plane, report);
}

/** Stays until Ctrl-C; `npm run alert` finds us by the state file. */
async function stayUp(world: World, stage: EcsStage, plane: ControlPlane | null): Promise<void> {
  const { endpoint, region, account } = world.emulator;
  const kubernetes = plane?.adminToken ? { server: plane.server, caData: plane.caData, token: plane.adminToken } : null;
  const state: State = { pid: process.pid, endpoint, region, account, sensors: [...stage.sensors.values()], kubernetes };
  folder(ROOT, ".lab");
  writeFileSync(STATE_FILE, JSON.stringify(state), { mode: 0o600 });
  report.title("It stays up. In another terminal: npm run alert (lists what can be sent). Ctrl-C ends it.");
  world.inbox().onMessage((message) => report.sns(message));
  world.slack.onMessage((message) => report.slack(message));
  await new Promise(() => setInterval(() => {}, 60_000));
}

try {
  const whole = await main();
  await end();
  process.exit(whole ? 0 : 1);
} catch (thrown) {
  if (ending === null) console.error(thrown instanceof Error ? thrown.message : thrown);
  await end();
  process.exit(1);
}
