import { kubernetesApi } from "#shared/adapters/kubernetes/api.ts";
import type { KubernetesApi } from "#shared/ports/kubernetes.ts";

/** The control plane that FALCO_RESPONDER_TEST_KUBE names: written by test/lab-setup.ts. */
export interface TestKube {
  readonly server: string;
  /** PEM in base64. */
  readonly caData: string;
  /** The responder's: exactly the shipped rights. */
  readonly token: string;
  readonly adminToken: string;
}

export const openTestKube = ({ server, caData }: TestKube, token: string): KubernetesApi =>
  kubernetesApi({ cluster: "test", server, caData, token: () => Promise.resolve(token) });
