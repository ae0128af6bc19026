import { type Playbook, refused } from "#shared/playbooks/playbook.ts";

/** Being built on its own branch. */
export const evict: Playbook = {
  name: "kubernetes:evict",
  needs: { iam: [], look: [], rbac: [] },
  plan: () => refused("kubernetes:evict is not built yet"),
  execute: () => Promise.reject(new Error("not built")),
  verify: () => Promise.reject(new Error("not built")),
  undo: { possible: false, because: "not built" },
};
