import { type Playbook, refused } from "#shared/playbooks/playbook.ts";

/** Being built on its own branch. */
export const label: Playbook = {
  name: "kubernetes:label",
  needs: { iam: [], look: [], rbac: [] },
  plan: () => refused("kubernetes:label is not built yet"),
  execute: () => Promise.reject(new Error("not built")),
  verify: () => Promise.reject(new Error("not built")),
  undo: { possible: false, because: "not built" },
};
