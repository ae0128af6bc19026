import { expect, test } from "vitest";
import { withRecent } from "#shared/adapters/kubernetes/recent.ts";
import { PipelineError } from "#shared/domain/error.ts";
import { DEPLOYMENT, POD } from "#shared/playbooks/kubernetes/kinds.ts";
import { FakeKubernetes } from "../../fakes/kubernetes.ts";

const { signal } = new AbortController();
const at = { namespace: "shop", name: "a" };
const shop = { namespace: "shop" };

function stage() {
  const kube = new FakeKubernetes();
  const uid = kube.run(at).uid;
  kube.run({ namespace: "shop", name: "b" });
  let nowMs = 5_000;
  const api = withRecent(kube, () => nowMs);
  const read = (name = "a", by = signal) => api.recent.get(POD, "shop", name, by);
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  /** How often the server was asked. */
  const asked = (): number => kube.calls.length;
  return { kube, api, read, pass, asked, pod: { ...at, uid } };
}

type Stage = ReturnType<typeof stage>;

test("what is being read, or was read within a second, is not asked for again", async () => {
  const { read, asked, pass } = stage();
  const [one, other] = await Promise.all([read(), read()]);
  expect(one?.metadata.name).toBe("a");
  expect(other).toBe(one);
  pass(999);
  expect(await read()).toBe(one);
  expect(asked()).toBe(1);
  pass(1);
  await read();
  expect(asked()).toBe(2);
});

test("whoever does not ask for a recent one gets what is now, and others get this from then on", async () => {
  const { api, read, asked } = stage();
  await read();
  const now = await api.get(POD, "shop", "a", signal);
  expect(asked()).toBe(2);
  expect(await read()).toBe(now);
  expect(asked()).toBe(2);
});

test("another object, another kind and another invocation are asked for", async () => {
  const { api, read, asked } = stage();
  await read();
  expect((await read("b"))?.metadata.name).toBe("b");
  expect(await api.recent.get(DEPLOYMENT, "shop", "a", signal)).toBeNull();
  await read("a", new AbortController().signal);
  expect(asked()).toBe(4);
});

test("a list is remembered for those who ask for a recent one, by what was asked", async () => {
  const { api, asked } = stage();
  expect(await api.list(POD, shop, signal)).toHaveLength(2);
  expect(await api.recent.list(POD, shop, signal)).toHaveLength(2);
  expect(await api.recent.list(POD, shop, signal)).toHaveLength(2);
  expect(await api.recent.list(POD, { namespace: "bank" }, signal)).toEqual([]);
  expect(asked()).toBe(3);
});

test("a failure is not remembered", async () => {
  const { kube, read } = stage();
  kube.fail("get", new PipelineError("kube_throttled", "slow down"));
  await expect(read()).rejects.toThrow("slow down");
  expect((await read())?.metadata.name).toBe("a");
});

test.each([
  ["patch", ({ api, pod }) => api.patch(POD, pod, [{ op: "add", path: "/metadata/labels/x", value: "y" }], {}, signal)],
  ["delete", ({ api, pod }) => api.delete(POD, pod, { graceSeconds: 1 }, signal)],
  ["evict", ({ api, pod }) => api.evict(pod, { graceSeconds: 1 }, signal)],
] as [string, (there: Stage) => Promise<unknown>][])("what we %s is read again, and so are lists of its kind", async (verb, write) => {
  const there = stage();
  const look = () => Promise.all([there.read(), there.read("b"), there.api.recent.list(POD, shop, signal)]);
  await look();
  await write(there);
  expect(there.kube.calls.at(-1)).toBe(verb);
  const before = there.asked();
  const [own] = await look();
  expect(there.asked() - before).toBe(2);
  expect(own?.metadata.resourceVersion).toBe(there.kube.object(POD, "shop", "a")?.metadata.resourceVersion);
});

test("a rehearsal changes nothing of it", async () => {
  const { api, read, asked, pod } = stage();
  await read();
  await api.delete(POD, pod, { graceSeconds: 1, dryRun: true }, signal);
  await read();
  expect(asked()).toBe(2);
});

test("what was read while it was written is read again", async () => {
  const { api, read, asked, pod } = stage();
  const written = api.delete(POD, pod, { graceSeconds: 1 }, signal);
  await read();
  await written;
  await read();
  expect(asked()).toBe(3);
});
