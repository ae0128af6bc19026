import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Aws, awsOf } from "../aws.ts";
import { LAB, storeSlackUrl, writeConfig } from "../config.ts";
import type { ControlPlane } from "../control-plane/control-plane.ts";
import { type Deployment, deploy } from "../deploy.ts";
import { type Reachable, reachable } from "../eks.ts";
import { type Emulator, startEmulator } from "../emulator/emulator.ts";
import { type Inbox, snsInbox } from "../inbox.ts";
import { putLogEvents } from "../logs.ts";
import { folder, ROOT } from "../paths.ts";
import type { Shipment } from "../scenarios.ts";
import { type SlackDouble, slackDouble } from "../slack-double.ts";

/** Everything of a running lab but Kubernetes, which joins when it is built. */
export interface World {
  readonly emulator: Emulator;
  readonly aws: Aws;
  readonly slack: SlackDouble;
  /** Of the last deploy's topic. */
  inbox(): Inbox;
  deploy(mode: "observe" | "enforce", kubernetes: ControlPlane | null): Promise<Deployment>;
  ship(shipment: Shipment): Promise<void>;
  stop(): Promise<void>;
}

export async function startWorld(tell: (line: string) => void): Promise<World> {
  const emulator = await startEmulator({ tell });
  const slack = await slackDouble();
  const aws = awsOf(emulator);
  await storeSlackUrl(aws, slack.url);
  let inbox: Inbox | null = null;
  let cluster: Reachable | null = null;
  return {
    emulator,
    aws,
    slack,
    inbox: () => inbox ?? neverDeployed(),
    async deploy(mode, kubernetes) {
      if (kubernetes) cluster ??= await reachable(emulator, aws, { ...kubernetes, token: kubernetes.responderToken });
      const files = folder(ROOT, ".lab", mode);
      const policy = mode === "enforce" ? join(ROOT, "lab/policy.yml") : shippedPolicy(files);
      const config = writeConfig(files, emulator, { policy, ...(cluster ? { kubernetes: cluster.way } : {}) });
      const deployment = await deploy(emulator, { config });
      inbox ??= await snsInbox(aws, deployment.outputs["NotificationsTopic"] ?? "");
      return deployment;
    },
    ship: ({ group, stream, messages }) =>
      putLogEvents(aws.logs, { group: group === "ecs" ? LAB.ecsLogGroup : LAB.kubernetesLogGroup, stream }, messages),
    async stop() {
      await cluster?.leave();
      await inbox?.stop();
      await slack.stop();
      await emulator.stop();
    },
  };
}

/** The policy as shipped, told to Slack as well as to its own channel: nothing else is changed. */
function shippedPolicy(files: string): string {
  const path = join(files, "policy.yml");
  writeFileSync(path, readFileSync(join(ROOT, "policy.yml"), "utf8").replaceAll("notify: [team]", "notify: [team, slack]"));
  return path;
}

const neverDeployed = (): never => {
  throw new Error("nothing is deployed yet");
};
