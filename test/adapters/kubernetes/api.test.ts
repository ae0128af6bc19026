import { beforeAll, describe, expect, test } from "vitest";
import { kubernetesApi } from "#shared/adapters/kubernetes/api.ts";
import { CILIUM_NETWORK_POLICY, DEPLOYMENT, NODE, POD } from "#shared/playbooks/kubernetes/kinds.ts";
import type { KubernetesApi } from "#shared/ports/kubernetes.ts";
import { type Answer, apiServer, base64, type Certificate, certificate, status } from "./api-server.ts";

let own: Certificate;
beforeAll(() => {
  own = certificate("here");
});

async function kube(...answers: readonly Answer[]) {
  const { address, asked } = await apiServer(own, answers);
  const caData = base64(own.cert);
  return { api: kubernetesApi({ cluster: "k", server: address, caData, token: () => Promise.resolve("t0ken") }), asked };
}

const signal = new AbortController().signal;
const object = (uid = "u-1") => ({
  metadata: { name: "web-a", namespace: "shop", uid, resourceVersion: "7" },
  spec: { other: { kept: true } },
});
const at = { namespace: "shop", name: "web-a", uid: "u-1" };
const ok = (body: unknown = object()): Answer => ({ status: 200, body });
const rbac = (verb = "get") =>
  status(
    403,
    `pods "web-a" is forbidden: User "system:serviceaccount:a:b" cannot ${verb} resource "pods" in API group "" in the namespace "shop"`,
  );

describe("what is sent", () => {
  test("an object is asked for by its path, with the token, and comes back whole", async () => {
    const { api, asked } = await kube(ok());
    expect(await api.get(POD, "shop", "web-a", signal)).toEqual(object());
    expect(await api.get(CILIUM_NETWORK_POLICY, "shop", "p", signal)).toEqual(object());
    expect(await api.get(NODE, null, "ip-10-0-0-1.ec2:a", signal)).toEqual(object());
    expect(asked.map(({ line }) => line)).toEqual([
      "GET /api/v1/namespaces/shop/pods/web-a",
      "GET /apis/cilium.io/v2/namespaces/shop/ciliumnetworkpolicies/p",
      "GET /api/v1/nodes/ip-10-0-0-1.ec2%3Aa",
    ]);
    expect(asked[0]?.headers).toMatchObject({ authorization: "Bearer t0ken", "user-agent": "falco-responder" });
  });

  test("a delete carries the uid, and every number that it was given, 0 as well", async () => {
    const { api, asked } = await kube(ok());
    expect(await api.delete(POD, at, { graceSeconds: 0, resourceVersion: "7", propagation: "Background" }, signal)).toEqual({
      kind: "accepted",
    });
    expect(asked[0]?.line).toBe("DELETE /api/v1/namespaces/shop/pods/web-a");
    expect(JSON.parse(asked[0]?.body ?? "")).toEqual({
      apiVersion: "v1",
      kind: "DeleteOptions",
      preconditions: { uid: "u-1", resourceVersion: "7" },
      gracePeriodSeconds: 0,
      propagationPolicy: "Background",
    });
  });

  test("a dry run says so where the server looks for it", async () => {
    const { api, asked } = await kube(ok());
    await api.delete(POD, at, { dryRun: true }, signal);
    expect(JSON.parse(asked[0]?.body ?? "")).toMatchObject({ dryRun: ["All"], preconditions: { uid: "u-1" } });
    await api.evict(at, { dryRun: true }, signal);
    await api.patch(DEPLOYMENT, at, [], { dryRun: true, subresource: "scale" }, signal);
    await api.create(POD, { apiVersion: "v1", kind: "Pod", metadata: { name: "n", namespace: "shop" } }, { dryRun: true }, signal);
    expect(asked.slice(1).map(({ line }) => line)).toEqual([
      "POST /api/v1/namespaces/shop/pods/web-a/eviction?dryRun=All",
      "PATCH /apis/apps/v1/namespaces/shop/deployments/web-a/scale?dryRun=All",
      "POST /api/v1/namespaces/shop/pods?fieldValidation=Strict&dryRun=All",
    ]);
  });

  test("a patch is a JSON Patch", async () => {
    const { api, asked } = await kube(ok());
    const operations = [{ op: "test", path: "/metadata/uid", value: "u-1" }] as const;
    expect(await api.patch(POD, at, operations, {}, signal)).toEqual({ kind: "patched", object: object() });
    expect(asked[0]?.headers["content-type"]).toBe("application/json-patch+json");
    expect(JSON.parse(asked[0]?.body ?? "")).toEqual(operations);
  });

  test("an eviction carries the uid and the grace", async () => {
    const { api, asked } = await kube({ status: 201, body: {} });
    expect(await api.evict(at, { graceSeconds: 1 }, signal)).toEqual({ kind: "accepted" });
    expect(JSON.parse(asked[0]?.body ?? "")).toEqual({
      apiVersion: "policy/v1",
      kind: "Eviction",
      metadata: { name: "web-a", namespace: "shop" },
      deleteOptions: { preconditions: { uid: "u-1" }, gracePeriodSeconds: 1 },
    });
  });

  test("logs are asked for in bounds", async () => {
    const { api, asked } = await kube({ status: 200, body: "one\ntwo\n" });
    expect(await api.logs(at, { container: "c", previous: true, tailLines: 5, limitBytes: 100 }, signal)).toBe("one\ntwo\n");
    await api.logs(at, { container: "c", tailLines: 5, limitBytes: 100 }, signal);
    expect(asked.map(({ line }) => line)).toEqual([
      "GET /api/v1/namespaces/shop/pods/web-a/log?container=c&previous=true&tailLines=5&limitBytes=100",
      "GET /api/v1/namespaces/shop/pods/web-a/log?container=c&tailLines=5&limitBytes=100",
    ]);
  });

  test.each(["", ".", "..", "a/b", "a%2fb", "a b", "x".repeat(254)])(
    "no object has the name %j, and the server is not even asked",
    async (name) => {
      const { api, asked } = await kube(ok());
      expect(await api.get(POD, "shop", name, signal)).toBeNull();
      expect(await api.get(POD, name, "web-a", signal)).toBeNull();
      expect(await api.delete(POD, { ...at, name }, {}, signal)).toEqual({ kind: "gone" });
      expect(await api.evict({ ...at, name }, {}, signal)).toEqual({ kind: "gone" });
      expect(await api.patch(POD, { namespace: "shop", name }, [], {}, signal)).toEqual({ kind: "gone" });
      expect(await api.logs({ ...at, name }, { container: "c", tailLines: 1, limitBytes: 1 }, signal)).toBeNull();
      expect(await api.list(POD, { namespace: name }, signal)).toEqual([]);
      expect(asked).toEqual([]);
      // The twin: a name that can be one.
      expect(await api.get(POD, "shop", "web.a-1", signal)).toEqual(object());
    },
  );

  test("a namespaced object without a namespace is a bug of ours, and is not asked for in all of them", async () => {
    const { api, asked } = await kube(ok());
    await expect(api.get(POD, null, "web-a", signal)).rejects.toThrow("in a namespace");
    await expect(api.get(NODE, "shop", "n", signal)).rejects.toThrow("not in a namespace");
    expect(asked).toEqual([]);
  });
});

describe("all pages of a list are read", () => {
  const page = (name: string, more?: string): Answer =>
    ok({ metadata: { continue: more }, items: [{ metadata: { name, uid: name, resourceVersion: "1" } }] });

  test("by what the server says goes on", async () => {
    const { api, asked } = await kube(page("a", "next/1"), page("b", "next2"), page("c", ""));
    const found = await api.list(POD, { namespace: "shop", labels: "a in (b,c)", fields: "spec.nodeName=n1" }, signal);
    expect(found?.map(({ metadata }) => metadata.name)).toEqual(["a", "b", "c"]);
    expect(asked.map(({ line }) => line.slice(line.indexOf("?")))).toEqual([
      "?labelSelector=a+in+%28b%2Cc%29&fieldSelector=spec.nodeName%3Dn1&limit=250",
      "?labelSelector=a+in+%28b%2Cc%29&fieldSelector=spec.nodeName%3Dn1&limit=250&continue=next%2F1",
      "?labelSelector=a+in+%28b%2Cc%29&fieldSelector=spec.nodeName%3Dn1&limit=250&continue=next2",
    ]);
  });

  test("a continuation that has expired is to be tried again: half a list is none", async () => {
    const { api } = await kube(page("a", "next"), status(410, "too old", { reason: "Expired" }));
    await expect(api.list(POD, {}, signal)).rejects.toMatchObject({ code: "kube_unreachable", retryable: true });
  });

  test("a list that never ends is given up", async () => {
    const { api, asked } = await kube(page("a", "next"));
    await expect(api.list(POD, {}, signal)).rejects.toMatchObject({ code: "kube_rejected", message: expect.stringContaining("100 pages") });
    expect(asked).toHaveLength(101);
  });

  test.each([["{}"], ['{"items":[{"metadata":{"name":"a"}}]}'], ["<html>"]])("%s is no list", async (body) => {
    const { api } = await kube({ status: 200, body });
    await expect(api.list(POD, {}, signal)).rejects.toMatchObject({ code: "kube_rejected" });
  });
});

/** Every method, on one answer. */
const methods: Readonly<Record<string, (api: KubernetesApi) => Promise<unknown>>> = {
  get: (api) => api.get(POD, "shop", "web-a", signal),
  list: (api) => api.list(POD, {}, signal),
  create: (api) => api.create(POD, { apiVersion: "v1", kind: "Pod", metadata: { name: "n", namespace: "shop" } }, {}, signal),
  patch: (api) => api.patch(POD, at, [], {}, signal),
  delete: (api) => api.delete(POD, at, {}, signal),
  evict: (api) => api.evict(at, {}, signal),
  logs: (api) => api.logs(at, { container: "c", tailLines: 1, limitBytes: 1 }, signal),
};
const method = (name: string) => methods[name] ?? (() => Promise.reject(new Error(name)));

const conflict = (message: string) => status(409, message, { reason: "Conflict" });
const budget = status(429, "Cannot evict pod as it would violate the pod's disruption budget.", {
  reason: "TooManyRequests",
  details: { causes: [{ reason: "DisruptionBudget", message: "The disruption budget b1 needs 5 healthy pods and has 2 currently" }] },
});
const budgets = status(500, "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.");
const policy = status(422, `pods "web-a" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: not here`, {
  reason: "Invalid",
  details: { name: "web-a", causes: [{ message: "not here" }] },
});
const webhook = (code: number) => status(code, 'admission webhook "v.example.com" denied the request: not here', { reason: "Forbidden" });
const quota = status(403, 'pods "n" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1', {
  reason: "Forbidden",
});
const patchRefused = status(422, "the server rejected our request due to an error in our request", { reason: "Invalid", details: {} });
const NOT_SERVED: Answer = { status: 404, body: "404 page not found\n" };

describe("what the API server answers, as data", () => {
  test.each<[string, readonly Answer[], unknown]>([
    ["get", [status(404)], null],
    ["get", [NOT_SERVED], null],
    ["list", [NOT_SERVED], null],
    ["create", [{ status: 201, body: object() }], { kind: "created", object: object() }],
    ["create", [status(409, "exists", { reason: "AlreadyExists" })], { kind: "exists" }],
    ["create", [status(404, 'namespaces "shop" not found')], { kind: "gone" }],
    ["create", [NOT_SERVED], { kind: "gone" }],
    ["create", [quota], { kind: "rejected", because: expect.stringContaining("exceeded quota") }],
    ["create", [status(400, 'strict decoding error: unknown field "spec.egres"')], { kind: "rejected", because: expect.any(String) }],
    ["patch", [patchRefused], { kind: "conflict" }],
    ["patch", [conflict("the object has been modified")], { kind: "conflict" }],
    ["patch", [status(404)], { kind: "gone" }],
    ["patch", [policy], { kind: "rejected", because: expect.stringContaining("denied request: not here") }],
    ["delete", [{ status: 202, body: {} }], { kind: "accepted" }],
    ["delete", [status(404)], { kind: "gone" }],
    ["delete", [conflict("the UID in the precondition"), ok(object("u-9"))], { kind: "conflict" }],
    ["delete", [conflict("the UID in the precondition"), status(404)], { kind: "gone" }],
    ["delete", [policy], { kind: "rejected", because: expect.any(String) }],
    ["evict", [budget, ok()], { kind: "budget", because: "The disruption budget b1 needs 5 healthy pods and has 2 currently" }],
    ["evict", [budgets, ok()], { kind: "budgets", because: expect.stringContaining("more than one") }],
    // The server looks at budgets first: they are those of another pod of that name.
    ["evict", [budget, ok(object("u-9"))], { kind: "conflict" }],
    ["evict", [budgets, status(404)], { kind: "gone" }],
    ["evict", [conflict("the UID in the precondition"), ok(object("u-9"))], { kind: "conflict" }],
    ["evict", [status(404)], { kind: "gone" }],
    ["evict", [policy], { kind: "rejected", because: expect.any(String) }],
    ["logs", [status(404)], null],
    ["logs", [{ status: 204, body: "" }], null],
    ["logs", [status(400, 'previous terminated container "c" in pod "web-a" not found')], null],
    ["logs", [status(400, 'container "c" in pod "web-a" is waiting to start: ContainerCreating')], null],
    ["logs", [status(400, "container zz is not valid for pod web-a")], null],
  ])("%s: %j is %j", async (name, answers, expected) => {
    const { api } = await kube(...answers);
    expect(await method(name)(api)).toEqual(expected);
  });

  test.each(["create", "patch", "delete", "evict"])(
    "%s: a webhook that denies is a rejection whatever code it chose, cut and printable",
    async (name) => {
      for (const code of [400, 401, 403, 404, 409, 422, 429, 500]) {
        const { api } = await kube(webhook(code));
        expect([code, await method(name)(api)]).toEqual([code, { kind: "rejected", because: expect.stringMatching(/^admission webhook/) }]);
      }
      const { api } = await kube(status(403, `admission webhook "v" denied the request: \u202e${"x".repeat(999)}`));
      const { because } = (await method(name)(api)) as { readonly because: string };
      expect(because).toMatch(/^[ -~]{300}$/);
    },
  );

  test("a delete whose resourceVersion is of the past is a conflict, and one that lost against another write is to be repeated", async () => {
    const stale = (await kube(conflict("the ResourceVersion in the precondition"), ok())).api;
    expect(await stale.delete(POD, at, { resourceVersion: "6" }, signal)).toEqual({ kind: "conflict" });
    for (const options of [{ resourceVersion: "7" }, {}]) {
      const lost = (await kube(conflict("the object has been modified"), ok())).api;
      await expect(lost.delete(POD, at, options, signal)).rejects.toMatchObject({ code: "kube_throttled", retryable: true });
    }
  });

  test.each(["create", "evict"])("%s: 409 that is about something else is to be repeated", async (name) => {
    const { api } = await kube(conflict("the object has been modified"), ok());
    await expect(method(name)(api)).rejects.toMatchObject({ code: "kube_throttled" });
  });
});

describe("what the API server answers, as an error", () => {
  test.each(Object.keys(methods))("%s: the right that RBAC does not give is named, with the file that gives it", async (name) => {
    const { api } = await kube(rbac());
    const file = { get: "observe", list: "observe", logs: "observe", create: "isolate", patch: "isolate" }[name] ?? "terminate";
    await expect(method(name)(api)).rejects.toMatchObject({
      name: "PipelineError",
      code: "kube_forbidden",
      message: expect.stringMatching(new RegExp(`RBAC does not let us \\w+ pods\\S*: apply infra/rbac/${file}\\.yaml`)),
    });
  });

  test.each([
    ["patch", "infra/rbac/node.yaml", (api: KubernetesApi) => api.patch(NODE, { namespace: null, name: "n" }, [], {}, signal)],
    [
      "delete",
      "infra/rbac/isolate.yaml or infra/rbac/delete.yaml",
      (api: KubernetesApi) => api.delete(CILIUM_NETWORK_POLICY, at, {}, signal),
    ],
    ["delete", "infra/rbac/delete.yaml", (api: KubernetesApi) => api.delete(DEPLOYMENT, at, {}, signal)],
  ] as const)("%s of another kind stands in %s", async (_, files, call) => {
    const { api } = await kube(rbac("x"));
    await expect(call(api)).rejects.toMatchObject({ message: expect.stringContaining(`apply ${files}, and bind`) });
  });

  test.each<[Answer, string, string]>([
    [status(401), "kube_unauthorized", "does not know us: give it a valid token"],
    [status(405), "kube_rejected", "405"],
    [{ status: 302, body: "" }, "kube_rejected", "302"],
    [{ status: 429, body: "Too many requests", headers: { "retry-after": "60" } }, "kube_throttled", "slow down"],
    [{ status: 503, body: "shutting down", headers: { "retry-after": "60" } }, "kube_unreachable", "503"],
    [status(504), "kube_unreachable", "504"],
  ])("%j is %s", async (answer, code, words) => {
    for (const name of Object.keys(methods)) {
      const { api } = await kube(answer);
      await expect(method(name)(api), name).rejects.toMatchObject({ name: "PipelineError", code, message: expect.stringContaining(words) });
    }
  });

  test("200 that is no object, such as a login page, is no success", async () => {
    for (const body of ["<html>", "{}", "[]", '{"metadata":{"name":"a","uid":"u"}}']) {
      const { api } = await kube({ status: 200, body });
      await expect(api.get(POD, "shop", "web-a", signal)).rejects.toMatchObject({ code: "kube_rejected" });
    }
  });

  test("of a kubelet that is not there is no missing log", async () => {
    const { api } = await kube(status(500, "no preferred addresses found"));
    await expect(method("logs")(api)).rejects.toMatchObject({ code: "kube_unreachable" });
  });
});
