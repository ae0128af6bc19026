import { LAB } from "../config.ts";
import type { ControlPlane } from "../control-plane/control-plane.ts";
import { createCluster, createService, describe, type EcsSensor, type LabTask, startSensors, tasksOf } from "../ecs.ts";
import type { SnsMessage } from "../inbox.ts";
import { createDeployment, isUp, type LabPod, podsOf } from "../pods.ts";
import { attackOnPod, attackOnTask } from "../scenarios.ts";
import type { SlackMessage } from "../slack-double.ts";
import { waitFor } from "../wait.ts";
import type { Report } from "./report.ts";
import type { World } from "./world.ts";

const SERVICE = "checkout";
const NEIGHBOUR = "search";
const NAMESPACE = "billing";
const DEPLOYMENT = "invoices";

/** The ECS half at work: two services on the same instances, and a Falco task on each instance. */
export interface EcsStage {
  readonly sensors: ReadonlyMap<string, EcsSensor>;
  tasks(): Promise<readonly LabTask[]>;
  neighbours(): Promise<readonly LabTask[]>;
}

export async function setEcsStage({ aws }: World): Promise<EcsStage> {
  await createCluster(aws.ecs, LAB.ecsCluster);
  const checkout = await createService(aws.ecs, LAB.ecsCluster, SERVICE, { count: 4 });
  const search = await createService(aws.ecs, LAB.ecsCluster, NEIGHBOUR, { count: 2 });
  const sensors = await startSensors(aws.ecs, LAB.ecsCluster, [...checkout, ...search]);
  return {
    sensors,
    tasks: () => tasksOf(aws.ecs, LAB.ecsCluster, SERVICE),
    neighbours: async () => [
      ...(await tasksOf(aws.ecs, LAB.ecsCluster, NEIGHBOUR)),
      ...(await describe(
        aws.ecs,
        LAB.ecsCluster,
        [...sensors.values()].map(({ taskArn }) => taskArn),
      )),
    ],
  };
}

export const sensorOf = (stage: Pick<EcsStage, "sensors">, task: LabTask): EcsSensor => {
  const sensor = stage.sensors.get(task.instanceArn);
  if (!sensor) throw new Error(`no Falco task on the instance of ${task.id}`);
  return sensor;
};

/** The attack under the shipped policy: people read what would have been done, and nothing is touched. */
export async function observeAct(world: World, stage: EcsStage, report: Report): Promise<void> {
  const before = [...(await stage.tasks()), ...(await stage.neighbours())];
  const victim = before[0] ?? nobody();
  const mark = marks(world);
  report.alert(`a shell, then a dropped binary, in task ${victim.id} of ${SERVICE}`);
  await world.ship(attackOnTask(victim, sensorOf(stage, victim)));
  await told(world, report, mark, "what would have been done", (text) => text.includes(victim.id) && /would have stopped/i.test(text));
  await report.observe("nothing is touched", async () => {
    const now = new Set(
      [...(await stage.tasks()), ...(await stage.neighbours())].filter(({ status }) => status === "RUNNING").map(({ arn }) => arn),
    );
    return same(
      before.map(({ arn }) => arn),
      now,
      "task",
    );
  });
}

/** The attack under the lab's policy: the task stops, the service replaces it, nobody else is touched. */
export async function enforceAct(world: World, stage: EcsStage, report: Report): Promise<void> {
  const checkout = await stage.tasks();
  const neighbours = await stage.neighbours();
  const victim = checkout[1] ?? nobody();
  const mark = marks(world);
  report.alert(`a shell, then a dropped binary, in task ${victim.id} of ${SERVICE}`);
  await world.ship(attackOnTask(victim, sensorOf(stage, victim)));
  await report.observe("the offending task is stopped", () =>
    waitFor("STOPPED", async () => {
      const [task] = await describe(world.aws.ecs, LAB.ecsCluster, [victim.arn]);
      return task?.status === "STOPPED" ? `${task.id}, "${task.stoppedReason}"` : null;
    }),
  );
  await report.observe("the service has replaced it", () =>
    waitFor("a new task", async () => {
      const now = (await stage.tasks()).filter(({ status }) => status === "RUNNING");
      const fresh = now.filter(({ arn }) => !checkout.some((task) => task.arn === arn));
      return now.length === checkout.length && fresh.length === 1 ? `by ${fresh[0]?.id}` : null;
    }),
  );
  await told(world, report, mark, "that it was stopped", (text) => text.includes(victim.id) && /task stopped/i.test(text));
  await report.observe("its neighbours are untouched", async () => {
    const others = [...checkout.filter(({ arn }) => arn !== victim.arn), ...neighbours].map(({ arn }) => arn);
    const now = new Set(
      (await describe(world.aws.ecs, LAB.ecsCluster, others)).filter(({ status }) => status === "RUNNING").map(({ arn }) => arn),
    );
    return same(others, now, "task");
  });
}

/** The same in Kubernetes: the pod is deleted and replaced, and no other pod on its node is touched. */
export async function podAct(world: World, kubernetes: ControlPlane, report: Report): Promise<void> {
  const invoices = await createDeployment(kubernetes.admin, NAMESPACE, DEPLOYMENT, { count: 4 });
  const others = await createDeployment(kubernetes.admin, NAMESPACE, "ledger", { count: 3 });
  const victim = invoices[0] ?? nobody();
  const mark = marks(world);
  report.alert(`a shell, then a dropped binary, in pod ${victim.namespace}/${victim.name} on ${victim.node}`);
  await world.ship(attackOnPod(victim));
  const pods = () => podsOf(kubernetes.admin, NAMESPACE, DEPLOYMENT);
  await report.observe("the offending pod is gone", () =>
    waitFor("gone", async () => ((await pods()).some(({ uid }) => uid === victim.uid) ? null : `uid ${victim.uid}`)),
  );
  await report.observe("its Deployment has replaced it", () =>
    waitFor("a new pod", async () => {
      const up = (await pods()).filter(isUp);
      const fresh = up.filter(({ uid }) => !invoices.some((pod) => pod.uid === uid));
      return up.length === invoices.length && fresh.length === 1 ? `by ${fresh[0]?.name}` : null;
    }),
  );
  await told(world, report, mark, "that it was deleted", (text) => text.includes(victim.name) && /pod deleted/i.test(text));
  await report.observe("its neighbours are untouched", async () => {
    const expected = [...invoices, ...others].filter(({ uid }) => uid !== victim.uid).map(({ uid }) => uid);
    const now: LabPod[] = [...(await pods()), ...(await podsOf(kubernetes.admin, NAMESPACE, "ledger"))];
    return same(expected, new Set(now.filter(isUp).map(({ uid }) => uid)), "pod");
  });
}

const marks = ({ inbox, slack }: World) => ({ sns: inbox().messages().length, slack: slack.messages().length });

/** Both channels, since the mark, with a text that fits: whole messages are searched, targets and decisions stand in them. */
async function told(
  world: World,
  report: Report,
  mark: { readonly sns: number; readonly slack: number },
  what: string,
  fits: (text: string) => boolean,
): Promise<void> {
  const sns = (): SnsMessage | undefined =>
    world
      .inbox()
      .messages()
      .slice(mark.sns)
      .find(({ subject, body }) => fits(`${subject}\n${body}`));
  const slack = (): SlackMessage | undefined =>
    world.slack
      .messages()
      .slice(mark.slack)
      .find(({ text, blocks }) => fits(`${text}\n${JSON.stringify(blocks)}`));
  if (await report.observe(`SNS says ${what}`, () => waitFor("a message", () => Promise.resolve(sns() && "received")))) {
    const message = sns();
    if (message) report.sns(message);
  }
  if (await report.observe(`Slack says ${what}`, () => waitFor("a message", () => Promise.resolve(slack() && "received")))) {
    const message = slack();
    if (message) report.slack(message);
  }
}

function same(expected: readonly string[], now: ReadonlySet<string>, what: string): string {
  const lost = expected.filter((id) => !now.has(id));
  if (lost.length > 0) throw new Error(`${lost.length} ${what}s are not what they were: ${lost.join(", ")}`);
  return `${expected.length} ${what}s, by id`;
}

const nobody = (): never => {
  throw new Error("nothing runs that could be attacked");
};
