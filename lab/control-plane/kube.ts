import { readFileSync } from "node:fs";
import { KubeConfig, type KubernetesObject, KubernetesObjectApi, loadAllYaml, PatchStrategy } from "@kubernetes/client-node";

/** A client's configuration from its parts. The server's certificate is always verified. */
export function kubeConfig(server: string, caData: string, token: string): KubeConfig {
  const config = new KubeConfig();
  config.loadFromClusterAndUser({ name: "lab", server, caData, skipTLSVerify: false }, { name: "lab", token });
  return config;
}

/** Server-side apply: the same twice changes nothing. */
export async function apply(config: KubeConfig, objects: readonly KubernetesObject[]): Promise<void> {
  const client = KubernetesObjectApi.makeApiClient(config);
  for (const object of objects)
    await client.patch(object, undefined, undefined, "falco-responder-lab", true, PatchStrategy.ServerSideApply);
}

export const manifests = (path: string): KubernetesObject[] => loadAllYaml(readFileSync(path, "utf8"));
