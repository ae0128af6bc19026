import type { ScheduledEvent } from "aws-lambda";
import { afterAll, beforeAll, expect, test } from "vitest";
import { FakeLogGroups } from "../../fakes/log-groups.ts";
import { FakeTable } from "../../fakes/table.ts";
import { fakeIngestPorts } from "../../fixtures/ingest-ports.ts";
import { context, deployedEnvironment } from "../deployed.ts";

let restore: () => void = () => undefined;
beforeAll(() => {
  restore = deployedEnvironment();
  process.env["UNREADABLE_BUCKET"] = "unreadable";
});
afterAll(() => {
  delete process.env["UNREADABLE_BUCKET"];
  restore();
});

test("what is deployed is wrapped, and each run compares every registered log group", async () => {
  const { createHandler, handler } = await import("../../../functions/refetch/handler.ts");
  expect(handler).toHaveProperty("use");
  const groups = new FakeLogGroups();
  const deployed = createHandler({ ...fakeIngestPorts(), table: new FakeTable(), groups });
  expect(await deployed({} as ScheduledEvent, context)).toEqual({ groups: 1, gaps: 0, fetched: 0, troubles: 0 });
});
