import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PipelineError } from "#shared/domain/error.ts";
import { ingest } from "#shared/pipeline/ingest.ts";
import { encodeEntry } from "#shared/wire/queue-entry.ts";
import { fakeIngestPorts } from "../fixtures/ingest-ports.ts";
import { LOG_STREAM, logsEvent, packed, type Where } from "../fixtures/logs.ts";
import { ecsCluster, everything, policyOf, registry } from "../fixtures/registry.ts";
import { alertText, CONTAINER_ID, SPLITS } from "../fixtures/shapes.ts";

const signal = new AbortController().signal;
const run = async (messages: readonly string[], ports = fakeIngestPorts(), where: Where = {}) => ({
  ports,
  report: await ingest(logsEvent(messages, where), ports, signal),
});
const first = async (message: string, where: Where = {}, ports = fakeIngestPorts()) => {
  await run([message], ports, where);
  return ports.queue.sent[0];
};

describe("each event ends as exactly one of queued, coalesced, ignored, unreadable", () => {
  test("one bad event never harms its batch", async () => {
    const { ports, report } = await run(['{"log":{"rule":', alertText(), "2026-11-23T18:59:58+0000: Falco version: 0.44.1", alertText()]);
    expect(report).toMatchObject({ events: 4, queued: 1, coalesced: 1, ignored: 1, unreadable: 1 });
    const [[key, body] = ["", ""]] = [...ports.unreadable.objects];
    expect(key).toMatch(/^unreadable\/2026\/11\/\d\d\/[0-9a-f]{32}\.jsonl$/);
    expect(JSON.parse(body)).toMatchObject({
      schema: "falco-responder/unreadable/1",
      raw: '{"log":{"rule":',
      because: expect.stringContaining("cut off"),
      logStream: LOG_STREAM,
    });
    expect(ports.telemetry.total("Alerts", "unreadable")).toBe(1);
    expect(ports.telemetry.total("Alerts", "queued")).toBe(1);
  });

  test("whatever comes, the counts add up and nothing throws (property)", async () => {
    const piece = fc.constantFrom(...SPLITS.flatMap(({ split }) => split(alertText({ cmdline: "x".repeat(500) }), 3)));
    const message = fc.oneof(
      fc.string(),
      fc.json(),
      fc.json().map((json) => JSON.stringify({ log: json, stream: "stdout" })),
      fc.constant(alertText()),
      fc.nat(500).map((length) => alertText().slice(0, length)),
      fc.nat(500).map((from) => alertText().slice(from)),
      fc
        .record({ rule: fc.string(), priority: fc.constantFrom("Critical", "x"), output_fields: fc.object(), tags: fc.anything() })
        .map((o) => JSON.stringify(o)),
      piece,
    );
    await fc.assert(
      fc.asyncProperty(fc.array(message, { maxLength: 30 }), async (messages) => {
        const { report } = await run(messages);
        expect(report.queued + report.coalesced + report.ignored + report.unreadable).toBe(messages.length);
      }),
      { numRuns: 300 },
    );
  });

  test("an event that has not the shape of one is kept", async () => {
    const ports = fakeIngestPorts();
    const event = packed({
      messageType: "DATA_MESSAGE",
      owner: "1",
      logGroup: "g",
      logStream: "s",
      logEvents: [null, { id: 1, message: "x" }, 7],
    });
    expect(await ingest(event, ports, signal)).toMatchObject({ events: 3, unreadable: 3 });
  });

  test("a control message is acknowledged", async () => {
    const ports = fakeIngestPorts();
    const event = packed({
      messageType: "CONTROL_MESSAGE",
      owner: "CloudwatchLogs",
      logGroup: "",
      logStream: "",
      logEvents: [{ id: "", timestamp: 1, message: "CWL CONTROL MESSAGE: Checking health of destination." }],
    });
    expect(await ingest(event, ports, signal)).toMatchObject({ events: 0 });
    expect(ports.unreadable.objects.size + ports.queue.sent.length).toBe(0);
  });

  test.each([
    ["no invocation by CloudWatch Logs", { Records: [] }],
    ["no base64 gzip", { awslogs: { data: "@@@" } }],
    ["gzip cut off", { awslogs: { data: logsEvent([alertText()]).awslogs.data.slice(0, 60) } }],
    ["no JSON", packed("x")],
    ["another type of message", packed({ messageType: "OTHER" })],
    ["a bomb", packed("a".repeat(70 * 1024 * 1024))],
  ])("%s: kept whole with the reason, and counted", async (_what, event) => {
    const ports = fakeIngestPorts();
    expect(await ingest(event, ports, signal)).toMatchObject({ events: 1, unreadable: 1 });
    const [body = ""] = [...ports.unreadable.objects.values()];
    expect(JSON.parse(body)).toMatchObject({ because: expect.any(String), raw: expect.any(String) });
    expect(ports.telemetry.total("Alerts", "unreadable")).toBe(1);
  });

  test("only what a policy rule asks for is queued", async () => {
    const critical = { ...everything, name: "critical", match: { priority: { op: ">=", value: "Critical" } as const } };
    const ports = fakeIngestPorts({ policy: policyOf([critical]) });
    const { report } = await run([alertText({ priority: "Critical" }), alertText({ priority: "Error" })], ports);
    expect(report).toMatchObject({ queued: 1, ignored: 1, reasons: { "no policy rule matches": 1 } });
    expect(ports.queue.sent[0]?.entry).toMatchObject({ rules: ["critical"], policyVersion: "0123456789ab" });
  });
});

describe("the accuser", () => {
  test("is verified for a line of a registered stream, of its cluster and lane", async () => {
    expect(await first(alertText())).toMatchObject({
      lane: "ecs",
      entry: {
        cluster: "prod",
        tell: null,
        accuser: { verified: true, because: null, logStream: LOG_STREAM },
        alert: { containerId: CONTAINER_ID },
      },
    });
    expect(await first(alertText(), { logStream: "eks/node-1" })).toMatchObject({ lane: "kubernetes", entry: { cluster: "shop" } });
  });

  test.each([
    ["another stream", { logStream: "forged/1" }],
    ["another group", { logGroup: "/other" }],
    ["another account", { owner: "999999999999" }],
  ])("of %s is not: told and alarmed, never verified", async (_what, where) => {
    const ports = fakeIngestPorts();
    const sent = await first(alertText(), where, ports);
    expect(sent?.entry).toMatchObject({
      cluster: null,
      tell: expect.any(String),
      accuser: { verified: false, because: expect.any(String) },
    });
    expect(ports.telemetry.total("UnregisteredAccuser")).toBe(1);
  });

  test("told even when no policy rule matches, where a registered line would be ignored", async () => {
    const none = policyOf([]);
    const forged = fakeIngestPorts({ policy: none });
    await run([alertText()], forged, { logStream: "forged/1" });
    expect(forged.queue.sent[0]?.entry).toMatchObject({ rules: [], tell: expect.any(String) });
    expect((await run([alertText()], fakeIngestPorts({ policy: none }))).ports.queue.sent).toEqual([]);
  });

  test("made-up lines that differ in all an attacker chooses are one message of one group; a registered stream's are not", async () => {
    const lines = Array.from({ length: 50 }, (_, n) =>
      alertText({ rule: `Rule ${n}`, fields: { "container.id": n.toString(16).padStart(12, "0") } }),
    );
    const forged = await run(lines, fakeIngestPorts(), { logStream: "forged/1" });
    expect(forged.report).toMatchObject({ queued: 1, coalesced: 49 });
    expect(forged.ports.queue.sent[0]?.entry).toMatchObject({ count: 50, cluster: null, accuser: { verified: false } });
    const others = await run([alertText({ rule: "Yet another" })], fakeIngestPorts(), { logStream: "forged/2" });
    expect(others.ports.queue.sent[0]?.dedup).toBe(forged.ports.queue.sent[0]?.dedup);
    expect((await run(lines)).report.queued).toBe(50);
  });

  test.each([
    ["static.cluster", "prod", "shop"],
    ["static.account", "111122223333", "999999999999"],
    ["static.account", 111122223333, 999999999999],
    ["static.region", "eu-west-1", "us-east-1"],
  ])("%s must agree with the registry", async (key, right, wrong) => {
    expect((await first(alertText({ fields: { [key]: right } })))?.entry).toMatchObject({ tell: null, accuser: { verified: true } });
    expect((await first(alertText({ fields: { [key]: wrong } })))?.entry).toMatchObject({
      cluster: "prod",
      tell: expect.stringContaining(key),
      accuser: { verified: false },
    });
  });

  test("the longest prefix wins; two clusters with the same one bind nothing", async () => {
    const narrow = { ...ecsCluster, name: "narrow", sources: [{ logGroup: "/falco/alerts", streamPrefix: "ecs/falco-firelens" }] };
    const both = fakeIngestPorts({ registry: { ...registry, clusters: [narrow, ...registry.clusters] } });
    expect((await first(alertText(), {}, both))?.entry.cluster).toBe("narrow");
    const twin = fakeIngestPorts({ registry: { ...registry, clusters: [ecsCluster, { ...ecsCluster, name: "twin" }] } });
    expect((await first(alertText(), {}, twin))?.entry).toMatchObject({ cluster: null, accuser: { verified: false } });
    const listedTwice = { ...ecsCluster, name: "twin", sources: [...ecsCluster.sources, ...ecsCluster.sources] };
    const again = fakeIngestPorts({ registry: { ...registry, clusters: [ecsCluster, listedTwice] } });
    expect((await first(alertText(), {}, again))?.entry).toMatchObject({ cluster: null, accuser: { verified: false } });
  });
});

describe("similar alerts", () => {
  const at = (second: number, pid = second) =>
    alertText({ time: `2026-11-23T18:59:${String(second).padStart(2, "0")}.000000001Z`, fields: { "proc.pid": pid } });

  test("coalesce to the newest, with their count in the entry and in the ledger", async () => {
    const { ports, report } = await run([at(10), at(30), at(20)]);
    expect(report).toMatchObject({ queued: 1, coalesced: 2 });
    const sent = ports.queue.sent[0];
    expect(sent?.entry).toMatchObject({ count: 3, alert: { time: "2026-11-23T18:59:30.000000001Z" } });
    expect(sent?.entry.accuser.eventId).toMatch(/1$/);
    expect([...ports.counts]).toEqual([
      [`COUNT#${sent?.entry.similar} BATCH#${report.batch}`, expect.objectContaining({ type: "count", count: 3, version: 1 })],
    ]);
  });

  test.each([
    ["rule", { rule: "Other" }],
    ["priority", { priority: "Alert" }],
    ["container", { fields: { "container.id": "bbbbbbbbbbbb" } }],
    ["age (stale)", { time: "2026-11-23T18:00:00Z" }],
    ["age (future)", { time: "2026-11-23T20:00:00Z" }],
    ["age (none)", { time: "" }],
    ["accuser", { fields: { "static.cluster": "other" } }],
    ["host instead of container", { fields: { "container.id": "host" } }],
    ["claim of a task", { fields: { "container.label[com.amazonaws.ecs.task-arn]": "arn:aws:ecs:eu-west-1:111122223333:task/prod/0" } }],
    ["claim of a pod", { fields: { "k8s.pod.uid": "11111111-2222-4333-8444-555555555555" } }],
  ])("another %s is another message", async (_what, made) => {
    const { ports } = await run([alertText(), alertText(made)]);
    expect(ports.queue.sent).toHaveLength(2);
    expect(new Set(ports.queue.sent.map(({ dedup }) => dedup)).size).toBe(2);
  });

  test.each([
    ["name", { "ka.target.name": "other" }],
    ["namespace", { "ka.target.namespace": "other" }],
    ["resource", { "ka.target.resource": "roles" }],
    ["uid", { "jevt.value[/responseObject/metadata/uid]": "22222222-2222-4333-8444-555555555555" }],
    ["group", { "json.value[/objectRef/apiGroup]": "apps" }],
  ])("an audit alert about an object of another %s is another message: each object is judged for itself", async (_what, other) => {
    const about = {
      "container.id": null,
      "ka.target.name": "one",
      "ka.target.namespace": "shop",
      "ka.target.resource": "configmaps",
      "jevt.value[/responseObject/metadata/uid]": "11111111-2222-4333-8444-555555555555",
      "ka.user.name": "mallory",
    };
    const of = (fields: object) => alertText({ source: "k8s_audit", fields: { ...about, ...fields } });
    const { ports } = await run([of({}), of(other), of({ "ka.user.name": "somebody else" })]);
    expect(ports.queue.sent.map(({ entry }) => entry.count).toSorted()).toEqual([1, 2]);
    expect(new Set(ports.queue.sent.map(({ dedup }) => dedup)).size).toBe(2);
  });

  test("two containers of one Fargate task, whose ids begin alike, are two messages of one group", async () => {
    const of = (end: string) => alertText({ fields: { "container.id": `${"c".repeat(32)}-${end}` } });
    const { ports } = await run([of("1000000001"), of("1000000002")]);
    expect(new Set(ports.queue.sent.map(({ dedup }) => dedup)).size).toBe(2);
    expect(new Set(ports.queue.sent.map(({ group }) => group)).size).toBe(1);
  });

  test("one container is one group, whatever the rule; the group's name holds no text of the alert", async () => {
    const { ports } = await run([alertText(), alertText({ rule: "Other" }), alertText({ fields: { "container.id": "host" } })]);
    const groups = ports.queue.sent.map(({ group }) => group);
    expect(groups[0]).toBe(groups[1]);
    expect(groups[2]).not.toBe(groups[0]);
    for (const { group, dedup } of ports.queue.sent) {
      expect(group).toMatch(/^[0-9a-f-]{1,128}$/);
      expect(dedup).toMatch(/^[0-9a-f-]{1,128}$/);
    }
  });

  test("of one minute are one message for the queue, of the next another", async () => {
    const ports = fakeIngestPorts();
    await run([at(10)], ports, { prefix: "1" });
    await run([at(20)], ports, { prefix: "2" });
    expect(ports.queue.sent).toHaveLength(1);
    expect(ports.counts.size).toBe(2);
    ports.clock.nowMs += 60_000;
    await run([at(30)], ports, { prefix: "3" });
    expect(ports.queue.sent).toHaveLength(2);
  });

  test("the same batch delivered again changes nothing", async () => {
    const ports = fakeIngestPorts();
    await run([at(10), "{torn", at(20)], ports);
    const before = { sent: ports.queue.sent.length, objects: [...ports.unreadable.objects], counts: [...ports.counts.keys()] };
    await run([at(10), "{torn", at(20)], ports);
    expect({ sent: ports.queue.sent.length, objects: [...ports.unreadable.objects], counts: [...ports.counts.keys()] }).toEqual(before);
  });
});

describe("a broken world", () => {
  test("rejects, and the same batch again loses nothing and doubles nothing", async () => {
    const ports = fakeIngestPorts();
    const rules = ["a", "b", "c"].map((rule) => alertText({ rule }));
    ports.queue.failures.push({ accept: 1 });
    await expect(run([...rules, "{torn"], ports)).rejects.toThrow(PipelineError);
    await run([...rules, "{torn"], ports);
    expect(ports.queue.sent.map(({ entry }) => entry.alert.rule)).toEqual(["a", "b", "c"]);
    expect(ports.unreadable.objects.size).toBe(1);
  });

  test("nothing is queued before what is unreadable is kept", async () => {
    const ports = fakeIngestPorts();
    ports.unreadable.failures = 1;
    await expect(run([alertText(), "{torn"], ports)).rejects.toThrow(PipelineError);
    expect(ports.queue.sent).toEqual([]);
  });
});

describe("hostile and large", () => {
  test("an alert too large for the queue is kept whole and queued with its texts cut, still naming its target", async () => {
    const cmdline = "\u00e9\u0001x".repeat(150_000);
    const message = alertText({ cmdline });
    const { ports } = await run([message]);
    const entry = ports.queue.sent[0]?.entry;
    expect(entry).toMatchObject({
      alert: { containerId: CONTAINER_ID, fields: { "container.name": "checkout", "evt.time": "1795460398123456789" } },
    });
    expect(entry?.alert.fields["proc.cmdline"]).toMatch(/\(cut: 450000 characters\)$/);
    expect(ports.unreadable.objects.get(entry?.wholeAt ?? "")).toBe(message);
    // Its twin that fits is not cut.
    expect((await first(alertText({ cmdline: "x".repeat(20_000) })))?.entry).toMatchObject({
      wholeAt: null,
      alert: { fields: { "proc.cmdline": "x".repeat(20_000) } },
    });
  });

  test("ten thousand fields, or a rule name of a megabyte, still fit", async () => {
    const many = Object.fromEntries(Array.from({ length: 20_000 }, (_field, n) => [`field.${n}`, "y".repeat(30)]));
    for (const message of [alertText({ fields: many }), alertText({ rule: "r".repeat(1_000_000) })]) {
      const sent = await first(message);
      expect(Buffer.byteLength(encodeEntry(sent?.entry ?? neverSent()))).toBeLessThan(256 * 1024);
      expect(sent?.entry.alert.containerId).toBe(CONTAINER_ID);
    }
  });

  test("characters that SQS refuses cannot poison a batch", async () => {
    const hostile = "\u0000\u0008\ufffe\uffff\ud800\u007f";
    expect((await first(alertText({ cmdline: hostile })))?.entry.alert.fields["proc.cmdline"]).toBe(hostile);
  });

  test("no alert text reaches the logs", async () => {
    const { ports } = await run([alertText({ cmdline: "SECRET-1", rule: "SECRET-2" }), '{"SECRET-3', "SECRET-4"]);
    expect(JSON.stringify([ports.telemetry.lines, ports.telemetry.metrics])).not.toContain("SECRET");
    expect(ports.telemetry.lines).toHaveLength(1);
  });

  test("what is kept is what the published schema says", async () => {
    const validate = schema("unreadable.json");
    const { ports } = await run(["{torn", "18:59:58.123456789: Critical A shell was spawned (user=root)"]);
    await ingest({ awslogs: { data: "@@@" } }, ports, signal);
    const lines = [...ports.unreadable.objects.values()].flatMap((body) => body.trimEnd().split("\n"));
    expect(lines).toHaveLength(3);
    for (const line of lines) expect(validate(JSON.parse(line)), JSON.stringify(validate.errors)).toBe(true);
  });

  test("what is sent is what the published schema says", async () => {
    const validate = schema("queue-entry.json");
    const messages = [
      alertText(),
      alertText({ fields: { "container.id": "host" }, time: "" }),
      ...(SPLITS[1]?.split(alertText(), 2).slice(0, 1) ?? []),
    ];
    const { ports } = await run(messages);
    await run([alertText()], ports, { logStream: "forged" });
    expect(ports.queue.sent).toHaveLength(4);
    for (const { entry } of ports.queue.sent) expect(validate(entry), JSON.stringify(validate.errors)).toBe(true);
  });
});

const schema = (name: string) =>
  new Ajv2020({ strict: true, allowUnionTypes: true }).compile(
    JSON.parse(readFileSync(new URL(`../../infra/schemas/${name}`, import.meta.url), "utf8")) as object,
  );

function neverSent(): never {
  throw new Error("nothing was sent");
}
