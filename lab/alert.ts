import { existsSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { awsOf } from "./aws.ts";
import { LAB } from "./config.ts";
import { kubeConfig } from "./control-plane/kube.ts";
import { tasksOf } from "./ecs.ts";
import { putLogEvents } from "./logs.ts";
import { isUp, podsOf } from "./pods.ts";
import { SCENARIOS, type Shipment, type Stage } from "./scenarios.ts";
import { readState, type State } from "./state.ts";

const { positionals } = parseArgs({ allowPositionals: true });
const [wanted] = positionals;

if (wanted === undefined) {
  console.log("npm run alert -- <scenario|file>. A file is shipped line by line, as it is. Scenarios:\n");
  for (const [name, { says }] of Object.entries(SCENARIOS)) console.log(`  ${name.padEnd(16)} ${says}`);
  process.exit(0);
}
const state = readState();
if (state === null) {
  console.error("no demonstration is running: start one with npm start");
  process.exit(1);
}

const { says, shipment } = await shipmentOf(wanted, state);
await putLogEvents(awsOf(state).logs, { group: groupOf(shipment), stream: shipment.stream }, shipment.messages);
console.log(`${says}\n${shipment.messages.length} lines written to ${groupOf(shipment)}, stream ${shipment.stream}`);

function groupOf({ group }: Shipment): string {
  return group === "ecs" ? LAB.ecsLogGroup : LAB.kubernetesLogGroup;
}

async function shipmentOf(name: string, running: State): Promise<{ readonly says: string; readonly shipment: Shipment }> {
  const scenario = SCENARIOS[name];
  if (scenario) return { says: scenario.says, shipment: scenario.play(await stageOf(running)) };
  if (!existsSync(name)) {
    console.error(`no scenario and no file: ${name}. Known: ${Object.keys(SCENARIOS).join(", ")}`);
    process.exit(2);
  }
  const messages = readFileSync(name, "utf8")
    .split("\n")
    .filter((line) => line.trim() !== "");
  return { says: `lines of ${name}`, shipment: { group: "ecs", stream: `${LAB.ecsStreamPrefix}file`, messages } };
}

async function stageOf({ kubernetes, sensors, ...where }: State): Promise<Stage> {
  const tasks = (await tasksOf(awsOf(where).ecs, LAB.ecsCluster, "checkout")).filter(({ status }) => status === "RUNNING");
  const pods =
    kubernetes === null ? [] : await podsOf(kubeConfig(kubernetes.server, kubernetes.caData, kubernetes.token), "billing", "invoices");
  return {
    tasks,
    pods: pods.filter(isUp),
    sensorOf: (task) => {
      const sensor = sensors.find(({ instanceArn }) => instanceArn === task.instanceArn);
      if (!sensor) throw new Error(`no Falco task on the instance of ${task.id}`);
      return sensor;
    },
  };
}
