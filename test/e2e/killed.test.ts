import { setTimeout as sleep } from "node:timers/promises";
import { GetQueueAttributesCommand, SetQueueAttributesCommand } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ClaimBody } from "#shared/ledger/claim.ts";
import { attackOnPod, createDeployment, type Going, type LabPod, podsOf, type Shipment, waitFor, watchGoing } from "../../lab/lab.ts";
import { claimsOf } from "./ledger.ts";
import { workerOf } from "./worker.ts";
import { DEPLOYMENT, invoke, openWorld, type World } from "./world.ts";

const FARMS = ["barley", "maize", "oats", "rye", "spelt", "wheat"];
const PODS_OF_EACH = 50;
/** A kill as soon as so many of the 300 were told to go: not always the first of a batch of ten. */
const KILL_AT = [1, 54, 108, 162, 216];

let world: World;
beforeAll(async () => {
  world = await openWorld({ policy: "test/e2e/killed-policy.yml", taskCount: 1, podCount: 3 });
});
afterAll(async () => await world?.stop());

test("alerts for ten pods and no kill, the control: each pod is asked to go once, by its first claim", async () => {
  const pods = await createDeployment(world.kube, world.namespace, "control", { count: 10 });
  await shipAlerts(pods);
  const claims = await accountedFor(pods, ["control"], 10);
  expect(claims.map(({ fence }) => fence)).toEqual(pods.map(() => 1));
}, 300_000);

test("300 alerts for 300 pods, the respond worker killed again and again while claims execute in it: none lost, none acted on twice", async () => {
  const pods: LabPod[] = [];
  for (const name of FARMS) pods.push(...(await createDeployment(world.kube, world.namespace, name, { count: PODS_OF_EACH })));
  expect(new Set(pods.map(({ uid }) => uid)).size).toBe(300);
  const bystanders = await uidsOf([DEPLOYMENT]);
  // The messages of a killed worker come back after the visibility timeout, 6 minutes as deployed: sooner here, and later than a claim's lease.
  const QueueUrl = world.deployment.outputs["QueueKubernetesUrl"];
  await world.aws.sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { VisibilityTimeout: "40" } }));

  const earlier = (await world.ledger("alert")).alerts.length;
  const going = await watchGoing(world.kube, world.namespace);
  const killing = killAgainAndAgain(going);
  await shipAlerts(pods);
  const left = await killing;
  const claims = await accountedFor(pods, FARMS, PODS_OF_EACH);

  expect(going.ended()).toBeNull();
  going.stop();
  // Nothing but the accused was told to go: no bystander, no replacement.
  expect([...going.uids].sort()).toEqual(pods.map(({ uid }) => uid).sort());
  expect((await world.ledger("alert")).alerts).toHaveLength(earlier + 300);
  // What a killed worker left executing was gone on with by another owner, which looked first, or seen done by sweep, which leaves the fence.
  const ends = new Map(claims.map((claim) => [claim.target, claim]));
  for (const { target, fence } of left) {
    const end = ends.get(target);
    expect(end?.state).toBe("done");
    expect(end?.fence ?? 0).toBeGreaterThanOrEqual(fence);
  }
  expect(await uidsOf([DEPLOYMENT])).toEqual(bystanders);
}, 900_000);

/** One alert for each pod, in the order in which nodes ship them, at most 100 lines at a time. */
async function shipAlerts(pods: readonly LabPod[]): Promise<void> {
  const shipments = pods.map(attackOnPod);
  for (const ofStream of Map.groupBy(shipments, ({ stream }) => stream).values()) {
    // The shell before it is not what this test is about.
    const lines = ofStream.flatMap(({ messages }) => messages.slice(1));
    const [{ group, stream } = { group: "kubernetes", stream: "" } satisfies Omit<Shipment, "messages">] = ofStream;
    for (let at = 0; at < lines.length; at += 100) await world.ship({ group, stream, messages: lines.slice(at, at + 100) });
  }
}

type Claim = ClaimBody<unknown>;

/**
 * Kills the respond-kubernetes worker with SIGKILL at each step of KILL_AT. Returns the claims that the dead workers left executing; throws
 * when a kill met no living worker, or left none.
 */
async function killAgainAndAgain(going: Going): Promise<readonly Claim[]> {
  const left: Claim[] = [];
  for (const step of KILL_AT) {
    const [pid, told] = await waitFor(
      `${step} pods are told to go`,
      () => {
        const one = going.uids.length >= step ? workerOf(world.emulator, "respond-kubernetes") : null;
        return Promise.resolve(one === null ? null : ([one, going.uids.length] as const));
      },
      { deadlineMs: 240_000, everyMs: 10, giveUp: going.ended },
    );
    process.kill(pid, "SIGKILL");
    // What it had asked of the ledger is answered by then, and the emulator starts the next worker after a second.
    await sleep(400);
    const known = new Set(left.map(({ owner }) => owner));
    const now = claimsOf(await world.ledger("claim")).filter(({ state, owner }) => state === "executing" && !known.has(owner));
    const asked = now.filter(({ target }) => going.uids.includes(target));
    console.log(`killed when ${told} were told to go: ${now.length} claims left executing, ${asked.length} of their pods told to go`);
    expect(now.length, `claims left executing by the kill at ${step}`).toBeGreaterThan(0);
    left.push(...now);
  }
  return left;
}

/** Every DELETE of a pod here that was not the lab's own, rehearsals left out; null: the API server is not ours and tells nobody. */
const deletesOf = () =>
  world.audited()?.filter(({ verb, resource, dryRun }) => verb.startsWith("delete") && resource === "pods" && !dryRun) ?? null;

const uidsOf = async (deployments: readonly string[]): Promise<readonly string[]> => {
  const pods = await Promise.all(deployments.map((name) => podsOf(world.kube, world.namespace, name)));
  return pods
    .flat()
    .map(({ uid }) => uid)
    .sort();
};

/** Waits until nothing is under way; then each pod has its alert, its claim, its receipt and its DELETE, one of each. Returns the claims. */
async function accountedFor(pods: readonly LabPod[], deployments: readonly string[], ofEach: number): Promise<readonly Claim[]> {
  const uids = pods.map(({ uid }) => uid).sort();
  const accused = new Set(uids);
  const claims = await waitFor(
    "every pod has its claim, each is final, and no message is under way",
    async () => {
      const mine = claimsOf(await world.ledger("claim")).filter(({ target }) => accused.has(target));
      if (mine.length < uids.length || (await queued("QueueKubernetesUrl")) > 0) return null;
      if (mine.every(({ state }) => state === "done")) return mine;
      // Of what respond could not see done in time.
      await invoke(world, "sweep");
      return null;
    },
    { deadlineMs: 240_000, everyMs: 1_000 },
  );
  expect(claims.map(({ target }) => target).sort()).toEqual(uids);
  expect(await queued("QueueKubernetesDeadUrl")).toBe(0);

  const ledger = await world.ledger();
  const alerts = ledger.alerts.filter(({ target }) => target !== null && accused.has(target));
  expect(alerts.map(({ target }) => target).sort()).toEqual(uids);
  expect(alerts.map(({ decisions }) => decisions.map(({ kind }) => kind))).toEqual(uids.map(() => ["act"]));
  const receipts = ledger.receipts.map(({ receipt }) => receipt).filter(({ target }) => accused.has(target));
  expect(receipts.map(({ target }) => target).sort()).toEqual(uids);
  expect(receipts.map(({ outcome }) => outcome)).toEqual(uids.map(() => "done"));

  const whole = deployments.length * ofEach;
  const now = await waitFor("the Deployments are whole again", async () => {
    const there = (await Promise.all(deployments.map((name) => podsOf(world.kube, world.namespace, name)))).flat();
    return there.length === whole && there.every(({ deleting }) => !deleting) ? there : null;
  });
  expect(now.filter(({ uid }) => accused.has(uid))).toEqual([]);

  // By the API server's own book: one DELETE for each pod, with its uid as precondition, all accepted; none for a replacement.
  const deletes = deletesOf()?.filter(({ name }) => deployments.some((one) => name?.startsWith(`${one}-`)));
  if (deletes === undefined)
    console.log("the API server is not the lab's own and has no audit log: that each pod was asked once is not shown");
  else expect(deletes.map(({ uid, status }) => `${uid} ${status}`).sort()).toEqual(uids.map((uid) => `${uid} 200`));
  return claims;
}

async function queued(output: "QueueKubernetesUrl" | "QueueKubernetesDeadUrl"): Promise<number> {
  const command = new GetQueueAttributesCommand({ QueueUrl: world.deployment.outputs[output], AttributeNames: ["All"] });
  const { Attributes = {} } = await world.aws.sqs.send(command);
  const names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"] as const;
  return names.reduce((sum, name) => sum + Number(Attributes[name] ?? Number.NaN), 0);
}
