import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { describe } from "vitest";
import { NAMESPACE, NODE, SERVICE_ACCOUNT } from "#shared/playbooks/kubernetes/kinds.ts";
import type { Json, Kind, KubernetesApi } from "#shared/ports/kubernetes.ts";
import { until } from "./cases.ts";
import { kubernetesContract } from "./kubernetes.suite.ts";
import { type KubeWorld, signal } from "./kubernetes-world.ts";
import { openTestKube, type TestKube } from "./test-kube.ts";

const MESSAGE = "not here";

const file = process.env["FALCO_RESPONDER_TEST_KUBE"];

describe.skipIf(file === undefined)("with FALCO_RESPONDER_TEST_KUBE naming a control plane", () => {
  kubernetesContract("a real API server with its controllers, over the adapter", () =>
    openKube(JSON.parse(readFileSync(file ?? "", "utf8")) as TestKube),
  );
});

const admission = (resource: string, kind: string): Kind => ({
  group: "admissionregistration.k8s.io",
  version: "v1",
  resource,
  kind,
  namespaced: false,
});
const POLICY = admission("validatingadmissionpolicies", "ValidatingAdmissionPolicy");
const BINDING = admission("validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding");

/** Controllers clean up whatever the cases leave. */
const EXPRESSION = [
  "request.userInfo.username.startsWith('system:serviceaccount:kube-system:')",
  "!(request.name.startsWith('forbidden-new') || ((request.operation != 'CREATE' || request.?subResource.orValue('') != '') && request.name.startsWith('forbidden')))",
].join(" || ");

async function openKube(kube: TestKube): Promise<KubeWorld> {
  const api = openTestKube(kube, kube.adminToken);
  const namespace = `contract-${process.pid}`;
  const node = `${namespace}-node`;
  const wait = () => sleep(200);
  const make = (kind: Kind, name: string, rest: Json = {}, metadata: Json = {}) =>
    api.create(kind, { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata: { ...metadata, name }, ...rest }, {}, signal);
  await make(NAMESPACE, namespace);
  const labels = { "kubernetes.io/hostname": node, "kubernetes.io/os": "linux" };
  await make(NODE, node, {}, { labels, annotations: { "kwok.x-k8s.io/node": "fake" } });
  const rules = [{ apiGroups: [""], apiVersions: ["v1"], operations: ["*"], resources: ["configmaps", "pods", "pods/eviction"] }];
  const here = { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } }, resourceRules: rules };
  const validations = [{ expression: EXPRESSION, message: MESSAGE }];
  await make(POLICY, namespace, { spec: { failurePolicy: "Fail", matchConstraints: here, validations } });
  await make(BINDING, namespace, { spec: { policyName: namespace, validationActions: ["Deny"] } });
  const isReady = async () => {
    const conditions = (await api.get(NODE, null, node, signal))?.status?.["conditions"];
    return Array.isArray(conditions) && conditions.some((one: Json) => one["type"] === "Ready" && one["status"] === "True");
  };
  await until(isReady, wait);
  await until(async () => (await api.get(SERVICE_ACCOUNT, namespace, "default", signal)) !== null, wait);
  const denied = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "forbidden-new", namespace } };
  const configMap: Kind = { group: "", version: "v1", resource: "configmaps", kind: "ConfigMap", namespaced: true };
  await until(async () => (await api.create(configMap, denied, { dryRun: true }, signal)).kind === "rejected", wait);
  return { api, namespace, node, wait, close: () => close(api, namespace, node) };
}

async function close(api: KubernetesApi, namespace: string, node: string): Promise<void> {
  for (const [kind, name] of [
    [BINDING, namespace],
    [POLICY, namespace],
    [NAMESPACE, namespace],
    [NODE, node],
  ] as const) {
    const left = await api.get(kind, null, name, signal);
    if (left !== null) await api.delete(kind, { namespace: null, name, uid: left.metadata.uid }, {}, signal);
  }
}

const apiVersionOf = ({ group, version }: Kind): string => (group === "" ? version : `${group}/${version}`);
