import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Loaded, loadConfig } from "../../packaging/config.ts";

/** Base64 of something that looks like a certificate in PEM. */
export const CA = Buffer.from("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n").toString("base64");

export const CONFIG = `version: 1
account: "111122223333"
region: eu-central-1
clusters:
  - name: shop
    kind: ecs
    logGroups:
      - name: /falco/shop
        create: true
  - name: pay
    kind: kubernetes
    logGroups:
      - name: /falco/pay
        streamPrefix: falco-
    access:
      server: https://kube.example:6443
      caData: ${CA}
      tokenSecret: secretsmanager:falco/pay
notifications:
  - name: team
    kind: sns
  - name: chat
    kind: slack
    urlSecret: ssm:/falco/slack
policy: policy.yml
`;

export const POLICY = `version: 1
mode: enforce
rules:
  - name: first
    match:
      rule: Terminal shell in container
      priority: ">= Notice"
      tags: [container]
      fields:
        proc.name: bash
      workload:
        service: web
    actions: [ecs:stop-task]
    notify: [team]
`;

/** Loads the two texts (and further files) from a folder of their own. */
export function load(config: string, policy: string, more: Readonly<Record<string, string>> = {}, account: string | null = null): Loaded {
  const folder = mkdtempSync(join(tmpdir(), "falco-responder-"));
  try {
    const files = { "falco-responder.yml": config, "policy.yml": policy, ...more };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    return loadConfig(join(folder, "falco-responder.yml"), { stage: "test", account });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** `text` with one place changed; a place that is not there is a mistake of the test. */
export function change(text: string, from: string, to: string): string {
  if (text.split(from).length !== 2) throw new Error(`"${from}" is not there exactly once`);
  return text.replace(from, () => to);
}

/** Problems as "line:column key: message; remedy", with the file's name in front. */
export const told = (loaded: Loaded): readonly string[] =>
  loaded.problems.map(
    ({ file, line, column, key, message, remedy, severity }) =>
      `${file.split("/").at(-1)}:${line}:${column} ${key}: ${severity === "warning" ? "warning: " : ""}${message}; ${remedy}`,
  );
