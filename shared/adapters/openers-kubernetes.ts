import { userFunctionsOpener } from "#shared/adapters/cluster-access-functions.ts";
import { kubernetesApiOpener } from "#shared/adapters/cluster-access-kubernetes.ts";
import { clusterSessions } from "#shared/adapters/cluster-sessions.ts";
import type { SecretReader } from "#shared/adapters/secrets.ts";
import type { ClusterAccess } from "#shared/ports/cluster-access.ts";

/** What respond-kubernetes reaches: API servers, and functions of yours. */
export const kubernetesOpeners = (secrets: SecretReader, sessions = clusterSessions()) =>
  ({
    kubernetes: kubernetesApiOpener(secrets, sessions),
    functions: userFunctionsOpener(),
  }) satisfies Partial<ClusterAccess>;
