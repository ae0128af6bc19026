import { setTimeout as sleep } from "node:timers/promises";
import { admission } from "../../../infra/rbac/admission.ts";
import { declared, granted } from "../../../infra/rbac/declared.ts";
import { FEATURES, type Feature } from "../../../infra/rbac/features.ts";
import { namesWith } from "../../../infra/rbac/names.ts";
import { complete, type Manifest } from "../../../infra/rbac/roles.ts";
import { type Ask, asking, type TestKube } from "../../contracts/kube-requests.ts";
import { type Certificate, certificate } from "../../fixtures/certificate.ts";

/** A real control plane, as all plays share it: the shipped roles and bounds under names of their own, and two namespaces. */
export interface Plant {
  readonly kube: TestKube;
  readonly admin: Ask;
  /** Of a ServiceAccount with all shipped rights; with those to look and no more; and no one's. */
  readonly tokens: { readonly all: string; readonly looks: string };
  readonly certificate: Certificate;
  readonly namespace: string;
  /** Its quota has no room for a NetworkPolicy. */
  readonly full: string;
  readonly node: string;
  close(): Promise<void>;
}

interface Made {
  readonly metadata: { readonly name: string };
  readonly [key: string]: unknown;
}

const DEADLINE_MS = 60_000;

/** Until it is so; throws when that takes too long. */
export async function until(what: string, is: () => Promise<boolean>): Promise<void> {
  const endMs = Date.now() + DEADLINE_MS;
  while (!(await is())) {
    if (Date.now() > endMs) throw new Error(`it did not come to be within ${DEADLINE_MS / 1_000} s: ${what}`);
    await sleep(100);
  }
}

const CLUSTER_SCOPED = { ClusterRole: "clusterroles", ClusterRoleBinding: "clusterrolebindings" } as const;
const QUOTA = { "count/networkpolicies.networking.k8s.io": "0" };

export async function openPlant(kube: TestKube): Promise<Plant> {
  const { ask: admin, close: leave } = asking(kube);
  const made: string[] = [];
  const close = async (): Promise<void> => {
    for (const path of made.toReversed()) await admin("DELETE", path);
    await leave();
  };
  try {
    return { ...(await build(kube, admin, made)), close };
  } catch (thrown) {
    await close();
    throw thrown;
  }
}

/** `made`: paths of all that was made so far. */
async function build(kube: TestKube, admin: Ask, made: string[]): Promise<Omit<Plant, "close">> {
  const must = async (path: string, object: Made): Promise<void> => {
    const { status, body } = await admin("POST", path, object);
    if (status >= 300 && status !== 409) throw new Error(`${path}: ${status} ${body.message}`);
    if (status < 300) made.push(`${path}/${object.metadata.name}`);
  };
  const bare = (name: string) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
  const suffix = `-adv-${process.pid}`;
  const [namespace, full] = [`adv-shop-${process.pid}`, `adv-full-${process.pid}`];
  await must("/api/v1/namespaces", bare(namespace));
  await must("/api/v1/namespaces", bare(full));
  const sets = granted(await declared());
  const subject = async (features: readonly Feature[], end: string): Promise<string> => {
    const names = namesWith(`${suffix}${end}`);
    for (const object of features.flatMap((feature) => complete(feature, sets, names))) await must(pathOf(object), object);
    const account = `/api/v1/namespaces/${names.prefix}/serviceaccounts/${names.serviceAccount}`;
    const { body } = await admin("POST", `${account}/token`, {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      metadata: {},
      spec: { audiences: [], expirationSeconds: 3_600 },
    });
    return String((body["status"] as { readonly token?: string } | undefined)?.token);
  };
  const tokens = { all: await subject(FEATURES, ""), looks: await subject(["observe"], "-looks") };
  for (const object of admission(namesWith(suffix)))
    await must(`/apis/admissionregistration.k8s.io/v1/${object.kind.toLowerCase().replace(/y$/, "ie")}s`, object);
  const quotas = `/api/v1/namespaces/${full}/resourcequotas`;
  await must(quotas, { apiVersion: "v1", kind: "ResourceQuota", metadata: { name: "no-policies" }, spec: { hard: QUOTA } });
  await until(
    "the quota is counted",
    async () => (await admin("GET", `${quotas}/no-policies`)).body["status"]?.["hard" as never] !== undefined,
  );
  for (const name of [namespace, full])
    await until(
      `namespace ${name} takes pods`,
      async () => (await admin("GET", `/api/v1/namespaces/${name}/serviceaccounts/default`)).status === 200,
    );
  const { body } = await admin("GET", "/api/v1/nodes");
  const [node] = (body["items"] as readonly { readonly metadata: { readonly name: string } }[]).map(({ metadata }) => metadata.name);
  if (node === undefined) throw new Error("the control plane has no node");
  const probe = asking({ ...kube, adminToken: tokens.all });
  await until("the bounds hold", async () => {
    const path = `/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies?dryRun=All`;
    const policy = { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name: "not-ours" }, spec: { podSelector: {} } };
    const { status, body: answer } = await probe.ask("POST", path, policy);
    return status >= 400 && /denied request/.test(answer.message ?? "");
  });
  await probe.close();
  return {
    kube,
    admin,
    tokens,
    certificate: certificate("meddler"),
    namespace,
    full,
    node,
  };
}

function pathOf({ kind, metadata }: Manifest): string {
  if (kind === "Namespace") return "/api/v1/namespaces";
  if (kind === "ServiceAccount") return `/api/v1/namespaces/${metadata.namespace}/serviceaccounts`;
  return `/apis/rbac.authorization.k8s.io/v1/${CLUSTER_SCOPED[kind as keyof typeof CLUSTER_SCOPED]}`;
}
