import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CoreV1Api, KubeConfig } from "@kubernetes/client-node";
import { FEATURES } from "../../infra/rbac/features.ts";
import { type Child, freePort, startChild } from "../children.ts";
import { folder, ROOT } from "../paths.ts";
import { waitFor } from "../wait.ts";
import { auditArgs, auditFile } from "./audit.ts";
import { controlPlanePrograms, type Program, type Programs } from "./build.ts";
import { apply, kubeConfig, manifests } from "./kube.ts";
import { startTokenWebhook } from "./token-webhook.ts";

/** A running Kubernetes control plane under the shipped RBAC. */
export interface ControlPlane {
  readonly server: string;
  /** PEM, base64 as in a kubeconfig. */
  readonly caData: string;
  /** May do everything; null when a named kubeconfig identifies its user by other means than a token. */
  readonly adminToken: string | null;
  /** Of the ServiceAccount in infra/rbac: exactly the shipped rights, of all sets together. */
  readonly responderToken: string;
  /** Where a local AWS makes it an EKS cluster (lab/eks.ts); null: a named cluster, which knows no IAM. */
  readonly tokenWebhook: string | null;
  readonly admin: KubeConfig;
  /** Names of the nodes that run pods. */
  readonly nodes: readonly string[];
  /** For readAudit: what anybody but the admin has written; null when it is not ours. */
  readonly audit: string | null;
  /** What it cannot show, in words; empty when it is whole. */
  readonly lacks: readonly string[];
  stop(): Promise<void>;
}

const NODES = ["lab-node-1", "lab-node-2"] as const;
const TOKEN_SECONDS = 24 * 3600;

/**
 * Starts etcd, kube-apiserver, kube-controller-manager, kube-scheduler and KWOK on loopback and free ports, builds them first when need be,
 * and applies the shipped RBAC. `FALCO_RESPONDER_KUBECONFIG` names a cluster to use instead: no other kubeconfig is ever touched.
 */
export async function startControlPlane(options: { readonly tell?: (line: string) => void } = {}): Promise<ControlPlane> {
  const named = process.env["FALCO_RESPONDER_KUBECONFIG"];
  if (named) return await useNamed(named);
  const programs = await controlPlanePrograms(options.tell);
  const files = mkdtempSync(join(tmpdir(), "falco-responder-kube-"));
  const children: Child[] = [];
  const webhook = await startTokenWebhook();
  const stop = async (): Promise<void> => {
    for (const child of [...children].reverse()) await child.stop();
    await webhook.stop();
    rmSync(files, { recursive: true, force: true });
  };
  try {
    return { ...(await start(programs, files, children, webhook.url)), stop };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

async function start(programs: Programs, files: string, children: Child[], tokenWebhook: string): Promise<Omit<ControlPlane, "stop">> {
  const run = (program: Program, args: readonly string[]): Child => {
    const path = join(programs.folder, program);
    const log = join(files, `${program}.log`);
    const env = { PATH: process.env["PATH"], HOME: files, TMPDIR: files, FALCO_RESPONDER_LAB_STDIN: "1" };
    const child = programs.ours
      ? startChild(program, path, args, { log, env, argv0: program })
      : startChild(program, "sh", ["-c", ENDS_WITH_STDIN, path, ...args], { log, env });
    children.push(child);
    return child;
  };
  const token = randomBytes(24).toString("hex");
  writeFileSync(join(files, "tokens.csv"), `${token},lab-admin,lab-admin,system:masters\n`, { mode: 0o600 });
  const keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
  writeFileSync(join(files, "sa.key"), keys.privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  writeFileSync(join(files, "sa.pub"), keys.publicKey.export({ type: "spki", format: "pem" }));
  writeFileSync(join(files, "token-webhook"), webhookConfig(tokenWebhook), { mode: 0o600 });

  const [client, peer, secure] = [await freePort(), await freePort(), await freePort()];
  const etcd = `http://127.0.0.1:${client}`;
  run("etcd", etcdArgs(files, etcd, `http://127.0.0.1:${peer}`));
  const certificates = folder(files, "certs");
  const apiServer = run("kube-apiserver", apiServerArgs(files, certificates, etcd, secure));
  const server = `https://127.0.0.1:${secure}`;
  const caData = await waitFor(
    "kube-apiserver is ready",
    async () => {
      const ca = readFileSync(join(certificates, "apiserver.crt"));
      return (await ready(server, ca, token)) ? ca.toString("base64") : null;
    },
    { deadlineMs: 120_000, giveUp: () => gaveUp(apiServer) },
  );

  const admin = kubeConfig(server, caData, token);
  const kubeconfig = join(files, "kubeconfig");
  writeFileSync(kubeconfig, admin.exportConfig(), { mode: 0o600 });
  if (!programs.missing.includes("kube-controller-manager")) {
    run("kube-controller-manager", [
      `--kubeconfig=${kubeconfig}`,
      "--leader-elect=false",
      "--secure-port=0",
      "--use-service-account-credentials=false",
      `--service-account-private-key-file=${join(files, "sa.key")}`,
      `--root-ca-file=${join(certificates, "apiserver.crt")}`,
    ]);
  }
  if (!programs.missing.includes("kube-scheduler"))
    run("kube-scheduler", [`--kubeconfig=${kubeconfig}`, "--leader-elect=false", "--secure-port=0"]);
  await applyRbac(admin);
  if (!programs.missing.includes("kwok")) {
    run("kwok", [
      `--kubeconfig=${kubeconfig}`,
      `--config=${join(import.meta.dirname, "kwok.yaml")}`,
      "--manage-all-nodes=false",
      "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
      "--node-lease-duration-seconds=40",
      "--cidr=10.0.0.0/16",
    ]);
    await apply(admin, NODES.map(node));
  }
  const responderToken = await tokenOf(admin);
  const lacks = programs.missing.map((program) => `${program} is not in KUBEBUILDER_ASSETS: ${LACKS[program]}`);
  if (lacks.length === 0) await settled(admin);
  return { server, caData, adminToken: token, responderToken, tokenWebhook, admin, nodes: [...NODES], audit: auditFile(files), lacks };
}

/** Every set of rights, and the bounds. */
async function applyRbac(admin: KubeConfig): Promise<void> {
  for (const name of [...FEATURES, "admission"]) await apply(admin, manifests(join(ROOT, `infra/rbac/${name}.yaml`)));
}

/** Programs that are not ours do not watch their stdin. */
const ENDS_WITH_STDIN = 'exec 3<&0; "$0" "$@" 3<&- & c=$!; (cat <&3 >/dev/null; kill $c) & trap "kill $c" TERM; wait $c';

const LACKS: Readonly<Record<Program, string>> = {
  etcd: "nothing runs",
  "kube-apiserver": "nothing runs",
  "kube-controller-manager": "no Deployment makes pods, and none is replaced",
  "kube-scheduler": "pods stay Pending",
  kwok: "there is no node",
};

const etcdArgs = (files: string, client: string, peer: string): string[] => [
  `--data-dir=${join(files, "etcd")}`,
  `--listen-client-urls=${client}`,
  `--advertise-client-urls=${client}`,
  `--listen-peer-urls=${peer}`,
  `--initial-advertise-peer-urls=${peer}`,
  `--initial-cluster=default=${peer}`,
  "--unsafe-no-fsync",
  "--log-level=error",
];

const apiServerArgs = (files: string, certificates: string, etcd: string, port: number): string[] => [
  `--etcd-servers=${etcd}`,
  "--bind-address=127.0.0.1",
  "--advertise-address=127.0.0.1",
  `--secure-port=${port}`,
  `--cert-dir=${certificates}`,
  `--token-auth-file=${join(files, "tokens.csv")}`,
  `--authentication-token-webhook-config-file=${join(files, "token-webhook")}`,
  "--authentication-token-webhook-version=v1",
  // Two minutes by default: what an access entry no longer allows is to end soon.
  "--authentication-token-webhook-cache-ttl=2s",
  "--authorization-mode=RBAC",
  "--anonymous-auth=false",
  "--endpoint-reconciler-type=none",
  `--service-account-key-file=${join(files, "sa.pub")}`,
  `--service-account-signing-key-file=${join(files, "sa.key")}`,
  "--service-account-issuer=https://kubernetes.default.svc",
  "--service-cluster-ip-range=10.96.0.0/16",
  ...auditArgs(files),
];

/** A kubeconfig: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#webhook-token-authentication */
const webhookConfig = (url: string): string =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "token-webhook", cluster: { server: `${url}/authenticate` } }],
    users: [{ name: "kube-apiserver", user: {} }],
    contexts: [{ name: "webhook", context: { cluster: "token-webhook", user: "kube-apiserver" } }],
    "current-context": "webhook",
  });

const node = (name: string) => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: {
    name,
    annotations: { "kwok.x-k8s.io/node": "fake" },
    labels: { "kubernetes.io/hostname": name, "kubernetes.io/os": "linux" },
  },
});

const ready = (server: string, ca: Buffer, token: string): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const request = get(`${server}/readyz`, { ca, headers: { authorization: `Bearer ${token}` } }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    request.setTimeout(5_000, () => request.destroy(new Error("no answer in 5 s")));
    request.once("error", reject);
  });

const gaveUp = (child: Child): string | null => {
  const end = child.ended();
  return end === null ? null : `${child.name} ${end}:\n${child.tail()}`;
};

const tokenOf = async (admin: KubeConfig): Promise<string> => {
  const core = admin.makeApiClient(CoreV1Api);
  const body = { spec: { audiences: [], expirationSeconds: TOKEN_SECONDS } };
  const { status } = await core.createNamespacedServiceAccountToken({ name: "falco-responder", namespace: "falco-responder", body });
  return status?.token ?? "";
};

/** Nodes are Ready, and the controllers have made the first namespace's ServiceAccount: pods are accepted from here on. */
async function settled(admin: KubeConfig): Promise<void> {
  const core = admin.makeApiClient(CoreV1Api);
  await waitFor("the nodes are Ready", async () => {
    const { items } = await core.listNode();
    return (
      items.length === NODES.length && items.every((n) => n.status?.conditions?.some((c) => c.type === "Ready" && c.status === "True"))
    );
  });
  await waitFor("ServiceAccounts are made", () => core.readNamespacedServiceAccount({ name: "default", namespace: "default" }));
}

async function useNamed(path: string): Promise<ControlPlane> {
  const admin = new KubeConfig();
  admin.loadFromFile(path);
  const cluster = admin.getCurrentCluster();
  if (!cluster?.server.startsWith("https://"))
    throw new Error(`FALCO_RESPONDER_KUBECONFIG (${path}): its current context has no https server`);
  const caData = cluster.caData ?? (cluster.caFile ? readFileSync(cluster.caFile).toString("base64") : "");
  if (caData === "") throw new Error(`FALCO_RESPONDER_KUBECONFIG (${path}): its cluster has no certificate authority`);
  await applyRbac(admin);
  const { items } = await admin.makeApiClient(CoreV1Api).listNode();
  return {
    server: cluster.server,
    caData,
    adminToken: admin.getCurrentUser()?.token ?? null,
    responderToken: await tokenOf(admin),
    tokenWebhook: null,
    admin,
    nodes: items.flatMap((n) => n.metadata?.name ?? []),
    audit: null,
    lacks: [],
    // It was there before us and stays; the applied RBAC stays with it.
    stop: () => Promise.resolve(),
  };
}
