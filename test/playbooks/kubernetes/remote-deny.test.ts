import { describe, expect, test } from "vitest";
import { CALICO_NETWORK_POLICY, CILIUM_NETWORK_POLICY, ENDPOINT_SLICE, NODE, POD, SERVICE } from "#shared/playbooks/kubernetes/kinds.ts";
import type { Params } from "#shared/playbooks/playbook.ts";
import type { Json, Kind } from "#shared/ports/kubernetes.ts";
import { because, declared, LABELS, TrafficStage, UID } from "./traffic-stage.ts";

const REMOTE = "203.0.113.9";
const V6 = "2001:db8::9";

interface Case {
  readonly action: "calico:networkpolicy" | "cilium:networkpolicy";
  readonly plugin: string;
  readonly kind: Kind;
  readonly policy: string;
  readonly mark: string;
  readonly blocks: (spec: Json | undefined) => readonly string[];
}

type Rules = readonly { readonly destination?: { readonly nets: readonly string[] }; readonly toCIDR?: readonly string[] }[];

const CALICO: Case = {
  action: "calico:networkpolicy",
  plugin: "calico-node",
  kind: CALICO_NETWORK_POLICY,
  policy: `default.falco-responder-remote-${UID}`,
  mark: "falco-responder.io/calico-denied",
  blocks: (spec) => ((spec?.["egress"] ?? []) as Rules).flatMap(({ destination }) => destination?.nets ?? []),
};
const CILIUM: Case = {
  action: "cilium:networkpolicy",
  plugin: "cilium",
  kind: CILIUM_NETWORK_POLICY,
  policy: `falco-responder-remote-${UID}`,
  mark: "falco-responder.io/cilium-denied",
  blocks: (spec) => ((spec?.["egressDeny"] ?? []) as Rules).flatMap(({ toCIDR }) => toCIDR ?? []),
};

describe.each([CALICO, CILIUM])("$action", ({ action, plugin, kind, policy, mark, blocks }) => {
  const denied = (stage: TrafficStage) => blocks(stage.see(kind, policy)?.spec);
  const own = (stage: TrafficStage) => stage.action(action, { remote: REMOTE });

  test("one pod is denied one address, and keeps its labels", async () => {
    const stage = new TrafficStage(plugin);
    stage.owned("Deployment");
    const step = own(stage);
    expect((await step.ready()).remarks.join(" ")).toMatch(/Only 203\.0\.113\.9 is denied/);
    const { kept } = await step.done();
    expect(denied(stage)).toEqual([`${REMOTE}/32`]);
    expect(stage.pod.labels).toEqual({ ...LABELS, [mark]: UID });
    expect((await step.verify(kept)).kind).toBe("done");
    expect((await step.prepare()).kind).toBe("nothing");
  });

  test("addresses of later alerts are added, sorted, each once, however often it is done", async () => {
    const stage = new TrafficStage(plugin);
    const first = own(stage);
    const { kept } = await first.done();
    const second = stage.action(action, { remote: V6 });
    await second.done();
    await stage.action(action, { remote: "203.0.113.10" }).done();
    for (let n = 0; n < 3; n++) await first.execute(kept);
    expect([...denied(stage)].toSorted()).toEqual([`${V6}/128`, "203.0.113.10/32", `${REMOTE}/32`].toSorted());
    expect(stage.kube.all(kind)).toHaveLength(1);
    expect((await first.verify(kept)).kind).toBe("done");
  });

  test("at most 64: the next is refused, and one that is there already is not", async () => {
    const stage = new TrafficStage(plugin);
    const { kept } = await stage.action(action, { remote: "198.51.100.0" }).done();
    for (let n = 1; n < 64; n++) await stage.action(action, { remote: `198.51.100.${n}` }).execute(kept);
    expect(denied(stage)).toHaveLength(64);
    expect(because((await own(stage).prepare()) as { kind: string; because: string })).toMatch(
      /64 remote addresses already.*next best: kubernetes:quarantine/,
    );
    expect(await own(stage).execute(kept)).toMatchObject({ kind: "conflict" });
    expect((await stage.action(action, { remote: "198.51.100.7" }).execute(kept)).kind).toBe("accepted");
    expect(denied(stage)).toHaveLength(64);
  });

  test.each<[Params, RegExp | null]>([
    [{ remote: REMOTE }, null],
    [{ remote: V6, unproven: "allow", expires_after: "1h" }, null],
    [{}, /the alert names no remote address/],
    [{ remote: "" }, /not one that could be the other end/],
    [{ remote: "127.0.0.1" }, /not one that could be/],
    [{ remote: "2001:DB8::9" }, /not one that could be/],
    [{ remote: "203.0.113.9/0" }, /not one that could be/],
    [{ remote: REMOTE, expires_after: "soon" }, /expires_after/],
    [{ remote: REMOTE, allow_cidr: ["10.0.0.0/8"] }, /not known/],
    [{ remote: REMOTE, unproven: "yes" }, /unproven/],
  ])("%j: %s", (params, why) => {
    const planning = new TrafficStage(plugin).planning(action, params);
    if (why === null) expect(planning.kind).toBe("planned");
    else expect(because(planning)).toMatch(why);
  });

  test("its kind is not served, or another enforces there: refused; with nobody seen it is, unless the policy says allow", async () => {
    const stage = new TrafficStage(plugin);
    stage.kube.serve(kind, false);
    expect(await own(stage).refusal()).toMatch(/serves no .*next best: kubernetes:quarantine/);
    expect(await own(new TrafficStage("antrea-agent")).refusal()).toContain("Antrea enforces network policies there, not");
    const nobody = new TrafficStage(null);
    expect(await own(nobody).refusal()).toContain("nothing shows that");
    const { remarks } = await nobody.action(action, { remote: REMOTE, unproven: "allow" }).ready();
    expect(remarks.join(" ")).toContain("UNPROVEN");
  });

  describe("addresses of the cluster's own are not denied, and the twin beside them is", () => {
    const slice = (namespace: string, labels: Readonly<Record<string, string>>, address: string) => (stage: TrafficStage) =>
      stage.kube.put(ENDPOINT_SLICE, { metadata: { name: "slice", namespace, labels }, endpoints: [{ addresses: [address] }] } as never);
    const service =
      (namespace: string, name: string, spec: Json, labels = {}) =>
      (stage: TrafficStage) =>
        stage.kube.put(SERVICE, { metadata: { name, namespace, labels }, spec } as never);
    test.each<[string, (stage: TrafficStage) => unknown, string, RegExp]>([
      ["the API server's Service", service("default", "kubernetes", { clusterIP: REMOTE }), REMOTE, /API server/],
      [
        "its second address",
        service("default", "kubernetes", { clusterIP: "10.96.0.1", clusterIPs: ["10.96.0.1", "2001:0db8::9"] }),
        V6,
        /API server/,
      ],
      ["what is behind it", slice("default", { "kubernetes.io/service-name": "kubernetes" }, REMOTE), REMOTE, /API server/],
      ["the DNS Service", service("kube-system", "kube-dns", { clusterIP: REMOTE }, { "k8s-app": "kube-dns" }), REMOTE, /DNS/],
      ["what is behind it", slice("kube-system", { "k8s-app": "kube-dns" }, REMOTE), REMOTE, /DNS/],
      ["any Service", service("bank", "ledger", { clusterIP: REMOTE }), REMOTE, /Service bank\/ledger: .*would do nothing/],
      [
        "a node",
        (stage) =>
          stage.kube.put(NODE, { metadata: { name: "node-7" }, status: { addresses: [{ type: "InternalIP", address: REMOTE }] } } as never),
        REMOTE,
        /node node-7.*health checks/,
      ],
      ["the pod itself", (stage) => stage.offender({ status: { podIP: REMOTE } }), REMOTE, /the pod's own/],
      [
        "the pod itself, in IPv6",
        (stage) => stage.offender({ status: { podIPs: [{ ip: "10.1.0.7" }, { ip: "2001:DB8:0::9" }] } }),
        V6,
        /the pod's own/,
      ],
    ])("%s", async (_, set, remote, why) => {
      const stage = new TrafficStage(plugin);
      set(stage);
      expect(await stage.action(action, { remote }).refusal()).toMatch(why);
      expect((await stage.action(action, { remote: "203.0.113.200" }).prepare()).kind).toBe("ready");
    });
  });

  test("a quarantined pod, a successor and one with its node's network are left", async () => {
    const quarantined = new TrafficStage(plugin, { labels: { "falco-responder.io/quarantine": UID } });
    expect((await own(quarantined).prepare()).kind).toBe("nothing");
    const stage = new TrafficStage(plugin);
    const step = own(stage);
    const { kept } = await step.ready();
    stage.edit(({ metadata }) => ({ metadata: { ...metadata, uid: "a-successor" } }));
    expect((await step.execute(kept)).kind).toBe("gone");
    expect((await step.prepare()).kind).toBe("nothing");
    expect(stage.writes).toEqual([]);
    expect(because(stage.planning(action, { remote: REMOTE }, { hostNetwork: true }))).toContain("hostNetwork");
    await expect(step.execute({})).rejects.toThrow("not prepared");
  });

  test("an object of that name that others made or changed is never overwritten", async () => {
    const stage = new TrafficStage(plugin);
    stage.policy(policy, { egress: [] }, kind);
    expect(await own(stage).refusal()).toMatch(/is not as we made it/);
    const other = new TrafficStage(plugin);
    const step = own(other);
    const { kept } = await step.done();
    other.change(kind, policy, ({ spec }) => ({ spec: { ...spec, ingress: [{ action: "Allow" }, { action: "Allow" }] } }));
    const changed = other.see(kind, policy);
    expect((await other.action(action, { remote: V6 }).execute(kept)).kind).toBe("conflict");
    expect((await step.undo(kept)).kind).toBe("changed");
    expect((await step.verify(kept)).kind).toBe("pending");
    expect(other.see(kind, policy)).toEqual(changed);
  });

  test("a crash between policy and label, and a write of another alert meanwhile: done again, it goes on", async () => {
    const stage = new TrafficStage(plugin);
    const step = own(stage);
    const { kept } = await step.ready();
    stage.meanwhile = (_verb, what) => {
      if (what === POD) throw new Error("the process dies");
    };
    await expect(step.execute(kept)).rejects.toThrow("dies");
    stage.meanwhile = () => undefined;
    expect(await step.verify(kept)).toMatchObject({ kind: "pending", partly: true });
    const second = stage.action(action, { remote: V6 });
    let once = true;
    stage.meanwhile = (verb, what) => {
      if (!once || verb !== "patch" || what !== kind) return;
      once = false;
      stage.change(kind, policy, ({ metadata }) => ({ metadata: { ...metadata, annotations: { seen: "yes" } } }));
    };
    expect((await second.execute(kept)).kind).toBe("accepted");
    expect([...denied(stage)].toSorted()).toEqual([`${V6}/128`, `${REMOTE}/32`]);
    expect((await step.verify(kept)).kind).toBe("done");
  });

  test("a server that changes the policy on its way in is found before it counts", async () => {
    const stage = new TrafficStage(plugin);
    const step = own(stage);
    const { kept } = await step.ready();
    stage.kube.admit = (_verb, what) => (what === kind ? "unknown field" : null);
    expect(await step.refusal()).toMatch(/unknown field; next best/);
    expect(await step.execute(kept)).toMatchObject({ kind: "failed" });
    stage.kube.admit = (_verb, what) => (what === POD ? "no labels" : null);
    expect(await step.refusal()).toMatch(/would not let the pod be labelled/);
    expect(await step.execute(kept)).toMatchObject({ kind: "failed", because: expect.stringContaining("taken off") });
    expect(stage.see(kind, policy)).toBeNull();
  });

  describe("taking it back", () => {
    test("takes that address off; object and label go with the last; twice changes nothing", async () => {
      const stage = new TrafficStage(plugin);
      const first = own(stage);
      const { kept } = await first.done();
      const second = stage.action(action, { remote: V6 });
      await second.done();
      expect((await first.undo(kept)).kind).toBe("undone");
      expect(denied(stage)).toEqual([`${V6}/128`]);
      expect(stage.pod.labels[mark]).toBe(UID);
      expect((await first.undo(kept)).kind).toBe("nothing");
      expect((await second.verify(kept)).kind).toBe("done");
      expect((await second.undo(kept)).kind).toBe("undone");
      expect(stage.see(kind, policy)).toBeNull();
      expect(stage.pod.labels).toEqual(LABELS);
      expect((await second.undo(kept)).kind).toBe("nothing");
    });

    test("a list that grew meanwhile keeps what it grew by, and our label", async () => {
      const grown = new TrafficStage(plugin);
      await own(grown).done();
      await grown.action(action, { remote: V6 }).done();
      const spec = grown.see(kind, policy)?.spec;
      const stage = new TrafficStage(plugin);
      const step = own(stage);
      const { kept } = await step.done();
      stage.meanwhile = (verb, what) => {
        if (verb === "delete" && what === kind) stage.change(kind, policy, () => ({ spec }));
      };
      expect((await step.undo(kept)).kind).toBe("undone");
      expect(denied(stage)).toEqual([`${V6}/128`]);
      expect(stage.pod.labels[mark]).toBe(UID);
    });

    test("of a pod that is gone: nothing is left of it", async () => {
      const stage = new TrafficStage(plugin);
      const step = own(stage);
      const { kept } = await step.done();
      stage.remove(POD, "web-1");
      await step.undo(kept);
      expect(stage.see(kind, policy)).toBeNull();
      expect((await step.undo(kept)).kind).toBe("nothing");
    });
  });

  test("it uses the rights that it declares, each of them, and no others", async () => {
    const used = new Set<string>();
    for (const enforcing of ["cilium", "calico-node"]) {
      const stage = new TrafficStage(enforcing);
      const step = own(stage);
      const prepared = await step.prepare();
      if (prepared.kind === "ready") {
        const { kept } = await step.done();
        await step.verify(kept);
        await stage.action(action, { remote: V6 }).done();
        await stage.action(action, { remote: V6 }).undo(kept);
        await step.undo(kept);
      }
      for (const right of stage.rights) used.add(right);
    }
    expect([...used].toSorted()).toEqual(declared(action));
  });
});
