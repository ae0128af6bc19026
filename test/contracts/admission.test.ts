import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { admission } from "../../infra/rbac/admission.ts";
import { CASES } from "./admission-cases.ts";
import { label, NAMES, OURS, patch, type Request, STRANGERS, send, setUp, web } from "./admission-world.ts";
import { until } from "./cases.ts";
import { type Ask, asking, readKube } from "./kube-requests.ts";

/**
 * The bounds alone: they are installed a second time, for groups that RBAC lets do everything, so that nothing but a bound refuses. All
 * requests are dry runs: they pass admission and are not stored.
 */
const file = process.env["FALCO_RESPONDER_TEST_KUBE"];

describe.skipIf(file === undefined)("the bounds, with FALCO_RESPONDER_TEST_KUBE naming a control plane", () => {
  const kube = file === undefined ? { server: "", caData: "", adminToken: "" } : readKube(file);
  const admin = asking(kube);
  const user = "arn:aws:sts::111122223333:assumed-role/x/y";
  const responder = asking(kube, { name: user, group: NAMES.group });
  const observer = asking(kube, { name: user, group: NAMES.observers });
  const account = asking(kube, { name: `system:serviceaccount:${NAMES.prefix}:${NAMES.serviceAccount}`, group: null });
  const stranger = asking(kube, { name: user, group: STRANGERS });
  const made: string[] = [];
  const sent = (ask: Ask, request: Request) => send(admin.ask, ask, request);

  beforeAll(() => setUp(admin.ask, responder.ask, made));

  afterAll(async () => {
    for (const path of made.toReversed())
      await admin.ask("DELETE", path, { apiVersion: "v1", kind: "DeleteOptions", gracePeriodSeconds: 0 });
    // Else the next to ask finds kinds that are about to go.
    for (const path of made.filter((one) => one.includes("customresourcedefinitions")))
      await until(
        async () => (await admin.ask("GET", path)).status === 404,
        () => sleep(200),
      );
    for (const { close } of [admin, responder, observer, account, stranger]) await close();
  });

  test.each(CASES)("refuses %s, and lets its twin through", async (_title, refused, because, twin) => {
    const answer = await sent(responder.ask, refused);
    expect(answer.body.message).toMatch(because);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    const through = await sent(responder.ask, twin);
    expect(through.body.message ?? "").toBe("");
    expect(through.status).toBeLessThan(300);
  });

  test("the ServiceAccount is bound as the group is, and others are not bound at all", async () => {
    const image = patch(web, { spec: { containers: [{ name: "app", image: "registry.test/other:1" }] } });
    expect((await sent(account.ask, image)).body.message).toMatch(/only labels/);
    expect((await sent(account.ask, label(web, OURS))).status).toBe(200);
    expect((await sent(stranger.ask, image)).status).toBe(200);
  });

  test("who only observes changes nothing, whatever RBAC says, and reads on", async () => {
    expect((await sent(observer.ask, label(web, OURS))).body.message).toMatch(/only observes/);
    expect((await observer.ask("GET", web)).status).toBe(200);
    expect((await sent(responder.ask, label(web, OURS))).status).toBe(200);
  });

  test("the API server has nothing to say against the expressions", async () => {
    const statuses = await Promise.all(
      admission(NAMES)
        .filter(({ kind }) => kind === "ValidatingAdmissionPolicy")
        .map(async ({ metadata }) => {
          const path = `/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/${metadata.name}`;
          let status: { typeChecking?: { expressionWarnings?: unknown[] } } | undefined;
          await until(
            async () => {
              status = (await admin.ask("GET", path)).body["status"] as typeof status;
              return status?.typeChecking !== undefined;
            },
            () => sleep(200),
          );
          return status?.typeChecking?.expressionWarnings ?? [];
        }),
    );
    expect(statuses.flat()).toEqual([]);
  });
});
