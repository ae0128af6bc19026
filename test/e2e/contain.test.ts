import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { OrderBody } from "#shared/ledger/order.ts";
import type { IncidentReport } from "#shared/report/report.ts";
import { falcoLine, fireLensFlat } from "../../lab/falco.ts";
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
import { age, readLedger } from "./ledger.ts";
import { leaveRun } from "./rights-used.ts";
import { runOf } from "./world.ts";

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
let neighbour: TaskState;
let lonely: TaskState;
const invoked: string[] = [];
const groups = { app: "", isolation: "", nothing: "" };
let eni = "";

beforeAll(async () => {
  double = await Aws.start({ account: "000000000000", region: "eu-central-1" });
  closing.push(() => double[Symbol.asyncDispose]());
  const { world } = double;
  groups.app = world.securityGroup({ name: "app" }).id;
  // The agent stays reachable: behind a group that lets nothing out, the replacement on this machine could never be told to stop.
  groups.isolation = world.securityGroup({ name: "isolation", outbound: "https" }).id;
  groups.nothing = world.securityGroup({ name: "nothing", outbound: "none" }).id;
  const instance = world.instance({ cluster: LAB.ecsCluster });
  eni = world.networkInterface({ ec2InstanceId: instance.ec2InstanceId, groups: [groups.app] }).id;
  world.instance({ cluster: LAB.ecsCluster });
  const third = world.instance({ cluster: LAB.ecsCluster });
  world.networkInterface({ ec2InstanceId: third.ec2InstanceId, groups: [groups.app] });
  world.role("shop-checkout");
  const definition = world.definition("checkout", { networkMode: "bridge", taskRoleArn: "arn:aws:iam::000000000000:role/shop-checkout" }, [
    { logConfiguration: { logDriver: "awslogs", options: { "awslogs-group": "/ecs/checkout", "awslogs-stream-prefix": "app" } } },
  ]);
  world.service({ name: "checkout", cluster: LAB.ecsCluster, definitionArn: definition, desired: 2 });
  world.scalableTarget("checkout", 2, 10, LAB.ecsCluster);
  const found = world.tasksOf("checkout", LAB.ecsCluster).find(({ instanceArn }) => instanceArn === instance.arn);
  if (found === undefined) throw new Error("no task of the service is on the first machine");
  offender = found;
  // On every machine, as it is deployed: a protected task of a DAEMON service keeps no machine from being isolated.
  world.service({ name: "falco", cluster: LAB.ecsCluster, strategy: "DAEMON" });
  neighbour = world.task({ cluster: LAB.ecsCluster, definitionArn: world.definition("cron"), instanceArn: instance.arn });
  lonely = world.task({ cluster: LAB.ecsCluster, definitionArn: world.definition("batch"), instanceArn: third.arn });
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
  world.logStream("/ecs/checkout", `app/app/${offender.arn.slice(-32)}`, [{ atMs: Date.now(), message: "GET /?cmd=wget+kdevtmpfsi" }]);
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
  const config = writeConfig(folder, emulator, {
    policy,
    channels: ["sns"],
    shop: { taskRoles: ["shop-*"], taskLogGroups: ["/ecs/checkout"] },
  });
  deployment = await deploy(emulator, { config });
  const run = runOf(emulator, config, deployment);
  // What the functions asked of the double counts as what they asked of the emulator.
  const ofDouble = () => double.calls().map(({ accessKeyId, service, action }) => ({ principal: accessKeyId, service, action }));
  closing.push(() => {
    const { calls, allowed } = run();
    leaveRun(expect.getState().testPath ?? "", { calls: [...calls, ...ofDouble()], allowed });
  });
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
  - name: what isolates at once
    match: { priority: "=Error", tags: [container] }
    actions: [{ action: "ecs:isolate-instance", approval: waived, params: { security_group: ${groups.nothing} } }]
    notify: [team]
  - name: what only marks and drains
    match: { priority: "=Warning", tags: [container] }
    actions:
      - ecs:tag-task
      - { action: "ecs:drain-instance", approval: waived }
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

/** An alert of the offender's kind about a task, as FireLens ships it. */
async function accuse(
  task: TaskState,
  priority: string,
  how: { readonly sensor?: EcsSensor; readonly isLabelled?: boolean } = {},
): Promise<void> {
  const [{ runtimeId = "" } = {}] = task.containers;
  const label = how.isLabelled === false ? {} : { "container.label[com.amazonaws.ecs.task-arn]": task.arn };
  const line = falcoLine({
    rule: "Contact K8S API Server From Container",
    priority,
    tags: ["container"],
    says: "Unexpected connection",
    hostname: "h",
    fields: { "container.id": runtimeId.slice(0, 12), ...label },
  });
  await putLogEvents(aws.logs, { group: LAB.ecsLogGroup, stream: `falco/falco-firelens-${sensor.taskId}` }, [
    fireLensFlat(line, how.sensor ?? sensor),
  ]);
}

interface Swept {
  readonly claims: Record<string, number>;
  readonly orders: Record<string, number>;
  readonly notes: { readonly sent: number };
}

const sweepNow = async (): Promise<Swept> => {
  const answer = await fetch(`${emulator.endpoint}/2015-03-31/functions/${deployment.stack}-sweep/invocations`, {
    method: "POST",
    body: "{}",
  });
  return (await answer.json()) as Swept;
};

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
const incidentId = async (): Promise<string> =>
  (await ledger()).incidents.find(({ rule }) => rule === "everything that contains a task")?.incident ?? "";
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
  await waitFor("the service has no task left", () =>
    Promise.resolve(double.world.tasksOf("checkout", LAB.ecsCluster).length === 0 || null),
  );
  expect(await responder("approve", incident, "--action", "ecs:revoke-role-sessions")).toMatchObject({ code: 0 });
  expect(await receiptOf("ecs:revoke-role-sessions")).toMatchObject({ outcome: "done" });
  const decided = (await orders()).filter(({ verb }) => verb === "approve");
  expect(decided.map(({ by }) => by)).toEqual(decided.map(() => "arn:aws:iam::000000000000:user/alice"));
});

test("sweep looks again at what was requested and nobody has seen, and tells what was not told", async () => {
  await age(aws.dynamo, deployment.outputs["LedgerTable"] ?? "", 0);
  const { claims, notes } = await sweepNow();
  expect(claims["done"]).toBeGreaterThanOrEqual(4);
  expect(notes.sent).toBeGreaterThanOrEqual(1);
});

test("behind a group that lets nothing out the offender is stopped first, by the function that isolates", async () => {
  await accuse(lonely, "Error");
  const isolated = async () => {
    const { receipts } = await ledger();
    return receipts.find(({ receipt }) => receipt.target === lonely.arn && receipt.outcome === "done") ?? null;
  };
  // Its first try tells the task to stop and finds it running still: the order comes again after 10 s.
  await waitFor("the machine of the lonely task is isolated", isolated, { deadlineMs: 60_000, everyMs: 500 });
  const of = (action: string) => double.calls(action).findLastIndex(({ accessKeyId }) => accessKeyId.endsWith("-respond-wide"));
  expect(of("StopTask")).toBeGreaterThanOrEqual(0);
  expect(lonely.lastStatus).toBe("STOPPED");
});

test("a machine is found by its EC2 id when ECS no longer knows Falco's own task", async () => {
  const gone = { ...sensor, taskArn: sensor.taskArn.replace(/[^/]+$/, "0".repeat(32)) };
  await accuse(neighbour, "Warning", { sensor: gone, isLabelled: false });
  const { receipt } = await waitFor("the neighbour of Falco's machine is tagged", async () => {
    const { receipts } = await ledger();
    return receipts.find((one) => one.receipt.target === neighbour.arn && one.receipt.action === "ecs:tag-task") ?? null;
  });
  expect(receipt.outcome).toBe("done");
  expect(double.calls("ListContainerInstances").length).toBeGreaterThan(0);
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
  const revoked = async () =>
    (await ledger()).receipts.map(({ receipt }) => receipt).find(({ action, undoing }) => action === "ecs:revoke-role-sessions" && undoing);
  expect(await waitFor("the revocation says when it ends", async () => (await revoked()) ?? null)).toMatchObject({ outcome: "requested" });
  expect(await responder("undo", incident, "--action", "ecs:stop-task")).toMatchObject({
    code: 1,
    out: expect.stringContaining("nothing fits"),
  });
  expect(await responder("status")).toMatchObject({ code: 0 });
  const shown = await responder("show", incident);
  expect(shown).toMatchObject({ code: 0, out: expect.stringContaining("ecs:stop-task") });
});

test("the incident is reported from the syscall to the undo, and all that was kept is what it was", async () => {
  const incident = (await ledger()).incidents.find(({ rule }) => rule === "everything that contains a task")?.incident ?? "";
  const report = await waitFor(
    "the record has all of the incident",
    async () => {
      const { code, out } = await responder("incidents", "report", incident, "--format", "json", "--verify");
      const given = JSON.parse(out) as IncidentReport;
      return code === 0 && given.record.notRecorded.length === 0 ? given : null;
    },
    { deadlineMs: 60_000 },
  );
  expect(new Set(report.record.verified?.map(({ what, result }) => `${what} ${result}`))).toEqual(
    new Set(["audit matches", "item matches", "evidence matches"]),
  );
  expect(report.policies).toContainEqual(
    expect.objectContaining({ rule: expect.objectContaining({ name: "everything that contains a task" }) }),
  );
  expect(report.alerts[0]?.accuser).toMatchObject({ verified: true, eventAt: expect.stringMatching(/^2/) });
  expect(report.questions.some(({ by }) => by?.includes("alice"))).toBe(true);
  const markdown = await responder("incidents", "report", incident);
  expect(markdown).toMatchObject({ code: 0, out: expect.stringContaining("Undoing of `ecs:scale-service-to-zero`: done") });
  // The schedule's own call, which is an hour away here.
  const digest = await fetch(`${emulator.endpoint}/2015-03-31/functions/${deployment.stack}-audit/invocations`, {
    method: "POST",
    body: "{}",
  });
  expect([digest.ok, digest.headers.has("x-amz-function-error")]).toEqual([true, false]);
});

test("half a day later the revocation ends by itself, and sweep confirms what is still to be seen of the rest", async () => {
  expect(await receiptOf("ecs:drain-instance")).toMatchObject({ outcome: "done", undo: { possible: true } });
  await age(aws.dynamo, deployment.outputs["LedgerTable"] ?? "", 13 * 3_600_000);
  const report = await sweepNow();
  expect(report.claims["done"]).toBeGreaterThanOrEqual(4);
  expect(report.orders).toEqual({ sent: 1 });
  const ended = async () => {
    const { receipts } = await ledger();
    return (
      receipts.some(({ receipt }) => receipt.action === "ecs:revoke-role-sessions" && receipt.undoing && receipt.outcome === "done") || null
    );
  };
  await waitFor("the revocation has ended", ended, { deadlineMs: 30_000 });
  expect(double.calls("DeleteRolePolicy")).toHaveLength(1);
  const incident = (await ledger()).incidents.find(({ rule }) => rule === "what only marks and drains")?.incident ?? "";
  for (const action of ["ecs:tag-task", "ecs:drain-instance"]) {
    expect(await responder("undo", incident, "--action", action)).toMatchObject({ code: 0 });
  }
  const undone = async () => {
    const { receipts } = await ledger();
    const found = receipts
      .filter(({ receipt }) => receipt.target === neighbour.arn && receipt.undoing)
      .map(({ receipt }) => receipt.outcome);
    return found.length === 2 ? found : null;
  };
  expect(await waitFor("tag and drain are taken back", undone, { deadlineMs: 30_000 })).toEqual(["done", "done"]);
  expect(double.calls("UntagResource").length + double.calls("UpdateContainerInstancesState").length).toBeGreaterThanOrEqual(3);
});

test("a request that is not signed, or not understood, changes nothing and says why", async () => {
  const unsigned = await fetch(operateUrl, { method: "POST", body: "{}" });
  expect(unsigned.status).toBe(403);
  expect(await responder("show", "nonsense")).toMatchObject({ code: 2, out: expect.stringContaining("16 hex digits") });
  expect(await responder("approve")).toMatchObject({ code: 2 });
});
