import * as kinds from "#shared/playbooks/kubernetes/kinds.ts";
import type { Json, Kind } from "#shared/ports/kubernetes.ts";
import { CONTAINERS } from "./kubernetes-world.ts";

const RBAC = "rbac.authorization.k8s.io";
const once = { template: { spec: { restartPolicy: "Never", containers: CONTAINERS } } };
const binding = (): Json => ({
  subjects: [{ kind: "User", name: "nobody", apiGroup: RBAC }],
  roleRef: { apiGroup: RBAC, kind: "ClusterRole", name: "view" },
});
const sets = (app: string, more: Json = {}): Json => ({
  spec: { selector: { matchLabels: { app } }, template: { metadata: { labels: { app } }, spec: { containers: CONTAINERS } }, ...more },
});

const LEAST: ReadonlyMap<Kind, (name: string) => Json> = new Map([
  [kinds.POD, () => ({ spec: { containers: CONTAINERS } })],
  [kinds.SERVICE, (app: string) => ({ spec: { ports: [{ port: 80 }], selector: { app } } })],
  [kinds.DEPLOYMENT, (app: string) => sets(app, { replicas: 0 })],
  [kinds.REPLICA_SET, (app: string) => sets(app, { replicas: 0 })],
  [kinds.STATEFUL_SET, (app: string) => sets(app, { replicas: 0, serviceName: app })],
  [kinds.DAEMON_SET, (app: string) => sets(app)],
  [kinds.JOB, () => ({ spec: { suspend: true, ...once } })],
  [kinds.CRON_JOB, () => ({ spec: { suspend: true, schedule: "0 0 1 1 *", jobTemplate: { spec: once } } })],
  [kinds.INGRESS, (name: string) => ({ spec: { defaultBackend: { service: { name, port: { number: 80 } } } } })],
  [kinds.NETWORK_POLICY, () => ({ spec: { podSelector: { matchLabels: { app: "nobody" } } } })],
  [kinds.ROLE, () => ({ rules: [] })],
  [kinds.CLUSTER_ROLE, () => ({ rules: [] })],
  [kinds.ROLE_BINDING, binding],
  [kinds.CLUSTER_ROLE_BINDING, binding],
]);

/** The least that an object of the kind needs beside its name, and that does nothing. */
export const leastOf = (kind: Kind, name: string): Json => LEAST.get(kind)?.(name) ?? {};
