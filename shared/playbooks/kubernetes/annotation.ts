import { wrongAnnotationValue } from "#shared/playbooks/kubernetes/mark-rules.ts";
import { marking } from "#shared/playbooks/kubernetes/marking.ts";
import type { Playbook } from "#shared/playbooks/playbook.ts";

/** `annotations`: keys to values, an empty value takes the key away; absent: the incident. `level`: pod (preset) or node. */
export const annotation: Playbook = marking({
  name: "kubernetes:annotation",
  map: "annotations",
  thing: "annotation",
  wrongValue: wrongAnnotationValue,
  rbac: [],
});
