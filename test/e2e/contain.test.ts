import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { OrderBody } from "#shared/ledger/order.ts";
import {
  type Aws as AwsClients,
  attackOnTask,
  awsOf,
  type Deployment,
  deploy,
  type EcsSensor,
  type Emulator,
  LAB,
  putLogEvents,
  startEmulator,
  waitFor,
  writeConfig,
} from "../../lab/lab.ts";
import { Aws } from "../doubles/aws/aws.ts";
import type { TaskState } from "../doubles/aws/state.ts";
import { readLedger } from "./ledger.ts";

/** What the emulator lacks of ECS, EC2, IAM and scaling runs on the double: the deployed functions speak to it, over HTTP, as to AWS. */
const SERVICES = ["ECS", "EC2", "IAM", "APPLICATION_AUTO_SCALING", "LAMBDA"] as const;

let closing: (() => Promise<void> | void)[] = [];
let double: Aws;
let emulator: Emulator;
let aws: AwsClients;
let deployment: Deployment;
let operateUrl = "";
let offender: TaskState;
let sensor: EcsSensor;
const invoked: string[] = [];
const groups = { app: "", isolation: "" };
let eni = "";

beforeAll(async () => {
  double = await Aws.start({ account: "000000000000", region: "eu-central-1" });
  closing.push(() => double[Symbol.asyncDispose]());
  const { world } = double;
  groups.app = world.securityGroup({ name: "app" }).id;
  // The agent stays reachable: behind a group that lets nothing out, the replacement on this machine could never be told to stop.
  groups.isolation = world.securityGroup({ name: "isolation", outbound: "https" }).id;
  const instance = world.instance({ cluster: LAB.ecsCluster });
  eni = world.networkInterface({ ec2InstanceId: instance.ec2InstanceId, groups: [groups.app] }).id;
  world.instance({ cluster: LAB.ecsCluster });
  const definition = world.definition("checkout", {
    networkMode: "bridge",
    taskRoleArn: world.role("shop-checkout").name.replace(/^/, "arn:aws:iam::000000000000:role/"),
  });
  world.service({ name: "checkout", cluster: LAB.ecsCluster, definitionArn: definition, desired: 2 });
  world.scalableTarget("checkout", 2, 10, LAB.ecsCluster);
  const found = world.tasksOf("checkout", LAB.ecsCluster).find(({ instanceArn }) => instanceArn === instance.arn);
  if (found === undefined) throw new Error("no task of the service is on the first machine");
  offender = found;
  // On every machine, as it is deployed: a protected task of a DAEMON service keeps no machine from being isolated.
  world.service({ name: "falco", cluster: LAB.ecsCluster, strategy: "DAEMON" });
  const falco = world.tasksOf("falco", LAB.ecsCluster).find(({ instanceArn }) => instanceArn === instance.arn);
  if (falco === undefined) throw new Error("no Falco is beside the offender");
  sensor = {
    cluster: LAB.ecsCluster,
    taskArn: falco.arn,
    taskId: falco.arn.slice(-32),
    taskDefinition: "falco:1",
    containerId: falco.containers[0]?.runtimeId ?? "",
    instanceId: instance.ec2InstanceId ?? "",
    instanceArn: instance.arn,
  };
  const fn = world.fn("own-playbook", (payload) => {
    invoked.push(payload);
    return JSON.stringify({ ok: true });
  });

  emulator = await startEmulator({ lambdaEnv: Object.fromEntries(SERVICES.map((name) => [`AWS_ENDPOINT_URL_${name}`, double.url])) });
  closing.push(() => emulator.stop());
  aws = awsOf(emulator);
  const folder = mkdtempSync(join(tmpdir(), "falco-responder-contain-"));
  closing.push(() => rmSync(folder, { recursive: true, force: true }));
  const policy = join(folder, "policy.yml");
  writeFileSync(policy, policyText(fn));
  const config = writeConfig(folder, emulator, { policy, channels: ["sns"], shop: { taskRoles: ["shop-*"] } });
  deployment = await deploy(emulator, { config });
  operateUrl = await urlOf(`${deployment.stack}-operate`);
}, 300_000);
afterAll(async () => {
  for (const close of closing.reverse()) await close();
  closing = [];
});

const policyText = (fn: string): string => `version: 1
mode: enforce
budgets: { window: 10m, owner: 20, cluster: 100, fleet: 200 }
rules:
  - name: everything that contains a task
    match: { priority: ">=Critical", tags: [container] }
    actions:
      - ecs:tag-task
      - ecs:protect-task
      - { action: "aws:invoke-lambda", params: { function: "${fn}" } }
      - ecs:revoke-role-sessions
      - ecs:scale-service-to-zero
      - ecs:stop-task
      - { action: "ecs:isolate-instance", approval: waived, params: { security_group: ${groups.isolation} } }
    notify: [team]
`;

/** The path form of a function URL: its own host is not to be resolved here. */
async function urlOf(name: string): Promise<string> {
  const answer = await fetch(`${emulator.endpoint}/2021-10-31/functions/${name}/url`);
  const { FunctionUrl } = (await answer.json()) as { FunctionUrl: string };
  return `${emulator.endpoint}/_aws/lambda-url/${new URL(FunctionUrl).hostname.split(".")[0]}/`;
}

/** The command line tool, as a person runs it. */
function responder(...args: readonly string[]): Promise<{ readonly code: number; readonly out: string }> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, ...emulator.env, AWS_ACCESS_KEY_ID: "alice", NO_COLOR: "1" };
    const child = spawn(process.execPath, ["cli/main.ts", "--url", operateUrl, ...args], { env });
    let out = "";
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (out += text));
    child.once("error", reject);
    child.once("close", (code) => resolve({ code: code ?? 128, out }));
  });
}

const ledger = () => readLedger(aws.dynamo, deployment.outputs["LedgerTable"] ?? "");
const receiptOf = (action: string, undoing = false) =>
  waitFor(
    `a final receipt of ${action}${undoing ? " undone" : ""}`,
    async () => {
      const { receipts } = await ledger();
      const found = receipts.map(({ receipt }) => receipt).find((one) => one.action === action && (one.undoing === true) === undoing);
      return found !== undefined && found.outcome !== "requested" && found.outcome !== "unknown" ? found : null;
    },
    { deadlineMs: 60_000, everyMs: 300 },
  );
const incidentId = async (): Promise<string> => (await ledger()).incidents.find(({ rule }) => rule !== null)?.incident ?? "";
const groupsNow = async () => {
  const { EC2Client, DescribeNetworkInterfacesCommand } = await import("@aws-sdk/client-ec2");
  const { NetworkInterfaces = [] } = await new EC2Client(double.config("spectator")).send(
    new DescribeNetworkInterfacesCommand({ NetworkInterfaceIds: [eni] }),
  );
  return NetworkInterfaces[0]?.Groups?.map(({ GroupId }) => GroupId);
};

test("what may act acts in order: tag, protect, the user's function, the stop, and then the machine by the function that has the right", async () => {
  const [{ runtimeId = "" } = {}] = offender.containers;
  const task = {
    arn: offender.arn,
    id: offender.arn.slice(-32),
    instanceArn: sensor.instanceArn,
    runtimeId,
    status: "RUNNING",
    stoppedReason: "",
  };
  const { stream, messages } = attackOnTask(task, sensor);
  await putLogEvents(aws.logs, { group: LAB.ecsLogGroup, stream }, messages);
  expect(await receiptOf("ecs:stop-task")).toMatchObject({ outcome: "done", target: offender.arn });
  expect(await receiptOf("ecs:tag-task")).toMatchObject({ outcome: "done", undo: { possible: true } });
  expect(await receiptOf("ecs:protect-task")).toMatchObject({ outcome: "done" });
  expect(await receiptOf("aws:invoke-lambda")).toMatchObject({ outcome: "done", subject: expect.stringContaining("own-playbook") });
  expect(invoked.map((payload) => JSON.parse(payload) as unknown)).toEqual([
    expect.objectContaining({ schema: "falco-responder/invoke/1", incident: await incidentId() }),
  ]);
  const isolated = await receiptOf("ecs:isolate-instance");
  expect(isolated).toMatchObject({ outcome: "done", undo: { possible: true } });
  expect(isolated.remarks?.join(" ")).toContain("Connections that stand are tracked");
  expect(await groupsNow()).toEqual([groups.isolation]);
  const changed = double.calls().filter(({ action }) => /^(TagResource|UpdateTaskProtection|Invoke|StopTask|Modify)/.test(action));
  expect(changed[0]?.action).toBe("TagResource");
  expect(changed.findIndex(({ action }) => action === "StopTask")).toBeLessThan(
    changed.findIndex(({ action }) => action === "ModifyNetworkInterfaceAttribute"),
  );
});

test("what is wide waits for a person, whose yes on the command line is carried out and signed with their name", async () => {
  const orders = async () =>
    (await ledger()).items.filter(({ type }) => type === "order").map(({ body }) => JSON.parse(String(body)) as OrderBody);
  const waiting = (await orders()).filter(({ state }) => state === "awaiting").map(({ key }) => key);
  expect(waiting.sort()).toEqual(["ecs:revoke-role-sessions", "ecs:scale-service-to-zero"]);
  const incident = await incidentId();
  const ambiguous = await responder("approve", incident);
  expect(ambiguous).toMatchObject({ code: 1, out: expect.stringContaining("say which with --action") });
  expect(await responder("approve", incident, "--action", "ecs:scale-service-to-zero")).toMatchObject({ code: 0 });
  expect(await receiptOf("ecs:scale-service-to-zero")).toMatchObject({ outcome: "done", undo: { possible: true } });
  const service = double.world.tasksOf("checkout", LAB.ecsCluster);
  expect(service).toEqual([]);
  expect(await responder("approve", incident, "--action", "ecs:revoke-role-sessions")).toMatchObject({ code: 0 });
  expect(await receiptOf("ecs:revoke-role-sessions")).toMatchObject({ outcome: "done" });
  const decided = (await orders()).filter(({ verb }) => verb === "approve");
  expect(decided.map(({ by }) => by)).toEqual(decided.map(() => "arn:aws:iam::000000000000:user/alice"));
});

test("what was done is taken back by the same tool: the service's count and scaling, the machine's groups; the revocation only when sessions have ended", async () => {
  const incident = await incidentId();
  expect(await responder("undo", incident, "--action", "ecs:scale-service-to-zero")).toMatchObject({ code: 0 });
  expect(await receiptOf("ecs:scale-service-to-zero", true)).toMatchObject({ outcome: "done" });
  await waitFor("the service has its tasks again", () =>
    Promise.resolve(double.world.tasksOf("checkout", LAB.ecsCluster).length === 2 || null),
  );
  expect(await responder("undo", incident, "--action", "ecs:isolate-instance")).toMatchObject({ code: 0 });
  expect(await receiptOf("ecs:isolate-instance", true)).toMatchObject({ outcome: "done" });
  expect(await groupsNow()).toEqual([groups.app]);
  expect(await responder("undo", incident, "--action", "ecs:isolate-instance")).toMatchObject({
    code: 1,
    out: expect.stringContaining("taken back before"),
  });
  expect(await responder("undo", incident, "--action", "ecs:revoke-role-sessions")).toMatchObject({ code: 0 });
  expect(await receiptOf("ecs:revoke-role-sessions", true)).toMatchObject({ outcome: "refused" });
  expect(await responder("undo", incident, "--action", "ecs:stop-task")).toMatchObject({
    code: 1,
    out: expect.stringContaining("nothing fits"),
  });
  const shown = await responder("show", incident);
  expect(shown).toMatchObject({ code: 0, out: expect.stringContaining("ecs:stop-task") });
});

test("a request that is not signed, or not understood, changes nothing and says why", async () => {
  const unsigned = await fetch(operateUrl, { method: "POST", body: "{}" });
  expect(unsigned.status).toBe(403);
  expect(await responder("show", "nonsense")).toMatchObject({ code: 1, out: expect.stringContaining("16 hex digits") });
  expect(await responder("approve")).toMatchObject({ code: 2 });
});
