import { wrongLabelValue } from "#shared/playbooks/kubernetes/mark-rules.ts";
import { marking } from "#shared/playbooks/kubernetes/marking.ts";
import { consequencesOf, relabellingNeeds } from "#shared/playbooks/kubernetes/relabelling.ts";
import type { Playbook } from "#shared/playbooks/playbook.ts";

/** `labels`: keys to values, an empty value takes the key away; absent: the incident. `level`: pod (preset) or node. */
export const label: Playbook = marking({
  name: "kubernetes:label",
  map: "labels",
  thing: "label",
  wrongValue: wrongLabelValue,
  rbac: relabellingNeeds,
  consequences: consequencesOf,
});
