import { beforeAll, describe, expect, test, vi } from "vitest";
import { kubernetesApi, type TokenSource } from "#shared/adapters/kubernetes/api.ts";
import { POD } from "#shared/playbooks/kubernetes/kinds.ts";
import { type Answer, apiServer, base64, type Certificate, certificate, status } from "./api-server.ts";

let own: Certificate;
let stranger: Certificate;
beforeAll(() => {
  own = certificate("here");
  stranger = certificate("stranger");
});

const signal = new AbortController().signal;
const ok: Answer = { status: 200, body: { metadata: { name: "web-a", namespace: "shop", uid: "u-1", resourceVersion: "7" } } };
const at = { namespace: "shop", name: "web-a", uid: "u-1" };

async function kube(
  answers: readonly Answer[],
  options: { readonly ca?: Certificate; readonly token?: TokenSource; readonly prefix?: string } = {},
) {
  const { address, ...server } = await apiServer(own, answers);
  const caData = base64((options.ca ?? own).cert);
  const token = options.token ?? (() => Promise.resolve("t0ken"));
  return { ...server, address, api: kubernetesApi({ cluster: "k", server: address + (options.prefix ?? ""), caData, token }) };
}

const again = (code: number, seconds: string): Answer => ({ status: code, body: "later", headers: { "retry-after": seconds } });

describe("connections", () => {
  test("are kept: many requests, one after the other, use one", async () => {
    const { api, asked, connections } = await kube([ok]);
    for (let n = 0; n < 20; n++) await api.get(POD, "shop", "web-a", signal);
    expect(asked).toHaveLength(20);
    // The second may be dispatched before the first one's connection is idle again.
    expect(connections()).toBeLessThanOrEqual(2);
  });

  test("are bounded: of many requests at once most wait for one", async () => {
    const { api, asked, connections } = await kube([ok]);
    await Promise.all(Array.from({ length: 100 }, () => api.get(POD, "shop", "web-a", signal)));
    expect(asked).toHaveLength(100);
    expect(connections()).toBeLessThanOrEqual(8);
  });

  test("go to a server behind a prefix too", async () => {
    const { api, asked } = await kube([ok], { prefix: "/k8s/clusters/c-1/" });
    await api.get(POD, "shop", "web-a", signal);
    expect(asked[0]?.line).toBe("GET /k8s/clusters/c-1/api/v1/namespaces/shop/pods/web-a");
  });
});

describe("a server that cannot be trusted or reached", () => {
  test("gets no token when its certificate is not of our CA", async () => {
    const { api, asked } = await kube([ok], { ca: stranger });
    const outcome = { code: "config_invalid", message: expect.stringContaining("does not fit the CA") };
    await expect(api.get(POD, "shop", "web-a", signal)).rejects.toMatchObject(outcome);
    await expect(api.delete(POD, at, {}, signal)).rejects.toMatchObject(outcome);
    expect(asked).toEqual([]);
  });

  test("is verified even where the process says otherwise", async () => {
    vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
    const { api, asked } = await kube([ok], { ca: stranger });
    await expect(api.get(POD, "shop", "web-a", signal)).rejects.toMatchObject({ code: "config_invalid" });
    vi.unstubAllEnvs();
    expect(asked).toEqual([]);
  });

  test("is unreachable when nobody listens", async () => {
    const api = kubernetesApi({ cluster: "k", server: "https://127.0.0.1:1", caData: base64(own.cert), token: () => Promise.resolve("t") });
    await expect(api.get(POD, "a", "b", signal)).rejects.toMatchObject({
      code: "kube_unreachable",
      message: expect.stringContaining("ECONNREFUSED"),
    });
  });

  test.each([
    ["http://127.0.0.1:1", "https://"],
    ["https://user:pass@127.0.0.1:1", "https://"],
    ["https://127.0.0.1:1/?a=b", "https://"],
    ["127.0.0.1", "https://"],
  ])("%s is no address to send a token to", (server, words) => {
    expect(() => kubernetesApi({ cluster: "k", server, caData: base64(own.cert), token: () => Promise.resolve("t") })).toThrow(words);
  });

  test("must have a CA", () => {
    for (const caData of ["", "nonsense", base64("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")])
      expect(() => kubernetesApi({ cluster: "k", server: "https://127.0.0.1:1", caData, token: () => Promise.resolve("t") })).toThrow(
        "PEM",
      );
  });

  test.each<Answer>(["silence", "half"])("whose answer ends in %s is given up with the caller's time, and with our own", async (answer) => {
    const caller = await kube([answer]);
    const abort = new AbortController();
    const given = expect(caller.api.get(POD, "shop", "web-a", abort.signal)).rejects.toMatchObject({ code: "timed_out" });
    await vi.waitUntil(() => caller.asked.length > 0);
    abort.abort();
    await given;

    const bound = new AbortController();
    const timeout = vi.spyOn(AbortSignal, "timeout").mockReturnValue(bound.signal);
    const slow = await kube([answer]);
    const outcome = expect(slow.api.get(POD, "shop", "web-a", signal)).rejects.toMatchObject({
      code: "kube_unreachable",
      message: expect.stringContaining("no answer in time"),
    });
    await vi.waitUntil(() => slow.asked.length > 0);
    bound.abort(new DOMException("over", "TimeoutError"));
    await outcome;
    expect(timeout).toHaveBeenCalledWith(5_000);
    timeout.mockRestore();
    expect(slow.asked).toHaveLength(1);
  });

  test("that answers without end is cut off", async () => {
    const { api } = await kube([{ status: 200, body: `{"a":"${"x".repeat(33 * 1024 * 1024)}"}` }]);
    await expect(api.get(POD, "shop", "web-a", signal)).rejects.toMatchObject({
      code: "kube_rejected",
      message: expect.stringContaining("32 MB"),
    });
  });
});

describe("a request is repeated, at most twice", () => {
  test("when it reads and the server fails", async () => {
    const once = await kube([status(500), ok]);
    expect((await once.api.get(POD, "shop", "web-a", signal))?.metadata.uid).toBe("u-1");
    const never = await kube([status(500)]);
    await expect(never.api.get(POD, "shop", "web-a", signal)).rejects.toMatchObject({ code: "kube_unreachable" });
    expect(never.asked).toHaveLength(3);
  });

  test("but not for logs that a kubelet does not give: an offender waits for its evidence", async () => {
    const { api, asked } = await kube([status(500), ok]);
    const options = { container: "c", tailLines: 1, limitBytes: 1 };
    await expect(api.logs(at, options, signal)).rejects.toMatchObject({ code: "kube_unreachable" });
    expect(asked).toHaveLength(1);
    const asksForTime = await kube([again(429, "0"), ok]);
    expect(await asksForTime.api.logs(at, options, signal)).not.toBeNull();
  });

  test("when it reads over a connection that was dead", async () => {
    const { api, asked } = await kube(["hang up", ok]);
    expect((await api.get(POD, "shop", "web-a", signal))?.metadata.uid).toBe("u-1");
    expect(asked).toHaveLength(2);
    await expect((await kube(["hang up"])).api.get(POD, "shop", "web-a", signal)).rejects.toMatchObject({ code: "kube_unreachable" });
  });

  test("when it writes and the server says that it did nothing", async () => {
    for (const code of [429, 503]) {
      const { api, asked } = await kube([again(code, "0"), again(code, "0"), ok]);
      expect(await api.delete(POD, at, {}, signal)).toEqual({ kind: "accepted" });
      expect(asked).toHaveLength(3);
    }
  });

  test("but no write of which nobody knows whether it was done: its repetition would take its own effect for another's", async () => {
    for (const answer of [status(500), status(504), "hang up"] as const) {
      const { api, asked } = await kube([answer, ok]);
      await expect(api.patch(POD, at, [], {}, signal)).rejects.toMatchObject({ code: "kube_unreachable", retryable: true });
      expect(asked).toHaveLength(1);
    }
  });

  test("but not when the server wants more time than there is", async () => {
    for (const seconds of ["10", "3"]) {
      const { api, asked } = await kube([again(429, seconds), ok]);
      await expect(api.get(POD, "shop", "web-a", signal)).rejects.toMatchObject({ code: "kube_throttled" });
      expect(asked).toHaveLength(1);
    }
  });
});

describe("a token", () => {
  test("that ended in the middle of a batch is asked for afresh, and the request succeeds", async () => {
    const asks: (string | undefined)[] = [];
    const token: TokenSource = (_, fresh) => {
      asks.push(fresh);
      return Promise.resolve(fresh === undefined && asks.length < 3 ? "old" : "new");
    };
    const { api, asked } = await kube([ok, status(401), ok], { token });
    await api.get(POD, "shop", "web-a", signal);
    expect(await api.delete(POD, at, {}, signal)).toEqual({ kind: "accepted" });
    expect(asks).toEqual([undefined, undefined, "fresh"]);
    expect(asked.map(({ headers }) => headers["authorization"])).toEqual(["Bearer old", "Bearer old", "Bearer new"]);
  });

  test("that is refused twice is not asked for a third time", async () => {
    const { api, asked } = await kube([status(401)]);
    await expect(api.get(POD, "shop", "web-a", signal)).rejects.toMatchObject({ code: "kube_unauthorized", retryable: false });
    expect(asked).toHaveLength(2);
  });

  test("that does not fit in a header is not sent, and stands in no message", async () => {
    const { api, asked } = await kube([ok], { token: () => Promise.resolve("secret\nx: y") });
    const thrown = await api.get(POD, "shop", "web-a", signal).catch((error: unknown) => error);
    expect(thrown).toMatchObject({ code: "config_invalid" });
    expect(String(thrown)).not.toContain("secret");
    expect(asked).toEqual([]);
  });
});
