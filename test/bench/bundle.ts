import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build, type Format } from "esbuild";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Options of the deployed bundles: infra/esbuild.json, which serverless.yml reads. */
interface Deployed {
  readonly format: Format;
  readonly target: string;
  readonly mainFields: string[];
  readonly conditions: string[];
  readonly minifySyntax: boolean;
  readonly minifyWhitespace: boolean;
  readonly minifyIdentifiers: boolean;
  readonly charset: "utf8";
  readonly banner: { readonly js: string };
}

const deployed = JSON.parse(readFileSync(join(root, "infra/esbuild.json"), "utf8")) as Deployed;

/** Bundles one entry as it is deployed; returns the file's path. `contents` replaces the file by a module that stands in the repository's root. */
export async function bundle(name: string, entry: { readonly file: string } | { readonly contents: string }): Promise<string> {
  const outfile = join(mkdtempSync(join(tmpdir(), "falco-responder-bench-")), `${name}.mjs`);
  const options: BuildOptions = {
    bundle: true,
    platform: "node",
    target: deployed.target,
    format: deployed.format,
    mainFields: deployed.mainFields,
    conditions: deployed.conditions,
    minifySyntax: deployed.minifySyntax,
    minifyWhitespace: deployed.minifyWhitespace,
    minifyIdentifiers: deployed.minifyIdentifiers,
    charset: deployed.charset,
    legalComments: "none",
    banner: { js: deployed.banner.js },
    absWorkingDir: root,
    outfile,
    logLevel: "error",
    ...("file" in entry
      ? { entryPoints: [entry.file] }
      : { stdin: { contents: entry.contents, resolveDir: root, sourcefile: `${name}.ts`, loader: "ts" } }),
  };
  await build(options);
  return outfile;
}

/** The middle value; of an even number of values the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  const [low, high] = [sorted[half - 1] ?? Number.NaN, sorted[half] ?? Number.NaN];
  return sorted.length % 2 === 1 ? high : (low + high) / 2;
}
