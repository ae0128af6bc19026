import { CreateSecretCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { PutParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { describe, expect, test } from "vitest";
import { secretReader } from "#shared/adapters/secrets.ts";

const endpoint = process.env["AWS_ENDPOINT_URL"];
const signal = new AbortController().signal;

describe.skipIf(endpoint === undefined)("secrets, with AWS_ENDPOINT_URL set to the emulator's", () => {
  const name = `contract-${process.pid}`;

  test("an encrypted parameter is read", async () => {
    await new SSMClient().send(new PutParameterCommand({ Name: `/${name}`, Value: "https://hooks.test/1", Type: "SecureString" }));
    expect(await secretReader().read(`ssm:/${name}`, signal)).toBe("https://hooks.test/1");
  });

  test("a secret is read", async () => {
    await new SecretsManagerClient().send(new CreateSecretCommand({ Name: name, SecretString: '{"token": "t"}' }));
    expect(await secretReader().read(`secretsmanager:${name}`, signal)).toBe('{"token": "t"}');
  });

  test.each(["ssm:/nobody", "secretsmanager:nobody"])("%s, which is not there, is rejected and says its name", async (ref) => {
    const answer = secretReader().read(ref, signal);
    await expect(answer).rejects.toMatchObject({ code: "aws_rejected", message: expect.stringContaining(ref) });
  });
});
