import { readFileSync } from "node:fs";
import { get } from "node:https";
import { CreateAccessEntryCommand, DeleteAccessEntryCommand, EKSClient } from "@aws-sdk/client-eks";
import { CreateFunctionCommand, InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { kubernetesApiOpener } from "#shared/adapters/cluster-access-kubernetes.ts";
import { clusterSessions } from "#shared/adapters/cluster-sessions.ts";
import { iamToken } from "#shared/adapters/kubernetes/iam-token.ts";
import type { Cluster } from "#shared/domain/registry.ts";
import { POD } from "#shared/playbooks/kubernetes/kinds.ts";
import { GROUPS } from "../../infra/api-servers.ts";
import { createEksCluster, eksName } from "../../lab/lab.ts";
import { ecsCluster, never } from "../playbooks/builders.ts";
import { zipOf } from "./zip.ts";

interface Plane {
  readonly server: string;
  readonly caData: string;
  readonly tokenWebhook: string | null;
}

const endpoint = process.env["AWS_ENDPOINT_URL"] ?? "";
const region = process.env["AWS_REGION"] ?? "";
const file = process.env["FALCO_RESPONDER_TEST_KUBE"];
const plane = file === undefined ? null : ({ tokenWebhook: null, ...JSON.parse(readFileSync(file, "utf8")) } as Plane);
const tokenWebhook = plane?.tokenWebhook ?? null;

interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

// What only a real API server can say: who it takes a function for, and what its RBAC, as shipped, lets that one do.
describe.skipIf(endpoint === "" || plane === null || tokenWebhook === null)(
  "a control plane that is an EKS cluster of the local AWS",
  () => {
    const { server, caData } = plane ?? { server: "", caData: "" };
    const name = eksName("iam-access");
    const cluster: Cluster = { ...ecsCluster, name: "orders", kind: "eks", account: "000000000000", region, awsName: name };
    const eks = new EKSClient({ region });
    let leave = (): Promise<void> => Promise.resolve();

    /** A function, and the credentials that it finds. Its role has a path, which its session does not show. */
    const credentialsOf = async (key: string): Promise<Credentials> => {
      const lambda = new LambdaClient({ region });
      const FunctionName = `${name}-${key}`;
      const handler =
        "export const handler = () => ({ accessKeyId: process.env.AWS_ACCESS_KEY_ID, secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY });";
      const Code = { ZipFile: zipOf("index.mjs", handler) };
      await lambda.send(
        new CreateFunctionCommand({ FunctionName, Runtime: "nodejs24.x", Role: roleOf(key), Handler: "index.handler", Code }),
      );
      const { Payload } = await lambda.send(new InvokeCommand({ FunctionName }));
      return JSON.parse(Buffer.from(Payload ?? []).toString("utf8")) as Credentials;
    };
    const roleOf = (key: string): string => `arn:aws:iam::000000000000:role/ops/${name}-${key}`;
    const letIn = (principalArn: string, group: string) =>
      eks.send(new CreateAccessEntryCommand({ clusterName: name, principalArn, type: "STANDARD", kubernetesGroups: [group] }));
    /** The deployed way to it, as a function with these credentials has it. */
    const opened = ({ accessKeyId, secretAccessKey }: Credentials, over: Partial<Cluster> = {}) => {
      vi.stubEnv("AWS_ACCESS_KEY_ID", accessKeyId);
      vi.stubEnv("AWS_SECRET_ACCESS_KEY", secretAccessKey);
      return kubernetesApiOpener(
        { read: () => Promise.reject(new Error("no secret is read")) },
        clusterSessions(),
      )({ ...cluster, ...over });
    };
    const pods = async (credentials: Credentials, over: Partial<Cluster> = {}) =>
      (await opened(credentials, over)).list(POD, { namespace: "default" }, never);
    const statusFor = (token: string): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const ca = Buffer.from(caData, "base64");
        const headers = { authorization: `Bearer ${token}` };
        get(`${server}/api/v1/namespaces/default/pods`, { ca, headers }, (answer) => {
          answer.resume();
          resolve(answer.statusCode);
        }).once("error", reject);
      });

    let respond: Credentials;
    let sweep: Credentials;
    let stranger: Credentials;
    beforeAll(async () => {
      leave = await createEksCluster({ endpoint, region }, name, { server, caData, tokenWebhook: tokenWebhook ?? "" });
      respond = await credentialsOf("respond-kubernetes");
      sweep = await credentialsOf("sweep");
      stranger = await credentialsOf("stranger");
      await letIn(roleOf("respond-kubernetes"), GROUPS["respond-kubernetes"]);
      await letIn(roleOf("sweep"), GROUPS.sweep);
    });
    afterEach(() => vi.unstubAllEnvs());
    afterAll(() => leave());

    test("a function is let in as its own role, to which the shipped RBAC gives what the group of its access entry may", async () => {
      expect(await pods(respond)).toEqual(expect.any(Array));
      expect(await pods(sweep)).toEqual(expect.any(Array));
    });

    test("what only the responder may is refused to sweep by RBAC, and the operator is told what to bind", async () => {
      const gone = { namespace: "default", name: "nobody", uid: "00000000-0000-0000-0000-000000000000" };
      const byResponder = (await opened(respond)).delete(POD, gone, { graceSeconds: 1 }, never);
      expect(await byResponder).toMatchObject({ kind: "gone" });
      const bySweep = (await opened(sweep)).delete(POD, gone, { graceSeconds: 1 }, never);
      await expect(bySweep).rejects.toMatchObject({
        code: "kube_forbidden",
        message: expect.stringMatching(/infra\/rbac\/.*give the access entry of .* the Kubernetes group falco-responder/),
      });
    });

    test("a role without an access entry is told what is missing; with one it is let in", async () => {
      await expect(pods(stranger)).rejects.toMatchObject({
        code: "kube_unauthorized",
        message: expect.stringContaining(`EKS cluster ${name} in ${region} needs an access entry`),
      });
      await letIn(roleOf("stranger"), GROUPS.sweep);
      // Another second, another token: what the API server remembers of the first is nobody's.
      await new Promise((later) => setTimeout(later, 2_100));
      expect(await pods(stranger)).toEqual(expect.any(Array));
      await eks.send(new DeleteAccessEntryCommand({ clusterName: name, principalArn: roleOf("stranger") }));
    });

    test("a role of the cluster's account is let in when it is taken, whoever takes it", async () => {
      const roleArn = `arn:aws:iam::000000000000:role/security/${name}-member`;
      await letIn(roleArn, GROUPS["respond-kubernetes"]);
      expect(await pods(stranger, { roleArn, externalId: "7f1c2d" })).toEqual(expect.any(Array));
    });

    test("a token is for the cluster that it names, by the key that it names", async () => {
      const token = async (clusterId: string, credentials: Credentials) =>
        (await iamToken(clusterId, region, credentials, Date.now())).value;
      expect(await statusFor(await token(name, respond))).toBe(200);
      expect(await statusFor(await token(`${name}-other`, respond))).toBe(401);
      expect(await statusFor(await token(name, { ...respond, secretAccessKey: "another" }))).toBe(401);
      expect(await statusFor((await iamToken(name, region, respond, Date.now() - 16 * 60_000)).value)).toBe(401);
    });
  },
);
