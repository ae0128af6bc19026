import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { SECRET_CLIENT, type SecretClients } from "#shared/adapters/secret-clients.ts";

export function managedSecret(): SecretClients["secret"] {
  const client = new SecretsManagerClient(SECRET_CLIENT);
  return async (SecretId, abortSignal) => (await client.send(new GetSecretValueCommand({ SecretId }), { abortSignal })).SecretString;
}
