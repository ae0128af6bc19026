import type { PodFacts } from "#shared/playbooks/kubernetes/facts.ts";
import { NETWORK_POLICY, POD } from "#shared/playbooks/kubernetes/kinds.ts";
import { asking } from "../stage.ts";
import { said } from "./effects.ts";
import type { Fault, Sent } from "./meddler.ts";
import { until } from "./plant.ts";
import { type RealCase, type RealStage, running } from "./real-stage.ts";
import { deleted } from "./run.ts";
import { aimAt } from "./stage.ts";
import { EVICT, evicted, ISOLATE, policyOf } from "./wanted.ts";

const POLICIES = "apis/networking.k8s.io/v1/networkpolicies";
const BUDGETS = "apis/policy/v1/poddisruptionbudgets";
const SETS = "apis/apps/v1/statefulsets";

const given =
  (...action: Parameters<typeof asking>) =>
  (stage: RealStage): void => {
    stage.policy = asking(...action);
  };
/** No network plugin's agent runs there. */
const isolate = given(ISOLATE, { unproven: "allow" });

const stopped = ({ offender }: RealStage): readonly string[] => [deleted(offender)];
const wall = ({ offender }: RealStage): string => said.create(NETWORK_POLICY, policyOf("quarantine", offender));
const labels = ({ offender }: RealStage): string => said.patch(POD, offender, "metadata.annotations", "metadata.labels");
const quarantined = (stage: RealStage): readonly string[] => [wall(stage), labels(stage)];

/** The offender's successor under its name. */
async function succeed({ does, name, pod }: RealStage): Promise<void> {
  await does("DELETE", `pods/${name}`, { gracePeriodSeconds: 0 });
  await pod(name, { labels: { app: name } });
}

/** A StatefulSet of one pod, which is accused. */
async function database(stage: RealStage): Promise<PodFacts> {
  const { does, name, plant, shot, cleanUps } = stage;
  const app = { app: `${name}-db` };
  await does("POST", SETS, {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name: app.app },
    spec: {
      replicas: 1,
      serviceName: app.app,
      selector: { matchLabels: app },
      template: {
        metadata: { labels: app },
        spec: {
          nodeSelector: { "kubernetes.io/hostname": plant.node },
          terminationGracePeriodSeconds: 1,
          containers: [{ name: "app", image: "registry.test/db:1" }],
        },
      },
    },
  });
  cleanUps.push(async () => void (await does("DELETE", `${SETS}/${app.app}`)));
  const db = await running(plant, plant.namespace, `${app.app}-0`);
  aimAt(shot, db);
  accused.set(stage, db);
  return db;
}
const accused = new WeakMap<RealStage, PodFacts>();
const databaseStopped = (stage: RealStage): readonly string[] => [deleted(accused.get(stage) ?? stage.offender)];

const budget = async ({ does, name, cleanUps }: RealStage, called: string, minAvailable: number): Promise<void> => {
  const its = `${name}-${called}`;
  const spec = { minAvailable, selector: { matchLabels: { app: name } } };
  await does("POST", BUDGETS, { apiVersion: "policy/v1", kind: "PodDisruptionBudget", metadata: { name: its }, spec });
  cleanUps.push(async () => void (await does("DELETE", `${BUDGETS}/${its}`)));
  await until("the budget is counted", async () => {
    const { status } = (await does("GET", `${BUDGETS}/${its}`)) as { readonly status?: Readonly<Record<string, unknown>> };
    return (
      status?.["observedGeneration"] === 1 &&
      status["disruptionsAllowed"] === (minAvailable === 0 ? 1 : 0) &&
      status["currentHealthy"] === 1
    );
  });
};

const policy = async ({ does, cleanUps }: RealStage, name: string, spec: object): Promise<void> => {
  await does("POST", POLICIES, { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name }, spec });
  cleanUps.push(async () => void (await does("DELETE", `${POLICIES}/${name}`)));
};

/** What only a real server shows: preconditions, budgets, admission, quota, rights. */
const semantics: readonly RealCase[] = [
  {
    name: "real: a StatefulSet's pod was replaced under its name",
    fact: "it was replaced while the alert waited",
    given: async (stage) => void (await database(stage)),
    refuse: (stage) => {
      stage.meanwhile = async () => {
        const { name, uid } = accused.get(stage) ?? stage.offender;
        await stage.does("DELETE", `pods/${name}`, { gracePeriodSeconds: 0 });
        await running(stage.plant, stage.plant.namespace, name, uid);
      };
    },
    because: /has no container \S+ now: a successor of that name/,
    done: databaseStopped,
  },
  {
    name: "real: replaced between the look and the delete",
    fact: "a successor has its name when the delete comes",
    refuse: (stage) => {
      stage.meddler.before = () => succeed(stage);
    },
    because: /^refused: another pod has the name: the accused one is gone, and its successor was not touched/,
    spared: (stage) => [`${stopped(stage)[0]}: 409`],
  },
  {
    name: "real: finalizers hold the object",
    fact: "a finalizer",
    refuse: async (stage) => {
      const { does, name, cleanUps } = stage;
      await does("PATCH", `pods/${name}`, { metadata: { finalizers: ["example.com/hold"] } });
      cleanUps.push(async () => void (await does("PATCH", `pods/${name}`, { metadata: { finalizers: null } })));
    },
    because: /^requested: /,
    spared: stopped,
  },
  {
    name: "real: a disruption budget allows no eviction",
    fact: "minAvailable",
    given: given(EVICT),
    refuse: (stage) => budget(stage, "one", 1),
    because: /^refused: a pod disruption budget allows no eviction now/,
    act: (stage) => budget(stage, "one", 0),
    done: (stage) => evicted(stage as never),
  },
  {
    name: "real: two disruption budgets select the pod",
    fact: "the second",
    given: given(EVICT),
    refuse: async (stage) => {
      await budget(stage, "one", 0);
      await budget(stage, "two", 0);
    },
    because: /^refused: more than one pod disruption budget selects the pod/,
    act: (stage) => budget(stage, "one", 0),
    done: (stage) => evicted(stage as never),
  },
  {
    name: "real: the cluster's own bound spares the pod, and the policy forgot to",
    fact: "the mark's value",
    refuse: (stage) => marked(stage, "true"),
    because: /^refused: the API server would not delete it .*ValidatingAdmissionPolicy/,
    act: (stage) => marked(stage, "no"),
  },
  {
    name: "real: quota has no room for a policy",
    fact: "the namespace's quota",
    given: isolate,
    refuse: async ({ plant, pod, shot, name }) => aimAt(shot, await pod(name, {}, plant.full)),
    because: /^refused: the API server would not take NetworkPolicy .*exceeded quota: no-policies.*next best: kubernetes:terminate/,
    done: quarantined,
  },
  {
    name: "real: a policy of our name is there, and is not ours",
    fact: "its name",
    given: isolate,
    refuse: (stage) => policy(stage, policyOf("quarantine", stage.offender).name, { podSelector: {} }),
    because: /is there and is not as we make it: it was left as it is/,
    act: (stage) => policy(stage, `${stage.name}-other`, { podSelector: { matchLabels: { app: "nobody" } } }),
    done: quarantined,
  },
  {
    name: "real: another policy still lets traffic through",
    fact: "its rules",
    given: isolate,
    refuse: (stage) => policy(stage, `${stage.name}-open`, { ...selecting(stage), ingress: [{}] }),
    because: /^refused: it would not be cut off: NetworkPolicy \S+-open still selects such a pod and allows traffic/,
    act: (stage) => policy(stage, `${stage.name}-open`, { ...selecting(stage), ingress: [] }),
    done: quarantined,
  },
  {
    name: "real: an operator puts the labels back",
    fact: "it writes after our patch",
    given: isolate,
    refuse: (stage) => {
      stage.meddler.after = async ({ method }) => {
        if (method === "PATCH") await stage.does("PATCH", `pods/${stage.name}`, { metadata: { labels: { app: stage.name } } });
      };
    },
    because: /somebody put labels back \(app\): Services and other policies may select it again/,
    spared: quarantined,
    done: quarantined,
  },
  {
    name: "real: somebody writes the pod's labels between the look and the patch",
    fact: "which object",
    given: isolate,
    refuse: (stage) => {
      stage.meddler.before = async ({ method }) => {
        if (method === "PATCH") await stage.does("PATCH", `pods/${stage.name}`, { metadata: { labels: { app: "other" } } });
      };
    },
    because: /^refused: somebody changed the pod's labels meanwhile; the policy was taken away again/,
    spared: (stage) => [wall(stage), `${labels(stage)}: 422`, wall(stage).replace("create", "delete")],
    act: (stage) => {
      stage.meddler.before = async ({ method }) => {
        if (method === "PATCH") await policy(stage, `${stage.name}-meanwhile`, { podSelector: { matchLabels: { app: "nobody" } } });
      };
    },
    done: quarantined,
  },
  {
    name: "real: RBAC does not grant the verb",
    fact: "whose token it is",
    refuse: (stage) => {
      stage.token = () => stage.plant.tokens.looks;
    },
    because: /^failed: kube_forbidden: .*RBAC does not let us delete pods: apply .*terminate/,
  },
];

const selecting = ({ offender }: RealStage) => ({
  podSelector: { matchLabels: { "falco-responder.io/quarantine": offender.uid } },
  policyTypes: ["Ingress"],
});
async function marked({ does, name }: RealStage, value: string): Promise<void> {
  await does("PATCH", `pods/${name}`, { metadata: { labels: { "falco-responder.io/protected": value } } });
}

const all = (): boolean => true;
const written = ({ dry, method }: Sent): boolean => !dry && method === "DELETE";
const made = ({ dry, method }: Sent): boolean => !dry && method === "POST";

/** For as long as the alert is patient, nothing is done; when it is over soon, all is done once. */
const passing = (name: string, on: Fault["on"], does: Fault["does"], because: RegExp): RealCase => ({
  name: `server: ${name}`,
  fact: "it does not pass",
  refuse: ({ meddler }) => void meddler.faults.push({ on, does, times: Number.POSITIVE_INFINITY }),
  because,
  act: ({ meddler }) => void meddler.faults.push({ on, does, times: 1 }),
});

const AGAIN = /^comes again: .*(kube_\w+|the API server|no connection|no answer)/;

const troubles: readonly RealCase[] = [
  passing("connections are reset", all, "reset", AGAIN),
  passing("429 without Retry-After, to the delete", written, { status: 429 }, AGAIN),
  passing("429 with Retry-After, to the delete", written, { status: 429, retryAfter: 1 }, AGAIN),
  passing("500 to everything", all, { status: 500 }, AGAIN),
  passing("503 to the delete", written, { status: 503 }, AGAIN),
  passing("silence after the delete was sent", written, "silence", AGAIN),
  passing("answers are cut in half", all, "half", AGAIN),
  {
    name: "server: the delete arrived, and its answer is lost",
    fact: "the answer",
    refuse: ({ meddler }) => void meddler.faults.push({ on: written, does: "lost", times: 1 }),
    because: AGAIN,
    spared: stopped,
  },
  {
    name: "server: the policy was made, and the answer is lost",
    fact: "the answer",
    given: isolate,
    refuse: ({ meddler }) => void meddler.faults.push({ on: made, does: "lost", times: 1 }),
    because: AGAIN,
    spared: (stage) => [wall(stage), `${wall(stage)}: 409`, labels(stage)],
    done: quarantined,
  },
  {
    name: "server: it is down until people must be told",
    fact: "the delivery is the last patient one",
    given: ({ shot }) => {
      shot.receives = 5;
    },
    refuse: ({ meddler }) => void meddler.faults.push({ on: all, does: { status: 500 }, times: Number.POSITIVE_INFINITY }),
    because: /^hold: the target could not be verified: the control plane of kube-prod cannot be asked \(kube_unreachable\)/,
  },
  {
    name: "token: it expired in the middle, and no other is to be had",
    fact: "the fresh one",
    refuse: ({ meddler }) => void meddler.faults.push({ on: written, does: "expired", times: Number.POSITIVE_INFINITY }),
    because: /^failed: kube_unauthorized: .*the API server does not know us/,
    spared: (stage) => [`${stopped(stage)[0]}: 401`, `${stopped(stage)[0]}: 401`],
    act: ({ meddler }) => void meddler.faults.push({ on: written, does: "expired", times: 1 }),
    done: (stage) => [`${stopped(stage)[0]}: 401`, ...stopped(stage)],
  },
  {
    name: "token: nobody's from the beginning",
    fact: "the fresh one",
    refuse: (stage) => {
      stage.token = () => "nobodys";
    },
    because: /^hold: the target could not be verified: the control plane of kube-prod cannot be asked \(kube_unauthorized\)/,
    act: (stage) => {
      let renewed = false;
      stage.token = (fresh) => {
        renewed ||= fresh;
        return renewed ? stage.plant.tokens.all : "nobodys";
      };
    },
  },
];

/** On a real API server under the shipped rights and bounds, through what spoils the connection. */
export const realCases: readonly RealCase[] = [...semantics, ...troubles];
