import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { resolveTaskNeeds } from "#shared/playbooks/ecs/resolve.ts";
import { playbooks } from "#shared/playbooks/index.ts";
import { resolvePodNeeds } from "#shared/playbooks/kubernetes/resolve.ts";
import type { Needs } from "#shared/playbooks/playbook.ts";
import { lookAtEcs, stopTasks } from "../../infra/ecs-rights.ts";
import { ecsCluster } from "./builders.ts";

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

const needs: readonly Needs[] = [resolveTaskNeeds, resolvePodNeeds, ...Object.values(playbooks).map((playbook) => playbook.needs)];

/** One line per single right, so that too few and too many both show. */
const single = (rules: readonly Rule[]): readonly string[] => [
  ...new Set(
    rules.flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) => resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}/${resource}`))),
    ),
  ),
];

test("the shipped ClusterRole has the rights that stand beside the playbooks, and no more", () => {
  const documents = parseAllDocuments(readFileSync(new URL("../../infra/rbac/terminate.yaml", import.meta.url), "utf8"));
  const roles = documents
    .map((document) => document.toJS() as { kind: string; rules?: readonly Rule[] })
    .filter(({ kind }) => /Role$/.test(kind));
  expect(roles).toHaveLength(1);
  expect([...single(roles.flatMap(({ rules }) => rules ?? []))].sort()).toEqual([...single(needs.flatMap(({ rbac }) => rbac))].sort());
});

test("the statements for ECS have the rights that stand beside the playbooks, on the same kind of resource, and no more", () => {
  const allowed = [...lookAtEcs([ecsCluster]), ...stopTasks([ecsCluster])]
    .filter(({ Effect }) => Effect === "Allow")
    .flatMap(({ Action, Resource }) => {
      const kind = /:ecs:eu-west-1:111122223333:([a-z-]+)\/shop/.exec(JSON.stringify(Resource))?.[1] ?? JSON.stringify(Resource);
      return [Action].flat().map((action) => `${action} on ${kind}`);
    });
  const needed = needs.flatMap(({ iam }) => iam.flatMap(({ actions, on }) => actions.map((action) => `${action} on ${on}`)));
  expect([...new Set(allowed)].sort()).toEqual([...new Set(needed)].sort());
});
