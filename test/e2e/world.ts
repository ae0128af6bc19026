import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GetObjectCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import type { KubeConfig } from "@kubernetes/client-node";
import { expect } from "vitest";
import type { AlertBody, ReceiptBody } from "#shared/ledger/incident.ts";
import {
  type Audited,
  type Aws,
  awsOf,
  createCluster,
  createDeployment,
  createService,
  type Deployment,
  deploy,
  type EcsSensor,
  type Emulator,
  type Inbox,
  kubeConfig,
  LAB,
  type LabPod,
  type LabTask,
  podsOf,
  putLogEvents,
  reachable,
  readAudit,
  type Shipment,
  type SlackDouble,
  slackDouble,
  snsInbox,
  startEmulator,
  startSensors,
  storeSlackUrl,
  tasksOf,
  waitFor,
  writeConfig,
} from "../../lab/lab.ts";
import { loadConfig } from "../../packaging/config.ts";
import { type Ledger, readLedger } from "./ledger.ts";
import { allowedBy, leaveRun, type Run } from "./rights-used.ts";

/** The deployed service on an emulator of its own, with an ECS service and (on the shared control plane) a Deployment at work. */
export interface World {
  readonly emulator: Emulator;
  readonly aws: Aws;
  readonly slack: SlackDouble;
  readonly inbox: Inbox;
  readonly deployment: Deployment;
  readonly kube: KubeConfig;
  readonly namespace: string;
  tasks(): Promise<readonly LabTask[]>;
  pods(): Promise<readonly LabPod[]>;
  sensorOf(task: LabTask): EcsSensor;
  ship(shipment: Shipment): Promise<void>;
  /** `only`: items of that type. */
  ledger(only?: string): Promise<Ledger>;
  objects(bucket: "UnreadableBucket" | "EvidenceBucket"): Promise<ReadonlyMap<string, string>>;
  /** Writes to the namespace that the API server was asked for by anybody but the lab itself; null: it is not ours and tells nobody. */
  audited(): readonly Audited[] | null;
  /** What the functions have called so far, and what their roles allow. */
  run(): Run;
  stop(): Promise<void>;
}

export const SERVICE = "checkout";
export const DEPLOYMENT = "invoices";

export async function openWorld(options: {
  readonly policy: string;
  readonly taskCount?: number;
  readonly podCount?: number;
}): Promise<World> {
  const closing: (() => Promise<void> | void)[] = [];
  const stop = async (): Promise<void> => {
    for (const close of closing.reverse()) await close();
  };
  try {
    const emulator = await startEmulator();
    closing.push(() => emulator.stop());
    const slack = await slackDouble();
    closing.push(() => slack.stop());
    const aws = awsOf(emulator);
    const plane = sharedPlane();
    await storeSlackUrl(aws, slack.url);
    const cluster = await reachable(emulator, aws, plane);
    closing.push(() => cluster.leave());
    const folder = mkdtempSync(join(tmpdir(), "falco-responder-e2e-"));
    closing.push(() => rmSync(folder, { recursive: true, force: true }));
    const config = writeConfig(folder, emulator, { policy: options.policy, kubernetes: cluster.way });
    const deployment = await deploy(emulator, { config });
    const run = runOf(emulator, config, deployment);
    closing.push(() => leaveRun(expect.getState().testPath ?? "", run()));
    const inbox = await snsInbox(aws, deployment.outputs["NotificationsTopic"] ?? "");
    closing.push(() => inbox.stop());
    await createCluster(aws.ecs, LAB.ecsCluster);
    const first = await createService(aws.ecs, LAB.ecsCluster, SERVICE, { count: options.taskCount ?? 3 });
    const sensors = await startSensors(aws.ecs, LAB.ecsCluster, first);
    const kube = kubeConfig(plane.server, plane.caData, plane.adminToken);
    const namespace = `e2e-${process.pid}-${Date.now().toString(36)}`;
    await createDeployment(kube, namespace, DEPLOYMENT, { count: options.podCount ?? 3 });
    return {
      emulator,
      aws,
      slack,
      inbox,
      deployment,
      kube,
      namespace,
      tasks: () => tasksOf(aws.ecs, LAB.ecsCluster, SERVICE),
      pods: () => podsOf(kube, namespace, DEPLOYMENT),
      sensorOf: (task) => sensors.get(task.instanceArn) ?? missing(`no Falco on ${task.instanceArn}`),
      ship: ({ group, stream, messages }) =>
        putLogEvents(aws.logs, { group: group === "ecs" ? LAB.ecsLogGroup : LAB.kubernetesLogGroup, stream }, messages),
      ledger: (only) => readLedger(aws.dynamo, deployment.outputs["LedgerTable"] ?? "", only),
      objects: (bucket) => readBucket(aws, deployment.outputs[bucket] ?? ""),
      audited: () => (plane.audit === null ? null : readAudit(plane.audit).filter((write) => write.namespace === namespace)),
      run,
      stop,
    };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

/** The roles are those that were deployed: from the same files. */
export function runOf(emulator: Emulator, config: string, { stage }: Deployment): () => Run {
  const loaded = loadConfig(config, { stage, account: emulator.account });
  if (!loaded.ok) throw new Error("what was deployed does not load");
  const allowed = allowedBy(loaded.compiled.plan);
  return () => ({ calls: emulator.calls(), allowed });
}

interface Plane {
  readonly server: string;
  readonly caData: string;
  readonly token: string;
  readonly adminToken: string;
  readonly tokenWebhook: string | null;
  readonly audit: string | null;
}

const sharedPlane = (): Plane => {
  const file = process.env["FALCO_RESPONDER_TEST_KUBE"] ?? missing("FALCO_RESPONDER_TEST_KUBE is not set: run `npm test lab`");
  // A file of one's own may name a control plane that knows no IAM.
  return { tokenWebhook: null, ...(JSON.parse(readFileSync(file, "utf8")) as Omit<Plane, "tokenWebhook">) };
};

const missing = (what: string): never => {
  throw new Error(what);
};

async function readBucket({ s3 }: Aws, Bucket: string): Promise<ReadonlyMap<string, string>> {
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket }));
  const objects = new Map<string, string>();
  for (const { Key = "" } of Contents) {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
    objects.set(Key, (await Body?.transformToString()) ?? "");
  }
  return objects;
}

/** Waits until an alert for which `is` holds is recorded; returns it. */
export const recorded = (world: World, what: string, is: (alert: AlertBody) => boolean): Promise<AlertBody> =>
  waitFor(`${what} is in the ledger`, async () => (await world.ledger()).alerts.find(is), { deadlineMs: 45_000, everyMs: 300 });

/** Waits for the final receipt about a target. */
export const receiptFor = (world: World, target: string): Promise<ReceiptBody["receipt"]> =>
  waitFor(
    `a final receipt for ${target}`,
    async () =>
      (await world.ledger()).receipts
        .map(({ receipt }) => receipt)
        .find((receipt) => receipt.target === target && receipt.outcome !== "requested" && receipt.outcome !== "unknown"),
    { deadlineMs: 45_000, everyMs: 300 },
  );

/** Runs a deployed function now, with an empty event. */
export async function invoke(world: World, key: string): Promise<void> {
  const answer = await fetch(`${world.emulator.endpoint}/2015-03-31/functions/${world.deployment.stack}-${key}/invocations`, {
    method: "POST",
    body: "{}",
  });
  const body = await answer.text();
  if (!answer.ok || answer.headers.has("x-amz-function-error")) throw new Error(`${key} failed (${answer.status}): ${body}`);
}
