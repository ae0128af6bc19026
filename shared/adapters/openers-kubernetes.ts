import { userFunctionsOpener } from "#shared/adapters/cluster-access-functions.ts";
import { kubernetesPodsOpener } from "#shared/adapters/cluster-access-kubernetes.ts";
import type { SecretReader } from "#shared/adapters/secrets.ts";
import type { ClusterAccess } from "#shared/ports/cluster-access.ts";

/** What respond-kubernetes reaches: pods, and functions of yours. */
export const kubernetesOpeners = (secrets: SecretReader) =>
  ({ pods: kubernetesPodsOpener(secrets), functions: userFunctionsOpener() }) satisfies Partial<ClusterAccess>;
