import { type Access, address, bearerIdentity, type Identity } from "#shared/adapters/kubernetes/endpoint.ts";
import { jsonIn, secretEndpoint } from "#shared/adapters/kubernetes/secret-endpoint.ts";
import type { SecretReader } from "#shared/adapters/secrets.ts";
import type { KubernetesAccess } from "#shared/domain/registry.ts";

type TokenAccess = Extract<KubernetesAccess, { readonly by: "token" }>;

/** A bearer token out of a secret, usually of a ServiceAccount. */
export function secretToken({ server, caData, tokenSecret }: TokenAccess, cluster: string, secrets: SecretReader): Access {
  const at = address(server, caData, `cluster ${cluster}: access.server and access.caData`);
  return {
    endpoint: secretEndpoint(secrets, tokenSecret, ["refused"], (text) => ({ ...at, identity: tokenIn(text, cluster) })),
    advice: {
      unauthorized: `put a valid token into the secret that access.tokenSecret names (${tokenSecret})`,
      forbidden: "bind it to the token's user or group",
      certificate: "it does not fit access.caData",
      unreachable: "is access.server right, and does the function's network reach it?",
    },
  };
}

/** `{"token": "..."}` or the bare token. */
export function tokenIn(secret: string, cluster: string): Identity {
  const where = `the token secret of cluster ${cluster}, which must be {"token": "..."} or a bare token,`;
  return bearerIdentity(secret.startsWith("{") ? jsonIn(secret)?.["token"] : secret, where);
}
