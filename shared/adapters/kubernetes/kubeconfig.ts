import {
  type Access,
  address,
  bearerIdentity,
  clientIdentity,
  type Endpoint,
  type Identity,
} from "#shared/adapters/kubernetes/endpoint.ts";
import { jsonIn, secretEndpoint } from "#shared/adapters/kubernetes/secret-endpoint.ts";
import type { SecretReader } from "#shared/adapters/secrets.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { KubernetesAccess } from "#shared/domain/registry.ts";

type KubeconfigAccess = Extract<KubernetesAccess, { readonly by: "kubeconfig" }>;
type Entry = Readonly<Record<string, unknown>>;

/** As much as Secrets Manager holds. */
const TEXT_MAX = 65_536;

const FLATTEN = "make it with kubectl config view --raw --flatten --minify, which puts the files' contents into it";
const NO_PROGRAM = "put a ServiceAccount's token or a client certificate into it, or for EKS register the cluster as kind eks";

/** What would run a program, read a file that is not here, or weaken the check of the server: key -> what to do instead. */
const CLUSTER_REFUSED: Entry = {
  "certificate-authority": FLATTEN,
  "insecure-skip-tls-verify": "remove it and give certificate-authority-data",
  "proxy-url": "the function's own network must reach the server",
  "tls-server-name": "the server's own name must stand in its certificate",
};
const USER_REFUSED: Entry = {
  exec: `it would run a program: ${NO_PROGRAM}`,
  "auth-provider": `it would run a program: ${NO_PROGRAM}`,
  tokenFile: FLATTEN,
  "client-certificate": FLATTEN,
  "client-key": FLATTEN,
  username: "no API server takes passwords any more: put a token or a client certificate into it",
  password: "no API server takes passwords any more: put a token or a client certificate into it",
  as: "bind the rights to the user itself",
  "as-uid": "bind the rights to the user itself",
  "as-groups": "bind the rights to the user itself",
  "as-user-extra": "bind the rights to the user itself",
};

/** A kubeconfig out of a secret, YAML or JSON. Only its current-context counts. */
export function kubeconfig({ kubeconfigSecret }: KubeconfigAccess, cluster: string, secrets: SecretReader): Access {
  const where = `the kubeconfig of cluster ${cluster}`;
  return {
    endpoint: secretEndpoint(secrets, kubeconfigSecret, ["refused", "unreachable"], (text) => endpointIn(text, where)),
    advice: {
      unauthorized: `put a kubeconfig whose user has a valid token or client certificate into the secret that access.kubeconfigSecret names (${kubeconfigSecret})`,
      forbidden: "bind it to the user or group of the kubeconfig's token or certificate",
      certificate: "it does not fit the kubeconfig's certificate-authority-data",
      unreachable: "is the server of the kubeconfig right, and does the function's network reach it?",
    },
  };
}

/** Throws `config_invalid`, which names the key and the remedy and never a value. https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/ */
export async function endpointIn(text: string, where: string): Promise<Endpoint> {
  const refuse = (because: string): never => {
    throw new PipelineError("config_invalid", `${where}: ${because}`);
  };
  if (text.length > TEXT_MAX) refuse(`it has more than ${TEXT_MAX} characters`);
  const config = jsonIn(text) ?? (await yamlIn(text, refuse));
  const name = config["current-context"];
  if (typeof name !== "string" || name === "") return refuse("it has no current-context: set it with kubectl config use-context");
  const named = (list: string, key: string, wanted: unknown): Entry => {
    const found = entries(config[list]).filter((entry) => entry["name"] === wanted);
    const [only] = found;
    if (only === undefined || found.length > 1) return refuse(`${list} must have exactly one entry for its current-context`);
    return entry(only[key]) ?? refuse(`${list}[].${key} is missing`);
  };
  const context = named("contexts", "context", name);
  const cluster = named("clusters", "cluster", context["cluster"]);
  const user = named("users", "user", context["user"]);
  for (const [held, refused] of [[cluster, CLUSTER_REFUSED] as const, [user, USER_REFUSED] as const]) {
    const key = Object.keys(refused).find((k) => isSet(held[k]));
    if (key !== undefined) refuse(`"${key}" is not taken: ${String(refused[key])}`);
  }
  const { server, "certificate-authority-data": caData } = cluster;
  if (typeof server !== "string" || !server.startsWith("https://")) return refuse('"server" must begin with https://');
  if (typeof caData !== "string") return refuse('"certificate-authority-data" is missing: the server could not be told from another');
  return { ...address(server, caData, where), identity: identityIn(user, where, refuse) };
}

function identityIn(user: Entry, where: string, refuse: (because: string) => never): Identity {
  const { token, "client-certificate-data": certificate, "client-key-data": key } = user;
  if (isSet(token) && (isSet(certificate) || isSet(key))) return refuse('"token" and "client-certificate-data" are two users: keep one');
  if (isSet(token)) return bearerIdentity(token, where);
  if (typeof certificate !== "string" || typeof key !== "string")
    return refuse(`its user has neither "token" nor "client-certificate-data" and "client-key-data": ${NO_PROGRAM}`);
  const pem = (data: string) => Buffer.from(data, "base64").toString("utf8");
  return clientIdentity(pem(certificate), pem(key), where);
}

/** Loaded only for YAML. No alias is followed: a kubeconfig has none, and a few of them can stand for gigabytes. Errors quote the text: never shown. */
async function yamlIn(text: string, refuse: (because: string) => never): Promise<Entry> {
  const { parse } = await import("yaml");
  try {
    const parsed: unknown = parse(text, { maxAliasCount: 0, prettyErrors: false, logLevel: "error" });
    return entry(parsed) ?? refuse("it is no mapping");
  } catch (thrown) {
    if (thrown instanceof PipelineError) throw thrown;
    const code = thrown instanceof Error && "code" in thrown ? ` (${String(thrown.code)})` : "";
    return refuse(`it is neither JSON nor YAML without aliases${code}`);
  }
}

const isSet = (value: unknown): boolean => value !== undefined && value !== null && value !== false && value !== "";

const entry = (value: unknown): Entry | null =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : null;

const entries = (value: unknown): readonly Entry[] => (Array.isArray(value) ? value.map(entry).filter((e) => e !== null) : []);
