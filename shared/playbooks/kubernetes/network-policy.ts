import { type Playbook, refused } from "#shared/playbooks/playbook.ts";

/** Being built on its own branch. */
export const networkPolicy: Playbook = {
  name: "kubernetes:networkpolicy",
  needs: { iam: [], look: [], rbac: [] },
  plan: () => refused("kubernetes:networkpolicy is not built yet"),
  execute: () => Promise.reject(new Error("not built")),
  verify: () => Promise.reject(new Error("not built")),
  undo: { possible: false, because: "not built" },
};
