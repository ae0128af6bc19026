import { describe, expect, test } from "vitest";
import { iamToken, stsHost } from "#shared/adapters/kubernetes/iam-token.ts";

const credentials = {
  accessKeyId: "AKIDEXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
  sessionToken: "session+/=token",
};
const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);

const decoded = (token: string) => new URL(Buffer.from(token.slice("k8s-aws-v1.".length), "base64url").toString("utf8"));

describe("an IAM token", () => {
  test("is a presigned GetCallerIdentity with exactly what the server takes, bound to the cluster by a signed header", async () => {
    const { value } = await iamToken("prod", "eu-west-1", credentials, NOW);
    expect(value).toMatch(/^k8s-aws-v1\.[A-Za-z0-9_-]+$/);
    expect(value.length).toBeLessThanOrEqual(4_096);
    const url = decoded(value);
    expect(url.origin + url.pathname).toBe("https://sts.eu-west-1.amazonaws.com/");
    expect(Object.fromEntries(url.searchParams)).toEqual({
      Action: "GetCallerIdentity",
      Version: "2011-06-15",
      "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
      "X-Amz-Credential": "AKIDEXAMPLE/20260102/eu-west-1/sts/aws4_request",
      "X-Amz-Date": "20260102T030405Z",
      "X-Amz-Expires": "60",
      "X-Amz-Security-Token": "session+/=token",
      "X-Amz-SignedHeaders": "host;x-k8s-aws-id",
      "X-Amz-Signature": expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  test("of credentials without a session names none", async () => {
    const { accessKeyId, secretAccessKey } = credentials;
    const { value } = await iamToken("prod", "eu-west-1", { accessKeyId, secretAccessKey }, NOW);
    expect([...decoded(value).searchParams.keys()]).not.toContain("X-Amz-Security-Token");
  });

  test("of another cluster, region or second has another signature, and the same one is the same", async () => {
    const signature = async (cluster: string, region: string, nowMs: number) =>
      decoded((await iamToken(cluster, region, credentials, nowMs)).value).searchParams.get("X-Amz-Signature");
    const one = await signature("prod", "eu-west-1", NOW);
    expect(await signature("prod", "eu-west-1", NOW)).toBe(one);
    expect(await signature("prod2", "eu-west-1", NOW)).not.toBe(one);
    expect(await signature("prod", "eu-west-2", NOW)).not.toBe(one);
    expect(await signature("prod", "eu-west-1", NOW + 1_000)).not.toBe(one);
  });

  test("is renewed after 10 minutes, and before its session ends", async () => {
    const until = async (expiration?: Date) =>
      (await iamToken("prod", "eu-west-1", { ...credentials, ...(expiration && { expiration }) }, NOW)).untilMs - NOW;
    expect(await until()).toBe(600_000);
    expect(await until(new Date(NOW + 3_600_000))).toBe(600_000);
    expect(await until(new Date(NOW + 300_000))).toBe(240_000);
  });

  test("that is longer than the server takes is refused here", async () => {
    const long = { ...credentials, sessionToken: "x".repeat(3_500) };
    await expect(iamToken("prod", "eu-west-1", long, NOW)).rejects.toMatchObject({ code: "config_invalid" });
    expect((await iamToken("prod", "eu-west-1", { ...credentials, sessionToken: "x".repeat(2_400) }, NOW)).value.length).toBeLessThan(
      4_096,
    );
  });
});

test.each([
  ["us-east-1", "sts.us-east-1.amazonaws.com"],
  ["us-gov-west-1", "sts.us-gov-west-1.amazonaws.com"],
  ["cn-northwest-1", "sts.cn-northwest-1.amazonaws.com.cn"],
  ["us-iso-east-1", "sts.us-iso-east-1.c2s.ic.gov"],
  ["us-isob-east-1", "sts.us-isob-east-1.sc2s.sgov.gov"],
  ["eusc-de-east-1", "sts.eusc-de-east-1.amazonaws.eu"],
])("STS of %s is %s", (region, host) => {
  expect(stsHost(region)).toBe(host);
});
