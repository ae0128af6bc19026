import { expect, test } from "vitest";
import { iamToken } from "#shared/adapters/kubernetes/iam-token.ts";
import { canonicalArn, readToken, withoutPath } from "../../lab/control-plane/iam-token.ts";

const NOW = Date.parse("2026-03-01T12:00:00Z");
const credentials = { accessKeyId: "AKIAOWN", secretAccessKey: "s" };
/** As the responder makes it. */
const { value: token } = await iamToken("orders", "eu-central-1", credentials, NOW);
const url = Buffer.from(token.slice("k8s-aws-v1.".length), "base64url").toString("utf8");
const tokenOf = (text: string): string => `k8s-aws-v1.${Buffer.from(text).toString("base64url")}`;
const changed = (from: string | RegExp, to: string): string => {
  const other = url.replace(from, to);
  if (other === url) throw new Error(`${String(from)} is not in ${url}`);
  return tokenOf(other);
};
const read = (given: string, now = NOW) => readToken(given, now);

test("the responder's own token is taken, and says by whose key", () => {
  expect(read(token)).toMatchObject({ ok: true, accessKeyId: "AKIAOWN" });
  expect(tokenOf(url)).toBe(token);
});

test.each<[string, string, string, string]>([
  ["of another version", token.replace("v1", "v2"), "missing expected", token],
  ["that is padded", `${tokenOf(url)}==`, "illegal base64 data", tokenOf(url)],
  ["in the other base64 alphabet", `${token}+/`, "illegal base64 data", token],
  ["that is too large", tokenOf(`${url}&x=${"y".repeat(4_096)}`), "token is too large", token],
  ["that holds no URL", tokenOf("sts"), "no URL", token],
  ["in clear", changed("https://", "http://"), "unexpected scheme", changed("https://", "HTTPS://")],
  [
    "for another host",
    changed("sts.eu-central-1.amazonaws.com", "sts.eu-central-1.amazonaws.com.evil.example"),
    "unexpected hostname",
    changed("sts.eu-central-1.amazonaws.com", "sts.us-gov-west-1.amazonaws.com"),
  ],
  ["for another service", changed("https://sts.", "https://s3."), "unexpected hostname", changed("sts.eu-central-1", "sts.cn-north-1")],
  ["with a port", changed(".com/", ".com:8443/"), "unexpected hostname", changed(".com/", ".com:443/")],
  ["with somebody's name before the host", changed("https://", "https://sts@"), "unexpected hostname", token],
  ["with a path", changed(".com/?", ".com/assume?"), "unexpected path", changed(".com/?", ".com?")],
  ["with a parameter too many", tokenOf(`${url}&x-id=GetCallerIdentity`), 'non-whitelisted query parameter "x-id"', token],
  ["with a parameter twice", tokenOf(`${url}&Action=GetCallerIdentity`), "multiple values", token],
  [
    "with a parameter twice, differing in case",
    tokenOf(`${url}&action=GetCallerIdentity`),
    "multiple values",
    changed("Action=", "action="),
  ],
  ["for another action", changed("GetCallerIdentity", "AssumeRole"), "unexpected action", token],
  ["that does not sign the cluster's name", changed("%3Bx-k8s-aws-id", ""), "client did not sign the x-k8s-aws-id header", token],
  ["that signs a header called alike", changed("%3Bx-k8s-aws-id", "%3Bx-k8s-aws-id2"), "client did not sign", token],
  [
    "that is to hold longer than 15 minutes",
    changed("Expires=60", "Expires=901"),
    "invalid X-Amz-Expires",
    changed("Expires=60", "Expires=900"),
  ],
  ["that does not say how long it holds", changed(/X-Amz-Expires=60&?/, ""), "invalid X-Amz-Expires", changed("Expires=60", "Expires=0")],
  ["without a date", changed(/X-Amz-Date=[^&]*&?/, ""), "X-Amz-Date parameter must be present", token],
])("a token %s is refused; its twin is taken", (_title, given, because, twin) => {
  expect(read(given)).toEqual({ ok: false, because: expect.stringContaining(because) });
  expect(read(twin)).toMatchObject({ ok: true });
});

test("a token holds for 15 minutes, whatever it says itself", () => {
  expect(read(token, NOW + 900_000)).toMatchObject({ ok: true });
  expect(read(token, NOW + 900_001)).toEqual({ ok: false, because: expect.stringContaining("expired") });
});

test("a session is its role, without the session's name; whoever is no session stays who he is", () => {
  expect(canonicalArn("arn:aws:sts::111122223333:assumed-role/responder/falco@x")).toBe("arn:aws:iam::111122223333:role/responder");
  expect(canonicalArn("arn:aws-cn:sts::111122223333:assumed-role/responder/x")).toBe("arn:aws-cn:iam::111122223333:role/responder");
  expect(canonicalArn("arn:aws:iam::111122223333:user/anna")).toBe("arn:aws:iam::111122223333:user/anna");
  expect(withoutPath("arn:aws:iam::111122223333:role/ops/eu/responder")).toBe("arn:aws:iam::111122223333:role/responder");
  expect(withoutPath("arn:aws:iam::111122223333:role/responder")).toBe("arn:aws:iam::111122223333:role/responder");
});
