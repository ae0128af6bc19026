import { describe, expect, test } from "vitest";
import { clusterAccess } from "#shared/adapters/cluster-access.ts";
import { ecsTasksOpener } from "#shared/adapters/cluster-access-ecs.ts";
import { kubernetesApiOpener } from "#shared/adapters/cluster-access-kubernetes.ts";
import { clusterSessions } from "#shared/adapters/cluster-sessions.ts";
import type { SecretClients } from "#shared/adapters/secret-clients.ts";
import { secretReader } from "#shared/adapters/secrets.ts";
import { ecsCluster, kubeCluster, never } from "../playbooks/builders.ts";

function reader(value: string | undefined = " s3cret\n") {
  const asked: string[] = [];
  let now = 0;
  const answer = (what: string) => (name: string) => {
    asked.push(`${what} ${name}`);
    return Promise.resolve(value);
  };
  const clients: SecretClients = { parameter: answer("parameter"), secret: answer("secret") };
  return { secrets: secretReader(clients, () => now), asked, later: (ms: number) => (now += ms) };
}

describe("a secret", () => {
  test("is read from the store that its reference names, without blanks around it", async () => {
    const { secrets, asked } = reader();
    expect(await secrets.read("ssm:/falco/slack", never)).toBe("s3cret");
    expect(await secrets.read("secretsmanager:kube/token", never)).toBe("s3cret");
    expect(asked).toEqual(["parameter /falco/slack", "secret kube/token"]);
  });

  test("is kept for ten minutes, unless it is asked for afresh", async () => {
    const { secrets, asked, later } = reader();
    await secrets.read("ssm:/a", never);
    await secrets.read("ssm:/a", never);
    expect(asked).toHaveLength(1);
    await secrets.read("ssm:/a", never, "fresh");
    expect(asked).toHaveLength(2);
    later(600_001);
    await secrets.read("ssm:/a", never);
    expect(asked).toHaveLength(3);
  });

  test.each(["https://hooks.example", "ssm:", "vault:/a", "", "ssm:/a b"])("%j names none", async (ref) => {
    await expect(reader().secrets.read(ref, never)).rejects.toMatchObject({ code: "config_invalid" });
  });

  test.each([undefined, "", "  "])("that is %j is an error and is not kept", async (value) => {
    const clients: SecretClients = { parameter: () => Promise.resolve(value), secret: () => Promise.resolve(value) };
    const secrets = secretReader(clients, () => 0);
    await expect(secrets.read("ssm:/a", never)).rejects.toMatchObject({ code: "config_invalid" });
  });
});

describe("access to a cluster", () => {
  test("of a kind that the function is not made for is refused", async () => {
    await expect(clusterAccess({ tasks: ecsTasksOpener() }).kubernetes(kubeCluster)).rejects.toMatchObject({ code: "config_invalid" });
    await expect(
      clusterAccess({ kubernetes: kubernetesApiOpener(reader().secrets, clusterSessions()) }).tasks(ecsCluster),
    ).rejects.toMatchObject({
      code: "config_invalid",
    });
    expect(await clusterAccess({ tasks: ecsTasksOpener() }).tasks(ecsCluster)).toBeDefined();
  });
});
