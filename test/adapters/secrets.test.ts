import { describe, expect, test } from "vitest";
import { clusterAccess } from "#shared/adapters/cluster-access.ts";
import { ecsTasksOpener } from "#shared/adapters/cluster-access-ecs.ts";
import { kubernetesApiOpener } from "#shared/adapters/cluster-access-kubernetes.ts";
import { clusterSessions } from "#shared/adapters/cluster-sessions.ts";
import { tokenIn } from "#shared/adapters/kubernetes/secret-token.ts";
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

describe("a token", () => {
  test("stands alone or in JSON", () => {
    expect(tokenIn("abc.def", "k")).toBe("abc.def");
    expect(tokenIn('{"token": "abc.def"}', "k")).toBe("abc.def");
  });

  test.each(['{"token": 7}', '{"tokens": "a"}', "{", '{"token": ""}', "a\nb", "a b", '{"token": "a\\r\\nX: y"}'])(
    "%j is none, and is not shown",
    (secret) => {
      expect(() => tokenIn(secret, "k")).toThrow(expect.objectContaining({ code: "config_invalid" }));
      expect(() => tokenIn(secret, "kube")).toThrow('the token secret of cluster kube holds neither {"token": "..."} nor a bare token');
    },
  );
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

  test("of Kubernetes needs an address that is encrypted and a CA; it is opened once", async () => {
    const open = kubernetesApiOpener(reader().secrets, clusterSessions());
    const access = { by: "token" as const, server: "https://127.0.0.1:1", caData: btoa("-----BEGIN CERTIFICATE-----"), tokenSecret: "t" };
    await expect(open({ ...kubeCluster, name: "a" })).rejects.toMatchObject({ code: "config_invalid" });
    await expect(open({ ...kubeCluster, name: "b", access: { ...access, server: "http://127.0.0.1:1" } })).rejects.toThrow("https://");
    await expect(open({ ...kubeCluster, name: "c", access: { ...access, caData: "" } })).rejects.toThrow("caData");
    await expect(open({ ...kubeCluster, name: "d", access: { ...access, caData: "not PEM" } })).rejects.toThrow("caData");
    expect(await open({ ...kubeCluster, access })).toBe(await open({ ...kubeCluster, access }));
  });
});
