import { podsContract } from "../contracts/pods.suite.ts";
import { FakeKubernetes } from "./pods.ts";

podsContract("the fake", () => {
  const kube = new FakeKubernetes();
  const controller = kube.deployment("web");
  for (const name of ["web-a", "web-b"]) kube.run({ name, controller, labels: { app: "web" } });
  const alone = kube.run({ name: "alone" });
  return Promise.resolve({
    pods: kube,
    namespace: "shop",
    node: "node-1",
    wait: () => Promise.resolve(kube.tick()),
    recreateAlone: () => {
      kube.remove(alone);
      kube.run({ name: "alone" });
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  });
});
