import { NAMESPACE } from "#shared/playbooks/kubernetes/kinds.ts";
import { kubernetesContract } from "../contracts/kubernetes.suite.ts";
import { FakeKubernetes } from "./kubernetes.ts";

kubernetesContract("the fake", () => {
  const kube = new FakeKubernetes();
  const namespace = "contract";
  kube.put(NAMESPACE, { metadata: { name: namespace } });
  kube.node("node-1", { labels: { "kubernetes.io/hostname": "node-1" } });
  kube.node("node-2", { labels: { "kubernetes.io/hostname": "node-2" } });
  kube.admit = (verb, _kind, { metadata: { name } }) => {
    const isDenied = name.startsWith("forbidden-new") || (verb !== "create" && name.startsWith("forbidden"));
    return isDenied ? "denied request: not here" : null;
  };
  const wait = () => Promise.resolve(kube.tick());
  return Promise.resolve({ api: kube, namespace, node: "node-1", wait, close: () => Promise.resolve() });
});
