import { type Access, address, clientIdentity } from "#shared/adapters/kubernetes/endpoint.ts";
import { jsonIn, secretEndpoint } from "#shared/adapters/kubernetes/secret-endpoint.ts";
import type { SecretReader } from "#shared/adapters/secrets.ts";
import { PipelineError } from "#shared/domain/error.ts";
import type { KubernetesAccess } from "#shared/domain/registry.ts";

type CertificateAccess = Extract<KubernetesAccess, { readonly by: "certificate" }>;

/** A client certificate out of a secret: JSON {"certificate": "<PEM>", "key": "<PEM>"}. */
export function clientCertificate(access: CertificateAccess, cluster: string, secrets: SecretReader): Access {
  const { server, caData, certificateSecret } = access;
  const at = address(server, caData, `cluster ${cluster}: access.server and access.caData`);
  const where = `the certificate secret of cluster ${cluster}`;
  return {
    endpoint: secretEndpoint(secrets, certificateSecret, ["refused"], (text) => {
      const { certificate, key } = jsonIn(text) ?? {};
      if (typeof certificate !== "string" || typeof key !== "string")
        throw new PipelineError("config_invalid", `${where} must be JSON {"certificate": "<PEM>", "key": "<PEM>"}`);
      return { ...at, identity: clientIdentity(certificate, key, where) };
    }),
    advice: {
      unauthorized: `put a client certificate that has not ended, of the cluster's client CA, into the secret that access.certificateSecret names (${certificateSecret})`,
      forbidden: "bind it to the certificate's common name (user) or organisation (group)",
      certificate: "it does not fit access.caData",
      unreachable: "is access.server right, and does the function's network reach it?",
    },
  };
}
