import { type Playbook, refused } from "#shared/playbooks/playbook.ts";

/** Being built on its own branch. */
export const deleteObject: Playbook = {
  name: "kubernetes:delete",
  needs: { iam: [], look: [], rbac: [] },
  plan: () => refused("kubernetes:delete is not built yet"),
  execute: () => Promise.reject(new Error("not built")),
  verify: () => Promise.reject(new Error("not built")),
  undo: { possible: false, because: "not built" },
};
