import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { V1NodeStatus } from "@kubernetes/client-node";
import { certificate } from "../adapters/kubernetes/api-server.ts";

/** What a kubelet answers when the API server asks it for logs: KWOK's nodes have none. Each container has logged one line, and never restarted. */
export interface Kubelet {
  /** As a node's status says where its kubelet is. */
  readonly status: V1NodeStatus;
  close(): Promise<void>;
}

export async function openKubelet(): Promise<Kubelet> {
  const server = createServer(certificate("kubelet"), ({ url = "" }, response) => {
    const { pathname, searchParams } = new URL(url, "https://kubelet");
    const isLog = pathname.startsWith("/containerLogs/") && searchParams.get("previous") !== "true";
    response.writeHead(isLog ? 200 : 400, { "content-type": "text/plain" });
    response.end(isLog ? `${pathname} says hello\n` : "previous terminated container not found");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    status: {
      addresses: [{ type: "InternalIP", address: "127.0.0.1" }],
      daemonEndpoints: { kubeletEndpoint: { Port: port } },
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
