import { createHash } from "node:crypto";
import { S3Client } from "@aws-sdk/client-s3";
import { expect, test } from "vitest";
import { s3Archive } from "#shared/adapters/archive.ts";
import { type Answer, awsDouble } from "./aws-double.ts";

const signal = new AbortController().signal;
const error = (status: number, code: string): Answer => ({
  status,
  headers: { "content-type": "application/xml" },
  body: `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>no</Message></Error>`,
});
const DONE: Answer = { status: 200, body: "" };

/** S3 that gives these answers in turn, the last again and again. */
const s3 = (...answers: readonly Answer[]) => {
  let nth = 0;
  return awsDouble(() => answers[Math.min(nth++, answers.length - 1)] ?? DONE);
};
const archiveOn = (double: Awaited<ReturnType<typeof s3>>) => s3Archive("bucket", new S3Client({ ...double.config, forcePathStyle: true }));

test("an object is put only where none stands, with the checksum of its body", async () => {
  await using double = await s3(DONE);
  const { sha256 } = await archiveOn(double).put("unreadable/a.jsonl", "caf\u00e9\n", "application/x-ndjson", signal);
  expect(sha256).toBe(createHash("sha256").update("caf\u00e9\n").digest("hex"));
  expect(double.asked[0]).toMatchObject({
    method: "PUT",
    url: expect.stringContaining("/bucket/unreadable/a.jsonl"),
    headers: {
      "if-none-match": "*",
      "content-type": "application/x-ndjson",
      "x-amz-checksum-sha256": Buffer.from(sha256, "hex").toString("base64"),
    },
    body: "caf\u00e9\n",
  });
});

test("a key that exists is done: the same batch was kept before", async () => {
  await using double = await s3(error(412, "PreconditionFailed"));
  await expect(archiveOn(double).put("k", "b", "text/plain", signal)).resolves.toMatchObject({ sha256: expect.any(String) });
});

test("two writers at one moment: S3 asks to try again, and we do", async () => {
  await using double = await s3(error(409, "ConditionalRequestConflict"), DONE);
  await archiveOn(double).put("k", "b", "text/plain", signal);
  expect(double.asked).toHaveLength(2);
});

test.each([
  [403, "AccessDenied", "aws_denied", false],
  [503, "SlowDown", "aws_throttled", true],
  [500, "InternalError", "aws_unreachable", true],
])("%i %s rejects", async (status, name, code, retryable) => {
  await using double = await s3(error(status, name));
  await expect(archiveOn(double).put("k", "b", "text/plain", signal)).rejects.toMatchObject({ code, retryable });
});
