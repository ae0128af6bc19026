import { GetParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { SECRET_CLIENT, type SecretClients } from "#shared/adapters/secret-clients.ts";

export function ssmParameter(): SecretClients["parameter"] {
  const client = new SSMClient(SECRET_CLIENT);
  return async (Name, abortSignal) =>
    (await client.send(new GetParameterCommand({ Name, WithDecryption: true }), { abortSignal })).Parameter?.Value;
}
