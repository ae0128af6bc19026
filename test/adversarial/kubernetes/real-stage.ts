import { setTimeout as sleep } from "node:timers/promises";
import { kubernetesApi } from "#shared/adapters/kubernetes/api.ts";
import { type PodFacts, podFacts } from "#shared/playbooks/kubernetes/facts.ts";
import type { KubeObject } from "#shared/ports/kubernetes.ts";
import type { Answer, Ask } from "../../contracts/kube-requests.ts";
import { fakeAccess } from "../../fakes/cluster-access.ts";
import { policyOf, registry, World } from "../../fakes/world.ts";
import { base64 } from "../../fixtures/certificate.ts";
import { judgeIn, type Case as OfStage } from "../judge.ts";
import { at, type Stage as CommonStage, type Shot } from "../stage.ts";
import { Meddler } from "./meddler.ts";
import { type Plant, until } from "./plant.ts";
import { deleted } from "./run.ts";
import { aimAt, fluentBit } from "./stage.ts";

/** One pod on a node of a real control plane, reached with the real adapter and the shipped rights through something that meddles. */
export interface RealStage extends CommonStage<PodFacts, RealStage> {
  readonly plant: Plant;
  readonly meddler: Meddler;
  /** The token that the responder shows; `fresh`: after it was refused. */
  token: (fresh: boolean) => string;
  /** As the administrator; throws when the server refuses. `path` after the namespace: "pods/web-1". */
  readonly does: (method: string, path: string, body?: object) => Promise<Answer["body"]>;
  /** A pod of this name, once it runs. */
  readonly pod: (name: string, metadata?: object, namespace?: string) => Promise<PodFacts>;
  readonly name: string;
  readonly cleanUps: (() => Promise<void>)[];
}

let played = 0;

export async function openReal(plant: Plant): Promise<RealStage> {
  const name = `web-${++played}`;
  const world = new World();
  world.kubernetes.ticksByItself = false;
  world.pass = (ms) => sleep(ms);
  const meddler = new Meddler(plant.certificate, plant.kube);
  const server = await meddler.listen();
  const does = doing(plant.admin, plant.namespace);
  const pod: RealStage["pod"] = (its, metadata = {}, namespace = plant.namespace) => runningPod(plant, namespace, its, metadata);
  const offender = await pod(name, { labels: { app: name } });
  const shot: Shot = {
    rule: "Terminal shell in container",
    source: "syscall",
    hostname: plant.node,
    time: at(world, -10_000),
    fields: { "container.name": "app", "proc.cmdline": "bash" },
    sensor: {},
    logGroup: "/falco/kube",
    owner: registry.account,
    line: null,
    receives: 1,
  };
  aimAt(shot, offender);
  const stage: RealStage = {
    world,
    plant,
    meddler,
    token: () => plant.tokens.all,
    does,
    pod,
    name,
    offender,
    shot,
    policy: policyOf(),
    registry,
    access: fakeAccess({
      ...world.aws.given(),
      kubernetes: kubernetesApi({
        cluster: "kube-prod",
        server,
        caData: base64(plant.certificate.cert),
        token: (_signal, fresh) => Promise.resolve(stage.token(fresh !== undefined)),
      }),
    }),
    effects: meddler.effects,
    ship: fluentBit,
    aim: (one) => aimAt(shot, one),
    meanwhile: () => undefined,
    handingOver: () => undefined,
    afterwards: [],
    cleanUps: [],
  };
  return stage;
}

const doing =
  (admin: Ask, namespace: string): RealStage["does"] =>
  async (method, path, body) => {
    const [group, rest] = path.startsWith("apis/")
      ? [/^apis\/[^/]+\/[^/]+/.exec(path)?.[0] ?? "", path.replace(/^apis\/[^/]+\/[^/]+\//, "")]
      : ["api/v1", path];
    const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
    const { status, body: said } = await admin(method, `/${group}/namespaces/${namespace}/${rest}`, body, type);
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${said.message}`);
    return said;
  };

async function runningPod(plant: Plant, namespace: string, name: string, metadata: object): Promise<PodFacts> {
  const path = `/api/v1/namespaces/${namespace}/pods`;
  const body = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, ...metadata },
    spec: {
      nodeName: plant.node,
      terminationGracePeriodSeconds: 1,
      automountServiceAccountToken: false,
      containers: [{ name: "app", image: "registry.test/web:1" }],
    },
  };
  const { status, body: said } = await plant.admin("POST", path, body);
  if (status >= 300) throw new Error(`pod ${name}: ${status} ${said.message}`);
  return await running(plant, namespace, name);
}

/** The pod, once it runs and its container has an id. */
export async function running(plant: Plant, namespace: string, name: string, notUid = ""): Promise<PodFacts> {
  let found: PodFacts | null = null;
  await until(`pod ${name} runs`, async () => {
    const { status, body } = await plant.admin("GET", `/api/v1/namespaces/${namespace}/pods/${name}`);
    const pod = status === 200 ? podFacts(body as unknown as KubeObject) : null;
    found = pod;
    return pod !== null && pod.uid !== notUid && pod.phase === "Running" && pod.ready && (pod.containers[0]?.id ?? null) !== null;
  });
  if (found === null) throw new Error(`pod ${name} is gone`);
  return found;
}

async function closeReal({ meddler, plant, name, cleanUps }: RealStage): Promise<void> {
  for (const cleanUp of cleanUps) await cleanUp();
  await meddler.close();
  await plant.admin("DELETE", `/api/v1/namespaces/${plant.namespace}/pods/${name}`, { gracePeriodSeconds: 0 });
}

export type RealCase = OfStage<RealStage>;

export const judgeReal = (plant: Plant) => (one: RealCase) =>
  judgeIn<PodFacts, RealStage>({ open: () => openReal(plant), stops: ({ offender }) => [deleted(offender)], close: closeReal }, one);

/** Several at a time: most of what a play takes is waiting. In the order of the cases. */
export async function judgeAll(plant: Plant, cases: readonly RealCase[]) {
  const judge = judgeReal(plant);
  const judged: Awaited<ReturnType<typeof judge>>[] = [];
  const left = [...cases.entries()];
  const work = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const [nth, one] = next;
      judged[nth] = await judge(one);
    }
  };
  await Promise.all(Array.from({ length: 4 }, work));
  return judged;
}
