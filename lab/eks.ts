import type { Aws } from "./aws.ts";
import { type KubernetesWay, LAB, storeKubernetesToken } from "./config.ts";
import { joinCluster } from "./control-plane/token-webhook.ts";
import type { Emulator } from "./emulator/emulator.ts";

/** An API server that a local AWS is to know as an EKS cluster. */
export interface EksBackend {
  readonly server: string;
  /** PEM in base64. */
  readonly caData: string;
  /** Of the control plane. */
  readonly tokenWebhook: string;
}

/** A name that no other local AWS has for the same API server: a token is for one name only. */
export const eksName = (stem: string): string => `${stem}-${process.pid}-${Date.now().toString(36)}`;

/**
 * Makes the control plane an EKS cluster of the local AWS: EKS describes it, and it lets in whose access entry EKS has. Returns how to undo the
 * second, for when the local AWS ends. Asked without an SDK, which would leave out the keys that only the patched emulator knows.
 */
export async function createEksCluster(
  { endpoint, region }: Pick<Emulator, "endpoint" | "region">,
  name: string,
  { server, caData, tokenWebhook }: EksBackend,
): Promise<() => Promise<void>> {
  const answer = await fetch(`${endpoint}/clusters`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      // The emulator routes by the scope and verifies no signature.
      authorization: `AWS4-HMAC-SHA256 Credential=test/20260101/${region}/eks/aws4_request, SignedHeaders=host, Signature=0`,
    },
    body: JSON.stringify({
      name,
      accessConfig: { authenticationMode: "API", bootstrapClusterCreatorAdminPermissions: false },
      endpoint: server,
      certificateAuthority: { data: caData },
    }),
  });
  if (!answer.ok) throw new Error(`EKS cluster ${name} is not made (${answer.status}): ${await answer.text()}`);
  return await joinCluster(tokenWebhook, { name, endpoint, region });
}

export interface Reachable {
  /** For falco-responder.yml. */
  readonly way: KubernetesWay;
  /** For when the local AWS ends. */
  leave(): Promise<void>;
}

/** As EKS by IAM; a named cluster knows no IAM and gets the token of its ServiceAccount into the local Secrets Manager. */
export async function reachable(
  emulator: Pick<Emulator, "endpoint" | "region">,
  aws: Aws,
  plane: { readonly server: string; readonly caData: string; readonly token: string; readonly tokenWebhook: string | null },
): Promise<Reachable> {
  const { server, caData, token, tokenWebhook } = plane;
  if (tokenWebhook === null) {
    await storeKubernetesToken(aws, token);
    return { way: { server, caData }, leave: () => Promise.resolve() };
  }
  const eks = eksName(LAB.kubernetesCluster);
  return { way: { eks }, leave: await createEksCluster(emulator, eks, { server, caData, tokenWebhook }) };
}
