import { expect, test } from "vitest";
import { criFlat, falcoLine, fireLensFlat, fireLensParseJson, iso8601, type Seen } from "../../lab/falco.ts";

const seen: Seen = {
  rule: "Drop and execute new binary in container",
  priority: "Critical",
  tags: ["container"],
  says: "Executing binary not part of base image",
  hostname: "i-0123456789abcdef0",
  timeNs: 1_775_503_942_162_939_041n,
  fields: { "proc.cmdline": 'x --a "b" $& $1', "container.id": "0123456789ab" },
};
const sensor = {
  containerId: "f".repeat(64),
  cluster: "shop",
  taskArn: "arn:aws:ecs:eu-central-1:000000000000:task/shop/0123456789abcdef0123456789abcdef",
  taskDefinition: "falco:7",
  instanceId: "i-0123456789abcdef0",
};

test("the time stands in ns as text and, exactly, as an integer that no double holds", () => {
  expect(iso8601(1_775_503_942_000_000_009n)).toBe("2026-04-06T19:32:22.000000009Z");
  const line = falcoLine(seen);
  expect(line).toContain('"time":"2026-04-06T19:32:22.162939041Z"');
  expect(line).toContain('"evt.time.iso8601":1775503942162939041');
});

test("every form is one line of JSON with the alert's own keys unharmed", () => {
  const alert = JSON.parse(falcoLine(seen)) as Record<string, unknown>;
  for (const shipped of [fireLensFlat(falcoLine(seen), sensor), criFlat(falcoLine(seen))]) {
    expect(shipped).not.toContain("\n");
    expect(JSON.parse(shipped)).toMatchObject(alert);
  }
});

test("FireLens with parse-json loses Falco's source to the stream's name, and nothing else", () => {
  const { source: _lost, ...alert } = JSON.parse(falcoLine(seen)) as Record<string, unknown>;
  expect(JSON.parse(fireLensParseJson(falcoLine(seen), sensor))).toMatchObject({
    ...alert,
    source: "stdout",
    ecs_task_arn: sensor.taskArn,
  });
});
