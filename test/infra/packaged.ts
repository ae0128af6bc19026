import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Resource, Value } from "../../infra/functions.ts";
import { packageService } from "../../scripts/package-check.ts";
import { unzip } from "./zip.ts";

export interface Packaged {
  readonly folder: string;
  readonly template: Template;
  /** By function key. */
  bundle(key: string): ReadonlyMap<string, Buffer>;
}

export interface Template {
  readonly Resources: Readonly<Record<string, Resource>>;
  readonly Conditions?: Readonly<Record<string, Value>>;
  readonly Outputs: Readonly<Record<string, Value>>;
}

/** The service as `serverless package` leaves it, for one stage and falco-responder.yml (default: the shipped one). */
export async function packaged(stage: string, config?: string): Promise<Packaged> {
  const folder = `.build/test-package-${stage}`;
  rmSync(folder, { recursive: true, force: true });
  const { code, output } = await packageService({ stage, out: folder, ...(config === undefined ? {} : { config }) });
  if (code !== 0) throw new Error(`serverless package ended with ${code}:\n${output}`);
  const template: Template = JSON.parse(readFileSync(join(folder, "cloudformation-template-update-stack.json"), "utf8"));
  return { folder, template, bundle: (key) => unzip(join(folder, `${key}.zip`)) };
}

/** Resources of one type, by logical id. */
export const ofType = (template: Template, type: string): readonly (readonly [string, Resource])[] =>
  Object.entries(template.Resources).filter(([, { Type }]) => Type === type);
