import { describe, expect, test } from "vitest";
import { calicoNetworkPolicy } from "#shared/playbooks/kubernetes/calico-network-policy.ts";
import {
  CALICO_GLOBAL_NETWORK_POLICY,
  CALICO_NETWORK_POLICY,
  CALICO_TIER,
  CILIUM_NETWORK_POLICY,
  NETWORK_POLICY,
  POD,
} from "#shared/playbooks/kubernetes/kinds.ts";
import type { Params } from "#shared/playbooks/playbook.ts";
import type { Json, Kind } from "#shared/ports/kubernetes.ts";
import { because, LABELS, TrafficStage, UID } from "./traffic-stage.ts";

const REMOTE = "203.0.113.9";
const V6 = "2001:db8::9";
const CILIUM = { policy: `falco-responder-remote-${UID}`, mark: "falco-responder.io/cilium-denied" } as const;
const CALICO = { mark: "falco-responder.io/calico-denied" } as const;

describe("how Cilium's deny is written", () => {
  test("no other traffic of the pod is cut by it", async () => {
    const stage = new TrafficStage("cilium");
    await stage.action("cilium:networkpolicy", { remote: REMOTE }).done();
    expect(stage.see(CILIUM_NETWORK_POLICY, CILIUM.policy)?.spec).toEqual({
      endpointSelector: { matchLabels: { [CILIUM.mark]: UID } },
      enableDefaultDeny: { ingress: false, egress: false },
      ingressDeny: [{ fromCIDR: [`${REMOTE}/32`] }],
      egressDeny: [{ toCIDR: [`${REMOTE}/32`] }],
    });
  });

  test("a server that drops enableDefaultDeny without a word is too old: nothing is left there", async () => {
    const stage = new TrafficStage("cilium");
    const step = stage.action("cilium:networkpolicy", { remote: REMOTE });
    const { kept } = await step.ready();
    stage.kube.onWrite = (kind, object) => {
      if (kind.resource !== "ciliumnetworkpolicies") return object;
      const { enableDefaultDeny: _, ...spec } = object.spec ?? {};
      return { ...object, spec };
    };
    expect(await step.execute(kept)).toMatchObject({ kind: "conflict", because: expect.stringContaining("before 1.16") });
    expect(stage.see(CILIUM_NETWORK_POLICY, CILIUM.policy)).toBeNull();
    expect(stage.pod.labels).toEqual(LABELS);
  });

  test("the address of another pod is refused, for Cilium does not see pods by address; Calico does", async () => {
    for (const [action, plugin, kind] of [
      ["cilium:networkpolicy", "cilium", "refused"],
      ["calico:networkpolicy", "calico-node", "ready"],
    ] as const) {
      const stage = new TrafficStage(plugin);
      stage.kube.put(POD, { metadata: { name: "db-0", namespace: "bank" }, status: { podIP: "10.1.0.99" } } as never);
      expect((await stage.action(action, { remote: "10.1.0.99" }).prepare()).kind).toBe(kind);
    }
  });
});

describe("how Calico's deny is written", () => {
  const specOf = (stage: TrafficStage, tier = "default") => stage.see(CALICO_NETWORK_POLICY, `${tier}.falco-responder-remote-${UID}`)?.spec;
  const deny = (side: "source" | "destination", ...nets: readonly string[]) => ({ action: "Deny", [side]: { nets } });
  const ALLOW = { action: "Allow" };

  test("alone in the default tier, all else is let pass, which is told; families do not share a rule", async () => {
    const stage = new TrafficStage("calico-node");
    const step = stage.action("calico:networkpolicy", { remote: REMOTE });
    expect((await step.ready()).remarks.join(" ")).toMatch(/No other policy governs the pod's ingress and egress/);
    await step.done();
    await stage.action("calico:networkpolicy", { remote: V6 }).done();
    expect(specOf(stage)).toEqual({
      tier: "default",
      order: 0,
      selector: `${CALICO.mark} == '${UID}'`,
      types: ["Ingress", "Egress"],
      ingress: [deny("source", `${REMOTE}/32`), deny("source", `${V6}/128`), ALLOW],
      egress: [deny("destination", `${REMOTE}/32`), deny("destination", `${V6}/128`), ALLOW],
    });
  });

  test("where other policies govern a direction it adds no allow there: theirs decide on", async () => {
    const stage = new TrafficStage("calico-node");
    stage.policy(
      "only-dns",
      { podSelector: { matchLabels: { app: "web" } }, policyTypes: ["Egress"], egress: [{ ports: [{ port: 53 }] }] },
      NETWORK_POLICY,
    );
    const step = stage.action("calico:networkpolicy", { remote: REMOTE });
    expect((await step.ready()).remarks.join(" ")).toMatch(
      /No other policy governs the pod's ingress.*Other policies govern the pod's egress/,
    );
    await step.done();
    expect(specOf(stage)).toMatchObject({
      egress: [deny("destination", `${REMOTE}/32`)],
      ingress: [deny("source", `${REMOTE}/32`), ALLOW],
    });
  });

  test("in a tier that passes on, it is a deny and no more", async () => {
    const stage = new TrafficStage("calico-node");
    stage.kube.put(CALICO_TIER, { metadata: { name: "kube-admin" }, spec: { order: 1000, defaultAction: "Pass" } } as never);
    await stage.action("calico:networkpolicy", { remote: REMOTE, order: -5 }).done();
    expect(specOf(stage, "kube-admin")).toMatchObject({ tier: "kube-admin", order: -5, egress: [deny("destination", `${REMOTE}/32`)] });
  });

  test.each<[string, Json, Kind, boolean]>([
    ["of lower order that allows", { order: -1, selector: "app == 'web'", egress: [ALLOW] }, CALICO_NETWORK_POLICY, true],
    ["of higher order that allows", { order: 1, selector: "app == 'web'", egress: [ALLOW] }, CALICO_NETWORK_POLICY, false],
    ["of lower order that denies", { order: -1, selector: "app == 'web'", egress: [{ action: "Deny" }] }, CALICO_NETWORK_POLICY, false],
    ["of lower order for other pods", { order: -1, selector: "app == 'api'", egress: [ALLOW] }, CALICO_NETWORK_POLICY, false],
    ["of another tier that allows", { tier: "security", selector: "all()", ingress: [ALLOW] }, CALICO_GLOBAL_NETWORK_POLICY, true],
  ])("a policy %s", async (_, spec, kind, refuses) => {
    const stage = new TrafficStage("calico-node");
    stage.policy("theirs", spec, kind);
    const prepared = await stage.action("calico:networkpolicy", { remote: REMOTE }).prepare();
    expect(prepared.kind).toBe(refuses ? "refused" : "ready");
    if (refuses)
      expect(because(prepared as { kind: string; because: string })).toMatch(/would come too late: Calico .*theirs is judged before/);
  });

  test.each<[Params[string], boolean]>([
    [0, true],
    [-10_000, true],
    [10_001, false],
    [1.5, false],
    ["5", false],
  ])("order %j, planned: %j", (order, fine) => {
    expect(new TrafficStage("calico-node").planning("calico:networkpolicy", { remote: REMOTE, order }).kind).toBe(
      fine ? "planned" : "refused",
    );
    expect(new TrafficStage("cilium").planning("cilium:networkpolicy", { remote: REMOTE, order }).kind).toBe("refused");
  });

  test("it may be taken back by time", () => {
    const { expiry = expect.fail("it does not expire") } = calicoNetworkPolicy;
    const plan = (params: Params) => new TrafficStage("calico-node").action("calico:networkpolicy", { remote: REMOTE, ...params }).plan;
    expect(expiry.by).toBe("undo");
    expect(expiry.afterMs(plan({ expires_after: "2h" }))).toBe(7_200_000);
    expect(expiry.afterMs(plan({}))).toBeNull();
  });
});
