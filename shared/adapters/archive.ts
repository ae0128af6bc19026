import { hash } from "node:crypto";
import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { askAws } from "#shared/adapters/aws-error.ts";
import type { Archive, ArchiveReader } from "#shared/ports/archive.ts";

/** Another write of the same key at the same moment: S3 asks to try again. */
const ATTEMPTS = 4;

export const s3Client = (): S3Client =>
  new S3Client({ maxAttempts: 4, requestHandler: { connectionTimeout: 1_000, requestTimeout: 10_000, throwOnRequestTimeout: true } });

/**
 * A bucket to which objects are only added. A key that exists is left as it is: keys follow from their content or its batch.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
 */
export function s3Archive(bucket: string, client: S3Client = s3Client()): Archive {
  return {
    async put(key, body, contentType, abortSignal) {
      const bytes = Buffer.from(body);
      const sha256 = hash("sha256", bytes, "hex");
      const command = new PutObjectCommand({
        Bucket: bucket,
        Key: key,
        Body: bytes,
        ContentType: contentType,
        ChecksumSHA256: Buffer.from(sha256, "hex").toString("base64"),
        IfNoneMatch: "*",
      });
      await askAws("S3 PutObject", async () => {
        for (let attempt = 1; ; attempt++) {
          try {
            await client.send(command, { abortSignal });
            return;
          } catch (thrown) {
            if (named(thrown, "PreconditionFailed")) return;
            if (!named(thrown, "ConditionalRequestConflict") || attempt === ATTEMPTS) throw thrown;
          }
        }
      });
      return { sha256 };
    },
  };
}

/** A bucket that is read by key. */
export const s3Reader = (bucket: string, client: S3Client = s3Client()): ArchiveReader => ({
  get: (key, abortSignal) =>
    askAws("S3 GetObject", async () => {
      try {
        const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }), { abortSignal });
        return Body === undefined ? null : await Body.transformToByteArray();
      } catch (thrown) {
        if (named(thrown, "NoSuchKey") || named(thrown, "AccessDenied")) return null;
        throw thrown;
      }
    }),
});

const named = (thrown: unknown, name: string): boolean => thrown instanceof Error && thrown.name === name;
