// What tests, benchmarks and the demonstration use of the lab.
export { type Aws, awsOf, stackOutputs } from "./aws.ts";
export { stopAll } from "./children.ts";
export { LAB, type LabConfig, storeSlackUrl, writeConfig } from "./config.ts";
export { type Audited, readAudit } from "./control-plane/audit.ts";
export { type ControlPlane, startControlPlane } from "./control-plane/control-plane.ts";
export { kubeConfig } from "./control-plane/kube.ts";
export { type Deployment, deploy, STAGE } from "./deploy.ts";
export { createCluster, createService, describe, type EcsSensor, type LabTask, startSensors, tasksOf } from "./ecs.ts";
export { createEksCluster, eksName, reachable } from "./eks.ts";
export { type Call, type Emulator, startEmulator } from "./emulator/emulator.ts";
export { criFlat, falcoLine, fireLensFlat, fireLensParseJson, fireLensText, type Seen } from "./falco.ts";
export { type Inbox, type SnsMessage, snsInbox } from "./inbox.ts";
export { putLogEvents } from "./logs.ts";
export { createDeployment, type Going, isUp, type LabPod, podsOf, watchGoing } from "./pods.ts";
export { attackOnPod, attackOnTask, SCENARIOS, type Scenario, type Shipment, type Stage } from "./scenarios.ts";
export { type SlackDouble, type SlackMessage, slackDouble } from "./slack-double.ts";
export { waitFor } from "./wait.ts";
