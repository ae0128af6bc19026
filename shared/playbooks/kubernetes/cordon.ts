import { cordonNode, keptOfNode, seenCordoned, uncordon } from "#shared/playbooks/kubernetes/cordoning.ts";
import { cordonedBy, nodeNow, nodeOf, objectionTo, othersOf } from "#shared/playbooks/kubernetes/node.ts";
import { duration } from "#shared/playbooks/params.ts";
import { type Playbook, refused, unknownParam } from "#shared/playbooks/playbook.ts";
import { many } from "#shared/playbooks/words.ts";

const NAME = "kubernetes:cordon";

/**
 * Keeps new pods from the offender's node, and autoscalers from ending it; nothing that runs there stops. Optional `expires_after`: then it is
 * taken back by itself. https://kubernetes.io/docs/concepts/nodes/node/#manual-node-administration
 */
export const cordon: Playbook = {
  name: NAME,
  needs: {
    iam: [],
    look: [],
    rbac: [{ apiGroups: [""], resources: ["nodes"], verbs: ["get", "list", "patch"] }],
  },

  plan(workload, params, occasion) {
    if (workload.kind !== "pod") return refused(`${NAME} cordons the node of a pod, and the target is a ${workload.kind}`);
    const strange = unknownParam(params, ["expires_after"]);
    if (strange !== null) return refused(`${NAME}: ${strange}`);
    const lasts = duration(params, "expires_after");
    if (typeof lasts === "object" && lasts !== null) return refused(lasts.because);
    if (workload.node === null) return refused("the pod is on no node: there is none to cordon");
    return { kind: "planned", plan: { action: NAME, workload, params, occasion } };
  },

  async prepare(plan, reach, signal) {
    const api = await reach.access.kubernetes(reach.cluster);
    const name = nodeOf(plan, NAME);
    const node = await nodeNow(name, null, api, signal);
    if (node === null) return { kind: "nothing", because: `node ${name} has left the cluster` };
    const already = cordonedBy(node);
    if (already !== null) return { kind: "nothing", because: already };
    const others = await othersOf(name, api, signal);
    const objection = objectionTo(node, others, reach);
    if (objection !== null) return { kind: "refused", because: objection };
    return {
      kind: "ready",
      kept: keptOfNode(node),
      remarks: [
        `Nothing that runs on node ${name} stops: it only takes no new pods; ${others.takePods} of ${many(others.all, "other node")} take them.`,
        "Pods of DaemonSets, and others that tolerate it, are placed there all the same.",
      ],
    };
  },

  async execute(plan, kept, { cluster, access }, signal) {
    return await cordonNode(nodeOf(plan, NAME), plan.occasion.incident, kept, await access.kubernetes(cluster), signal);
  },

  async verify(plan, kept, { cluster, access }, signal) {
    return await seenCordoned(nodeOf(plan, NAME), plan.occasion.incident, kept, await access.kubernetes(cluster), signal);
  },

  undo: {
    possible: true,
    says: "lets the node take pods again, and gives back the autoscalers' annotations",
    async run(plan, kept, _doneAtMs, { cluster, access }, signal) {
      return await uncordon(nodeOf(plan, NAME), plan.occasion.incident, kept, await access.kubernetes(cluster), signal);
    },
  },

  expiry: {
    afterMs: ({ params }) => {
      const lasts = duration(params, "expires_after");
      return typeof lasts === "number" ? lasts : null;
    },
    by: "undo",
  },
};
