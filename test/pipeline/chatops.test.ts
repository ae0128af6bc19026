import { describe, expect, test } from "vitest";
import { BUTTONS } from "#shared/domain/button.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { Person } from "#shared/domain/person.ts";
import type { PolicyRule } from "#shared/domain/policy.ts";
import type { Registry } from "#shared/domain/registry.ts";
import type { OrderBody } from "#shared/ledger/order.ts";
import { type ChatopsPorts, chatops } from "#shared/pipeline/chatops.ts";
import { deliverNotes } from "#shared/pipeline/notify.ts";
import { operate } from "#shared/pipeline/operate.ts";
import { respond } from "#shared/pipeline/respond.ts";
import { sweep } from "#shared/pipeline/sweep.ts";
import type { Reply } from "#shared/ports/chatops.ts";
import { encodeOrder } from "#shared/wire/order.ts";
import { clickPayload, formOf, RESPONSE_URL, type Sent, SLACK, slackEvent } from "../fakes/slack.ts";
import { FakeTelemetry } from "../fakes/telemetry.ts";
import { policyOf, registry, shellRule, taskEntry, World } from "../fakes/world.ts";

const signal = new AbortController().signal;
const ALICE_ARN = "arn:aws:sts::111122223333:assumed-role/oncall/alice";
const person = (name: string, more: Partial<Person> = {}): Person => ({
  name,
  iam: [`arn:aws:sts::111122223333:assumed-role/oncall/${name}`],
  slack: [{ team: SLACK.team, user: `U0${name.toUpperCase()}` }],
  may: ["approve", "deny", "undo"],
  widest: true,
  clusters: null,
  rules: null,
  actions: null,
  ...more,
});
const PEOPLE = [person("alice"), person("bob"), person("carol", { may: ["deny"] }), person("dave", { clusters: ["elsewhere"] })];
const TAG: PolicyRule = {
  ...shellRule,
  mode: "approve",
  actions: [{ action: "ecs:tag-task", params: { key: "k", value: "v" }, mode: "approve", evidence: "none" }],
};
const two = (rule: PolicyRule): PolicyRule => ({ ...rule, actions: rule.actions.map((action) => ({ ...action, quorum: 2 })) });

const APPROVAL_S = 600;

interface Told {
  readonly payload?: { readonly blocks: readonly { readonly type: string; readonly elements?: readonly Button[] }[] };
}
interface Button {
  readonly action_id: string;
  readonly value: string;
  readonly confirm: { readonly text: { readonly text: string } };
}

/** A task whose alert has asked people, in Slack too; and everything that people can do about it. */
async function asked(rule: PolicyRule = { ...shellRule, mode: "approve" }) {
  // Over before the incident closes: the next alert asks anew in the same incident.
  const world = new World(policyOf([{ ...rule, notify: ["chat"] }], { approvalSeconds: APPROVAL_S }));
  world.registry = {
    ...registry,
    people: PEOPLE,
    slackApp: { team: SLACK.team, app: SLACK.app, signingSecret: "ssm:/signing" },
    notifications: { channels: [{ name: "chat", kind: "slack", urlSecret: "ssm:/hook" }], system: [] },
  };
  const [task] = world.ecs.service("web", { family: "web", instance: world.ecs.instance("i-1"), tags: {}, desired: 1 });
  if (task === undefined) throw new Error("no task");
  const entry = () => taskEntry(world, { taskArn: task.taskArn, containerId: task.containers[0]?.runtimeId ?? "" });
  const alert = () => respond({ body: JSON.stringify(entry()), receiveCount: 1 }, world.respondPorts(), signal);
  const responded = await alert();
  if (responded.kind !== "recorded") throw new Error("not recorded");
  const replies: Reply[] = [];
  const secret = { now: SLACK.secret as string, next: SLACK.secret as string, reads: 0 };
  const telemetry = new FakeTelemetry();
  const { table, clock, orders } = world.respondPorts();
  const ports: ChatopsPorts = {
    ...{
      table,
      clock,
      orders,
      telemetry,
      registry: world.registry,
      app: { team: SLACK.team, app: SLACK.app, signingSecret: "ssm:/signing" },
    },
    secret: {
      current: () => Promise.resolve(secret.now),
      again: () => {
        secret.reads++;
        secret.now = secret.next;
        return Promise.resolve(secret.next);
      },
    },
    replies: {
      send: (url, reply) => {
        if (url !== RESPONSE_URL) return Promise.resolve(false);
        replies.push(reply);
        return Promise.resolve(true);
      },
    },
  };
  /** What Slack was sent last, with its buttons. */
  const message = async (): Promise<readonly Button[]> => {
    const notes = world.table.ofType("note").map(({ pk, sk }) => ({ pk, sk }));
    await deliverNotes(notes, world.sweepPorts(), signal);
    const last = world.messages.at(-1) as Told | undefined;
    return (last?.payload?.blocks ?? []).flatMap(({ type, elements = [] }) => (type === "actions" ? elements : []));
  };
  const send = (sent: Partial<Sent> & Pick<Sent, "body">) => chatops(slackEvent({ nowMs: world.clock.now(), ...sent }), ports, signal);
  let clicks = 0;
  const click = async (verb: keyof typeof BUTTONS, value: string, user = "U0ALICE", over: object = {}) =>
    await send({ body: formOf(clickPayload(verb, value, user, { trigger_id: String(clicks++), ...over })) });
  const deliver = async () => {
    for (const { order } of world.orders.splice(0))
      await respond({ body: encodeOrder(order), receiveCount: 1 }, world.respondPorts(), signal);
  };
  const buttons = await message();
  const refOf = (verb: keyof typeof BUTTONS, all = buttons): string =>
    all.find(({ action_id }) => action_id === BUTTONS[verb])?.value ?? "";
  const order = () => world.bodies<OrderBody>("order").find(({ verb }) => verb === "approve");
  return {
    world,
    task,
    alert,
    incident: responded.incident,
    replies,
    secret,
    telemetry,
    ports,
    message,
    send,
    click,
    deliver,
    buttons,
    refOf,
    order,
  };
}

describe("an alert, a question in Slack, a click", () => {
  test("and it is done: the dialog repeats the plan, and people see who said yes", async () => {
    const { world, task, buttons, click, deliver, refOf, replies, message, order } = await asked();
    expect(buttons.map(({ action_id }) => action_id)).toEqual([BUTTONS.approve, BUTTONS.deny]);
    expect(buttons[0]?.confirm.text.text).toContain("Stop the task (ecs:stop-task) of ");
    expect(buttons[0]?.confirm.text.text).toContain("it hits this target alone.");
    // The value is a reference and nothing else.
    expect(refOf("approve")).toMatch(/^[0-9a-f]{16}\.[0-9a-f]{32}$/);
    expect(await click("approve", refOf("approve"))).toEqual(expect.objectContaining({ statusCode: 200, body: "" }));
    expect(replies).toEqual([
      { to: "everybody", text: expect.stringMatching(/^alice has said yes\. ecs:stop-task is approved/), thread: "1700000000.000100" },
    ]);
    expect(world.ecs.stopped.size).toBe(0);
    await deliver();
    expect([...world.ecs.stopped]).toEqual([[task.taskArn, 1]]);
    expect(order()).toMatchObject({
      state: "carried",
      by: "alice",
      votes: [{ says: "yes", person: "alice", actor: `slack:${SLACK.team}/U0ALICE`, atMs: expect.any(Number) }],
    });
    expect(await message()).toEqual([]);
    expect(JSON.stringify(world.messages.at(-1))).toMatch(/alice.{0,5} has said yes to ecs:stop-task/);
  });

  test("denied by one who may only do that, and those who were asked are told by whom", async () => {
    const { world, click, deliver, refOf, message, order } = await asked();
    await click("deny", refOf("deny"), "U0CAROL");
    await deliver();
    expect(world.ecs.stopped.size).toBe(0);
    expect(order()).toMatchObject({ state: "denied", by: "carol" });
    expect(await message()).toEqual([]);
    expect(JSON.stringify(world.messages.at(-1))).toContain("carol has said no");
  });

  test("what was done is taken back by a click, where it can be", async () => {
    const { world, click, deliver, refOf, message, replies } = await asked(TAG);
    await click("approve", refOf("approve"));
    await deliver();
    const undo = await message();
    expect(undo.map(({ action_id }) => action_id)).toEqual([BUTTONS.undo]);
    await click("undo", refOf("undo", undo), "U0CAROL");
    expect(replies.at(-1)).toMatchObject({ to: "clicker", text: expect.stringContaining("carol may not undo this") });
    expect(world.orders).toEqual([]);
    await click("undo", refOf("undo", undo), "U0BOB");
    expect(replies.at(-1)).toMatchObject({
      to: "everybody",
      text: expect.stringContaining("bob takes it back. ecs:tag-task is being taken back"),
    });
    await deliver();
    expect(world.bodies<OrderBody>("order").find(({ verb }) => verb === "undo")).toMatchObject({ state: "carried", by: "bob" });
  });

  test.each<[string, (from: Registry) => Registry]>([
    ["no Slack app is configured", ({ slackApp: _app, ...rest }) => rest],
    [
      "the channel is of another app",
      (from) => ({
        ...from,
        notifications: { channels: [{ name: "chat", kind: "slack", urlSecret: "ssm:/hook", buttons: false }], system: [] },
      }),
    ],
  ])("without a button where %s: the command stands there all the same", async (_what, change) => {
    const { world, alert, message } = await asked();
    world.registry = change(world.registry);
    world.later(APPROVAL_S * 1_000 + 1);
    await sweep(world.sweepPorts(), signal);
    await message();
    await alert();
    expect(await message()).toEqual([]);
    expect(JSON.stringify(world.messages.at(-1))).toContain("npm run responder -- approve");
  });
});

describe("a click is refused, and its twin is taken,", () => {
  test.each<[string, string, object | undefined, string]>([
    ["of somebody whom people does not name", "U0EVE", undefined, "not among the people"],
    ["of one whose right is another", "U0CAROL", undefined, 'carol may not approve this: "may" has only deny'],
    ["of one whose right is for another cluster", "U0DAVE", undefined, "dave may not approve this"],
    [
      "of a guest of another workspace with the id of a person",
      "U0ALICE",
      { user: { id: "U0ALICE", team_id: "T0OTHER" } },
      "not among the people",
    ],
  ])("%s", async (_what, user, over, because) => {
    const { world, click, refOf, replies, telemetry, order } = await asked();
    expect((await click("approve", refOf("approve"), user, over)).statusCode).toBe(200);
    expect(replies).toEqual([expect.objectContaining({ to: "clicker", text: expect.stringContaining(because), thread: null })]);
    expect(order()).toMatchObject({ state: "awaiting" });
    expect(world.orders).toEqual([]);
    expect(telemetry.total("NotEntitled")).toBe(1);
    await click("approve", refOf("approve"));
    expect(order()).toMatchObject({ state: "given", by: "alice" });
  });

  test.each<[string, Partial<Sent>, (payload: object) => object, string]>([
    ["forged", { secret: "f".repeat(32) }, (payload) => payload, "signature"],
    ["signed over other bytes", { signed: "payload=%7B%7D" }, (payload) => payload, "signature"],
    ["stale", { timestamp: "1000" }, (payload) => payload, "timestamp"],
    ["not in base64 although it says so", {}, (payload) => payload, "encoding"],
    ["too large", {}, (payload) => ({ ...payload, filler: "x".repeat(70_000) }), "size"],
    ["of another type", { headers: { "content-type": "application/json" } }, (payload) => payload, "content-type"],
    ["of another workspace", {}, (payload) => ({ ...payload, team: { id: "T0OTHER" } }), "workspace"],
    ["of another app", {}, (payload) => ({ ...payload, api_app_id: "A0OTHER" }), "app"],
    ["unreadable", {}, () => ({ type: "block_actions" }), "payload"],
  ])("%s: 401 with the same body for all, counted by its check", async (_what, over, change, check) => {
    const { world, send, refOf, telemetry, ports, replies, order } = await asked();
    const body = formOf(change(clickPayload("approve", refOf("approve"))));
    const before = world.table.writes;
    const answer =
      check === "encoding"
        ? await chatops({ ...slackEvent({ body, nowMs: world.clock.now() }), body }, ports, signal)
        : await send({ body, ...over });
    expect(answer).toMatchObject({ statusCode: 401, body: '{"error":"unverified"}' });
    expect(telemetry.metrics.filter(({ name }) => name === "ChatopsRefused")).toEqual([expect.objectContaining({ dimensions: { check } })]);
    expect(JSON.stringify(telemetry.lines)).not.toMatch(/v0=|0123456789abcdef0123456789abcdef|hooks\.slack/);
    expect(world.table.writes).toBe(before);
    expect(replies).toEqual([]);
    await send({ body: formOf(clickPayload("approve", refOf("approve"))) });
    expect(order()).toMatchObject({ state: "given" });
  });

  test("replayed: the very same request is taken once, also of two at once", async () => {
    const { world, ports, refOf, replies, telemetry } = await asked();
    const event = slackEvent({ body: formOf(clickPayload("approve", refOf("approve"))), nowMs: world.clock.now() });
    const answers = await Promise.all([chatops(event, ports, signal), chatops(event, ports, signal)]);
    expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([200, 401]);
    expect((await chatops(event, ports, signal)).statusCode).toBe(401);
    expect(replies).toHaveLength(1);
    expect(telemetry.metrics.filter(({ dimensions }) => dimensions["check"] === "replay")).toHaveLength(2);
    expect(world.orders).toHaveLength(1);
    // It is forgotten only when its timestamp is refused by itself.
    const [seen] = world.table.ofType("click");
    expect(Number(seen?.expires) * 1_000).toBeGreaterThan(world.clock.now() + 600_000);
  });

  test("of a secret that was rotated: it is read again, and the old one is worth nothing", async () => {
    const { secret, send, refOf, order } = await asked();
    secret.next = "b".repeat(32);
    const body = formOf(clickPayload("approve", refOf("approve")));
    expect((await send({ body, secret: secret.next })).statusCode).toBe(200);
    expect(order()).toMatchObject({ state: "given" });
    expect((await send({ body })).statusCode).toBe(401);
  });

  test("when the secret cannot be read nobody is verified, and it is an error", async () => {
    const { ports, world, refOf, order } = await asked();
    const event = slackEvent({ body: formOf(clickPayload("approve", refOf("approve"))), nowMs: world.clock.now() });
    const broken = { ...ports, secret: { ...ports.secret, current: () => Promise.reject(new PipelineError("aws_denied", "no")) } };
    await expect(chatops(event, broken, signal)).rejects.toThrow("no");
    expect(order()).toMatchObject({ state: "awaiting" });
  });

  test("on what is Slack's and no button of ours nothing happens, and Slack is content", async () => {
    const { click, refOf, world, replies } = await asked();
    const before = world.table.writes;
    expect(await click("approve", refOf("approve"), "U0ALICE", { type: "view_closed" })).toMatchObject({ statusCode: 200, body: "" });
    expect([world.table.writes - before, replies]).toEqual([0, []]);
  });

  test("with a reference that stands for nothing, and with no address to answer to the answer is in the response", async () => {
    const { click, refOf, replies, order } = await asked();
    for (const value of [
      "",
      "x",
      `${"0".repeat(16)}.${"0".repeat(32)}`,
      `${refOf("approve").slice(0, -1)}g`,
      refOf("approve").replace(/.$/, (end) => (end === "0" ? "1" : "0")),
    ])
      await click("approve", value);
    expect(replies.map(({ to }) => to)).toEqual(Array.from({ length: 5 }, () => "clicker"));
    expect(order()).toMatchObject({ state: "awaiting" });
    for (const response_url of [undefined, "https://evil.example/x"]) {
      const answer = await click("approve", "x", "U0ALICE", { response_url });
      expect(answer).toMatchObject({ statusCode: 200, body: expect.stringContaining("look at the newest message") });
    }
  });
});

describe("a question that two people must answer", () => {
  test("is carried out after the second person's yes, not after the first's, nor after the same person's by another way", async () => {
    const { world, click, deliver, refOf, replies, incident, ports, order } = await asked(two({ ...shellRule, mode: "approve" }));
    await click("approve", refOf("approve"));
    expect(replies.at(-1)).toMatchObject({ to: "everybody", text: expect.stringContaining("one other person must say yes, too") });
    await click("approve", refOf("approve"));
    expect(replies.at(-1)).toMatchObject({ to: "clicker", text: expect.stringContaining("alice has said yes at") });
    const request = { verb: "approve", incident, action: null, target: null } as const;
    const byIam = await operate(request, { kind: "iam", arn: ALICE_ARN, session: "alice" }, ports, signal);
    expect(byIam).toMatchObject({ kind: "refused", because: expect.stringContaining("alice has said yes at") });
    await deliver();
    expect([world.ecs.stopped.size, order()?.state]).toEqual([0, "awaiting"]);
    await click("approve", refOf("approve"), "U0BOB");
    await deliver();
    expect(world.ecs.stopped.size).toBe(1);
    expect(order()).toMatchObject({ by: "alice, bob", votes: [{ person: "alice" }, { person: "bob" }] });
  });

  test("counts both of two who answer at the same moment", async () => {
    const { world, click, deliver, refOf, order } = await asked(two({ ...shellRule, mode: "approve" }));
    await Promise.all([click("approve", refOf("approve")), click("approve", refOf("approve"), "U0BOB")]);
    expect(order()).toMatchObject({ state: "given" });
    await deliver();
    expect(world.ecs.stopped.size).toBe(1);
  });

  test("ends with a no after the first yes", async () => {
    const { world, click, deliver, refOf, order, replies } = await asked(two({ ...shellRule, mode: "approve" }));
    await click("approve", refOf("approve"));
    await click("deny", refOf("deny"), "U0CAROL");
    await click("approve", refOf("approve"), "U0BOB");
    expect(replies.at(-1)).toMatchObject({ to: "clicker", text: expect.stringContaining("carol has said no") });
    await deliver();
    expect([world.ecs.stopped.size, order()?.state]).toEqual([0, "denied"]);
  });

  test("is over in its time with one yes, which is told; a late click does nothing, and the question that is asked anew has other buttons", async () => {
    const { world, click, deliver, refOf, order, replies, alert, message } = await asked(two({ ...shellRule, mode: "approve" }));
    await click("approve", refOf("approve"));
    world.later(APPROVAL_S * 1_000 + 1);
    await click("approve", refOf("approve"), "U0BOB");
    expect(replies.at(-1)).toMatchObject({ to: "clicker", text: expect.stringContaining("it is over") });
    await sweep(world.sweepPorts(), signal);
    expect(JSON.stringify(world.bodies("receipt"))).toContain("not enough people approved it (only alice)");
    await click("approve", refOf("approve"), "U0BOB");
    expect(replies.at(-1)).toMatchObject({ text: expect.stringContaining("the question is over") });
    await message();
    await alert();
    const anew = await message();
    expect(order()).toMatchObject({ state: "awaiting", by: null });
    await click("approve", refOf("approve"), "U0BOB");
    expect(replies.at(-1)).toMatchObject({ text: expect.stringContaining("no longer asked as it stood here") });
    for (const user of ["U0ALICE", "U0BOB"]) await click("approve", refOf("approve", anew), user);
    await deliver();
    expect(world.ecs.stopped.size).toBe(1);
  });

  test("needs them for the widest actions without a word of the policy, and of those who have that level", async () => {
    const { order, buttons } = await asked({
      ...shellRule,
      mode: "approve",
      actions: [{ action: "ecs:drain-instance", params: {}, mode: "approve", evidence: "none" }],
    });
    expect(order()).toMatchObject({ quorum: 2 });
    expect(buttons[0]?.confirm.text.text).toContain("2 people must say yes");
    expect(buttons[0]?.confirm.text.text).toContain("every task on the container instance");
  });
});

test("with people, IAM lets nobody decide whom people does not name; without people it does, and Slack decides nothing", async () => {
  const { incident, ports, click, refOf, replies, order } = await asked();
  const request = { verb: "approve", incident, action: null, target: null } as const;
  const eve = { kind: "iam", arn: "arn:aws:iam::111122223333:user/eve", session: null } as const;
  expect(await operate(request, eve, ports, signal)).toMatchObject({
    kind: "refused",
    because: expect.stringContaining("not among the people"),
  });
  const { people: _nobody, ...registryWithout } = ports.registry;
  Object.assign(ports, { registry: registryWithout });
  await click("approve", refOf("approve"));
  expect(replies.at(-1)).toMatchObject({ text: expect.stringContaining("Slack decides nothing") });
  expect(order()).toMatchObject({ state: "awaiting" });
  expect(await operate(request, eve, ports, signal)).toMatchObject({ kind: "accepted" });
});
