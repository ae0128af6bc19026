import { describe, expect, test } from "vitest";
import { CILIUM_CLUSTERWIDE_NETWORK_POLICY, NETWORK_POLICY, POD } from "#shared/playbooks/kubernetes/kinds.ts";
import { networkPolicy } from "#shared/playbooks/kubernetes/network-policy.ts";
import type { Params } from "#shared/playbooks/playbook.ts";
import type { Json } from "#shared/ports/kubernetes.ts";
import { because, declared, LABELS, TrafficStage, UID } from "./traffic-stage.ts";

const RESTRICT = "kubernetes:networkpolicy";
const MARK = "falco-responder.io/restricted";
const POLICY = `falco-responder-restrict-${UID}`;
const LISTS: Params = { allow_cidr: ["fd00::/8", "10.0.0.0/8"], allow_namespaces: ["shop"] };

describe(RESTRICT, () => {
  test("one pod is held to its list: no other label of it changes, and what comes in still does", async () => {
    const stage = new TrafficStage();
    stage.owned("StatefulSet");
    const step = stage.action(RESTRICT, LISTS);
    expect((await step.ready()).remarks.join(" ")).toMatch(
      /may connect to 10\.0\.0\.0\/8, fd00::\/8, namespace shop\. DNS is cut too.*still comes in/,
    );
    const { kept } = await step.done();
    expect(stage.writes).toEqual(["create networking.k8s.io/networkpolicies", "patch /pods"]);
    expect(stage.see(NETWORK_POLICY, POLICY)?.spec).toEqual({
      podSelector: { matchLabels: { [MARK]: UID } },
      policyTypes: ["Egress"],
      egress: [
        {
          to: [
            { ipBlock: { cidr: "10.0.0.0/8" } },
            { ipBlock: { cidr: "fd00::/8" } },
            { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "shop" } } },
          ],
        },
      ],
    });
    expect(stage.pod.labels).toEqual({ ...LABELS, [MARK]: UID });
    expect((await step.verify(kept)).kind).toBe("done");
    expect((await step.prepare()).kind).toBe("nothing");
    expect((await step.execute(kept)).kind).toBe("accepted");
  });

  test.each<[Params, Json]>([
    [{}, { policyTypes: ["Egress"] }],
    [{ ingress: "deny" }, { policyTypes: ["Ingress", "Egress"] }],
    [
      { allow_cidr: "192.0.2.0/24, 192.0.2.0/24 10.0.0.1/32" },
      { policyTypes: ["Egress"], egress: [{ to: [{ ipBlock: { cidr: "10.0.0.1/32" } }, { ipBlock: { cidr: "192.0.2.0/24" } }] }] },
    ],
    [
      { allow_dns: true },
      {
        policyTypes: ["Egress"],
        egress: [
          {
            to: [
              {
                namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } },
                podSelector: { matchLabels: { "k8s-app": "kube-dns" } },
              },
            ],
            ports: [
              { protocol: "UDP", port: 53 },
              { protocol: "TCP", port: 53 },
            ],
          },
        ],
      },
    ],
  ])("%j allows exactly that", async (params, spec) => {
    const stage = new TrafficStage();
    await stage.action(RESTRICT, params).done();
    expect(stage.see(NETWORK_POLICY, POLICY)?.spec).toEqual({ podSelector: { matchLabels: { [MARK]: UID } }, ...spec });
  });

  test.each<[Params, boolean]>([
    [{ allow_cidr: ["10.0.0.0/8"] }, true],
    [{ allow_cidr: ["fc00::/7"] }, true],
    [{ allow_cidr: ["0.0.0.0/0"] }, false],
    [{ allow_cidr: ["::/0"] }, false],
    [{ allow_cidr: ["0.0.0.0/1", "128.0.0.0/1"] }, false],
    [{ allow_cidr: ["2000::/3"] }, false],
    [{ allow_cidr: ["::ffff:0.0.0.0/96"] }, true],
    [{ allow_cidr: ["10.0.0.0"] }, false],
    [{ allow_cidr: ["10.0.0.0/33"] }, false],
    [{ allow_cidr: ["10.0.0.0/08"] }, false],
    [{ allow_cidr: ["example.com/24"] }, false],
    [{ allow_cidr: 10 }, false],
    [{ allow_cidr: { "10.0.0.0": "8" } }, false],
    [{ allow_cidr: Array.from({ length: 65 }, (_, n) => `10.0.0.${n}/32`) }, false],
    [{ allow_namespaces: ["Shop"] }, false],
    [{ allow_namespaces: "shop,bank" }, true],
    [{ allow_dns: "yes" }, false],
    [{ ingress: "allow" }, false],
    [{ unproven: "allow", on_vpc_cni: "warn" }, true],
    [{ unproven: "yes" }, false],
    [{ allow_cidrs: ["10.0.0.0/8"] }, false],
  ])("%j, planned: %j", (params, fine) => {
    expect(new TrafficStage().planning(RESTRICT, params).kind).toBe(fine ? "planned" : "refused");
  });

  test("a policy that allows more is refused by name; one about the other direction, or that allows nothing, is not", async () => {
    const stage = new TrafficStage();
    const more = { podSelector: { matchLabels: { app: "web" } }, policyTypes: ["Egress"], egress: [{}] };
    stage.policy("open", more);
    expect(await stage.action(RESTRICT, LISTS).refusal()).toMatch(
      /NetworkPolicy open selects the pod and allows traffic, and policies add up; next best: kubernetes:quarantine/,
    );
    stage.policy("open", { ...more, egress: [] });
    expect((await stage.action(RESTRICT, LISTS).prepare()).kind).toBe("ready");
    stage.policy("open", { podSelector: {}, policyTypes: ["Ingress"], ingress: [{}] });
    expect((await stage.action(RESTRICT, LISTS).prepare()).kind).toBe("ready");
    expect((await stage.action(RESTRICT, { ...LISTS, ingress: "deny" }).prepare()).kind).toBe("refused");
  });

  test("a policy of Cilium for the whole cluster counts; one that only isolates, or is about hosts, does not", async () => {
    const stage = new TrafficStage("cilium");
    const spec = { endpointSelector: { matchLabels: { "k8s:io.kubernetes.pod.namespace": "shop" } }, egress: [{ toEntities: ["world"] }] };
    stage.policy("everybody", spec, CILIUM_CLUSTERWIDE_NETWORK_POLICY);
    expect(await stage.action(RESTRICT, LISTS).refusal()).toContain("CiliumClusterwideNetworkPolicy everybody selects");
    stage.policy("everybody", { ...spec, egress: [{}] }, CILIUM_CLUSTERWIDE_NETWORK_POLICY);
    expect((await stage.action(RESTRICT, LISTS).prepare()).kind).toBe("ready");
    stage.policy("everybody", { nodeSelector: {}, egress: [{ toEntities: ["all"] }] }, CILIUM_CLUSTERWIDE_NETWORK_POLICY);
    expect((await stage.action(RESTRICT, LISTS).prepare()).kind).toBe("ready");
  });

  test("another list that stands is not overwritten, and neither is what others made", async () => {
    const stage = new TrafficStage();
    await stage.action(RESTRICT, LISTS).done();
    const before = stage.see(NETWORK_POLICY, POLICY);
    const second = await stage.action(RESTRICT, { allow_cidr: ["192.0.2.0/24"] }).prepare();
    expect(second).toMatchObject({ kind: "refused", because: expect.stringMatching(/another list.*never overwritten/) });
    expect(stage.see(NETWORK_POLICY, POLICY)).toEqual(before);
  });

  test("a quarantined pod is not opened again, and a pod with its node's network is refused", async () => {
    const stage = new TrafficStage("antrea-agent", { labels: { "falco-responder.io/quarantine": UID } });
    expect(await stage.action(RESTRICT, LISTS).prepare()).toMatchObject({
      kind: "nothing",
      because: expect.stringContaining("quarantined"),
    });
    expect(stage.writes).toEqual([]);
    expect(because(stage.planning(RESTRICT, LISTS, { hostNetwork: true }))).toContain("hostNetwork");
  });

  test("where nothing enforces, or the AWS VPC CNI does, it is refused unless the policy says otherwise", async () => {
    const stage = new TrafficStage(null);
    expect(await stage.action(RESTRICT, LISTS).refusal()).toContain("nothing shows that network policies are enforced");
    expect((await stage.action(RESTRICT, { ...LISTS, unproven: "allow" }).prepare()).kind).toBe("ready");
    stage.agent("aws-node", { spec: { containers: [{ name: "aws-eks-nodeagent", args: ["--enable-network-policy=true"] }] } });
    expect(await stage.action(RESTRICT, LISTS).refusal()).toContain("would cut healthy siblings");
    expect((await stage.action(RESTRICT, { ...LISTS, on_vpc_cni: "warn" }).prepare()).kind).toBe("ready");
  });

  test("a webhook that refuses the label is found before; refused only when it counts, the policy goes again", async () => {
    const stage = new TrafficStage();
    const step = stage.action(RESTRICT, LISTS);
    const { kept } = await step.ready();
    stage.kube.admit = (_verb, kind) => (kind === POD ? "no labels" : null);
    expect(await step.refusal()).toMatch(/would not let the pod be labelled: no labels/);
    expect((await step.execute(kept)).kind).toBe("failed");
    expect(stage.see(NETWORK_POLICY, POLICY)).toBeNull();
  });

  test("a crash between policy and label: done again, it goes on", async () => {
    const stage = new TrafficStage();
    const step = stage.action(RESTRICT, LISTS);
    const { kept } = await step.ready();
    stage.meanwhile = (verb) => {
      if (verb === "patch") throw new Error("the process dies");
    };
    await expect(step.execute(kept)).rejects.toThrow("dies");
    expect(await step.verify(kept)).toMatchObject({ kind: "pending", begun: false, partly: true });
    stage.meanwhile = () => undefined;
    expect((await step.execute(kept)).kind).toBe("accepted");
    expect((await step.verify(kept)).kind).toBe("done");
  });

  describe("taking it back", () => {
    test("label, then policy; twice changes nothing; others' labels stand", async () => {
      const stage = new TrafficStage();
      const step = stage.action(RESTRICT, LISTS);
      const { kept } = await step.done();
      stage.label({ ...stage.pod.labels, note: "x" });
      expect((await step.undo(kept)).kind).toBe("undone");
      expect(stage.pod.labels).toEqual({ ...LABELS, note: "x" });
      expect(stage.see(NETWORK_POLICY, POLICY)).toBeNull();
      expect((await step.undo(kept)).kind).toBe("nothing");
    });

    test("a policy that somebody changed stands, and a label of another value too", async () => {
      const stage = new TrafficStage();
      const step = stage.action(RESTRICT, LISTS);
      const { kept } = await step.done();
      stage.change(NETWORK_POLICY, POLICY, ({ spec }) => ({ spec: { ...spec, egress: [{}] } }));
      stage.label({ ...LABELS, [MARK]: "mine" });
      expect((await step.undo(kept)).kind).toBe("changed");
      expect(stage.pod.labels[MARK]).toBe("mine");
      expect(stage.see(NETWORK_POLICY, POLICY)).not.toBeNull();
    });

    test("of a pod that is gone: nothing, and its policy does not stay", async () => {
      const stage = new TrafficStage();
      const step = stage.action(RESTRICT, LISTS);
      const { kept } = await step.done();
      stage.remove(POD, "web-1");
      expect((await step.undo(kept)).kind).toBe("nothing");
      expect(stage.see(NETWORK_POLICY, POLICY)).toBeNull();
      expect((await step.verify(kept)).kind).toBe("done");
      expect((await step.execute(kept)).kind).toBe("gone");
      expect((await step.prepare()).kind).toBe("nothing");
    });
  });

  test("it lasts until somebody takes it back", () => {
    expect(networkPolicy.expiry).toBeUndefined();
  });

  test("it uses the rights that it declares, each of them, and no others", async () => {
    const used = new Set<string>();
    for (const plugin of ["antrea-agent", "cilium", "calico-node"]) {
      const stage = new TrafficStage(plugin);
      const step = stage.action(RESTRICT, LISTS);
      const { kept } = await step.done();
      await step.verify(kept);
      await step.undo(kept);
      for (const right of stage.rights) used.add(right);
    }
    expect([...used].toSorted()).toEqual(declared(RESTRICT));
  });
});
