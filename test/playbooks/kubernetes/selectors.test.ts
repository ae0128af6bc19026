import { expect, test } from "vitest";
import { calicoSelects, ciliumSelects, selects } from "#shared/playbooks/kubernetes/selectors.ts";

const LABELS = { app: "web", tier: "front", "falco-responder.io/quarantine": "u-1" };
const expression = (key: string, operator: string, values?: readonly string[]) => ({ matchExpressions: [{ key, operator, values }] });

test.each<[string, unknown, boolean]>([
  ["empty", {}, true],
  ["absent", undefined, true],
  ["a label with its value", { matchLabels: { app: "web" } }, true],
  ["a label with another value", { matchLabels: { app: "api" } }, false],
  ["a label that is not there", { matchLabels: { team: "a" } }, false],
  ["one of two labels", { matchLabels: { app: "web", team: "a" } }, false],
  ["In", expression("app", "In", ["api", "web"]), true],
  ["In without it", expression("app", "In", ["api"]), false],
  ["In of an absent label", expression("team", "In", ["a"]), false],
  ["NotIn", expression("app", "NotIn", ["api"]), true],
  ["NotIn with it", expression("app", "NotIn", ["web"]), false],
  ["NotIn of an absent label", expression("team", "NotIn", ["a"]), true],
  ["Exists", expression("app", "Exists"), true],
  ["Exists of an absent label", expression("team", "Exists"), false],
  ["DoesNotExist", expression("team", "DoesNotExist"), true],
  ["DoesNotExist of a label that is there", expression("app", "DoesNotExist"), false],
  ["an operator that is not known", expression("app", "Resembles", ["w"]), true],
  ["a key that every object inherits", expression("constructor", "Exists"), false],
  ["labels and expressions together", { matchLabels: { app: "web" }, ...expression("tier", "NotIn", ["front"]) }, false],
])("a LabelSelector: %s", (_, selector, answer) => {
  expect(selects(selector, LABELS)).toBe(answer);
});

test.each<[string, unknown, boolean | null]>([
  ["empty", {}, true],
  ["a plain key", { matchLabels: { app: "web" } }, true],
  ["a key with its source", { matchLabels: { "k8s:app": "web" } }, true],
  ["any source", { matchLabels: { "any:app": "api" } }, false],
  ["our own label", { matchLabels: { "falco-responder.io/quarantine": "u-1" } }, true],
  ["its namespace", { matchLabels: { "k8s:io.kubernetes.pod.namespace": "shop" } }, true],
  ["another namespace", { matchLabels: { "io.kubernetes.pod.namespace": "bank" } }, false],
  ["not its namespace", expression("k8s:io.kubernetes.pod.namespace", "NotIn", ["shop"]), false],
  ["a label of the namespace", { matchLabels: { "io.cilium.k8s.namespace.labels.env": "prod" } }, null],
  [
    "a label of the namespace, and one that it has not",
    { matchLabels: { "io.cilium.k8s.namespace.labels.env": "prod", app: "api" } },
    false,
  ],
  ["a reserved identity", { matchLabels: { "reserved:host": "" } }, false],
])("Cilium's selector: %s", (_, selector, answer) => {
  expect(ciliumSelects(selector, LABELS, "shop")).toBe(answer);
});

test.each<[string, boolean | null]>([
  ["", true],
  ["all()", true],
  ["global()", false],
  ["app == 'web'", true],
  ['app == "web"', true],
  ["app=='api'", false],
  ["app != 'api'", true],
  ["team != 'a'", true],
  ["has(app)", true],
  ["has(team)", false],
  ["!has(team)", true],
  ["app in {'api', 'web'}", true],
  ["app in {'api'}", false],
  ["app in {}", false],
  ["app not in {'api'}", true],
  ["app not in {'web'}", false],
  ["team not in { 'a' }", true],
  ["app contains 'e'", true],
  ["app starts with 'we'", true],
  ["app starts with 'eb'", false],
  ["app ends with 'eb'", true],
  ["falco-responder.io/quarantine == 'u-1'", true],
  ["app == 'api' || tier == 'front'", true],
  ["app == 'web' && tier == 'back'", false],
  ["!(app == 'web' && tier == 'back')", true],
  ["app == 'api' || app == 'web' && tier == 'back'", false],
  ["(app == 'api' || app == 'web') && tier == 'front'", true],
  ["pcns.env == 'prod'", null],
  ["pcns.env == 'prod' && app == 'api'", false],
  ["pcns.env == 'prod' || app == 'web'", true],
  ["!has(pcsa.role)", null],
  ["projectcalico.org/namespace == 'shop'", null],
  ["app ==", null],
  ["app == web", null],
  ["app resembles 'web'", null],
  ["app == 'web' tier == 'front'", null],
  ["app == 'web", null],
  ["(app == 'web'", null],
  ["app == 'web' &&", null],
  ["app in {'api' 'web'}", null],
])("Calico's selector: %s", (selector, answer) => {
  expect(calicoSelects(selector, LABELS)).toBe(answer);
});
