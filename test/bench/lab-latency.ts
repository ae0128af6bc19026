import { attackOnPod, attackOnTask, describe as describeTasks, isUp, LAB, waitFor } from "../../lab/lab.ts";
import { openWorld, type World } from "../e2e/world.ts";
import setup from "../lab-setup.ts";
import type { BenchRow } from "./row.ts";

const ATTACKS = 12;
const EVERY_MS = 10;

/** From the alert's time to the task seen STOPPED and the pod seen gone, on the deployed service: a lower bound is the lab's own speed. */
export async function labLatency(): Promise<readonly BenchRow[]> {
  const close = await setup();
  const world = await openWorld({ policy: "test/e2e/thousand-policy.yml" });
  try {
    return [...rows("alert_to_stopped_ms", await tasksStopped(world)), ...rows("alert_to_pod_gone_ms", await podsGone(world))];
  } finally {
    await world.stop();
    await close();
  }
}

async function tasksStopped(world: World): Promise<readonly number[]> {
  const took: number[] = [];
  while (took.length < ATTACKS) {
    const [task] = await waitFor("the service is whole", async () => {
      const tasks = await world.tasks();
      return tasks.length === 3 && tasks.every(({ status }) => status === "RUNNING") ? tasks : null;
    });
    if (task === undefined) throw new Error("no task runs");
    const started = Date.now();
    await world.ship(attackOnTask(task, world.sensorOf(task)));
    const stopped = async () => (await describeTasks(world.aws.ecs, LAB.ecsCluster, [task.arn]))[0]?.status === "STOPPED";
    await waitFor("the task is STOPPED", stopped, { everyMs: EVERY_MS });
    took.push(Date.now() - started);
  }
  return took;
}

async function podsGone(world: World): Promise<readonly number[]> {
  const took: number[] = [];
  while (took.length < ATTACKS) {
    const [pod] = await waitFor("the Deployment is whole", async () => {
      const pods = await world.pods();
      return pods.length === 3 && pods.every(isUp) ? pods : null;
    });
    if (pod === undefined) throw new Error("no pod runs");
    const started = Date.now();
    await world.ship(attackOnPod(pod));
    const gone = async () => (await world.pods()).every(({ uid }) => uid !== pod.uid);
    await waitFor("the pod is gone", gone, { everyMs: EVERY_MS });
    took.push(Date.now() - started);
  }
  return took;
}

function rows(name: string, took: readonly number[]): readonly BenchRow[] {
  const sorted = [...took].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  const compared = `${took.length} attacks, one after another, on the local lab (one batch at a time); the first of each starts cold functions`;
  return [
    { name: `${name}_p50`, value: at(0.5), unit: "ms", compared },
    { name: `${name}_p95`, value: at(0.95), unit: "ms", compared },
  ];
}
