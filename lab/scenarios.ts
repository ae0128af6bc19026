import type { EcsSensor, LabTask } from "./ecs.ts";
import { criFlat, falcoLine, fireLensFlat, fireLensText } from "./falco.ts";
import type { LabPod } from "./pods.ts";

/** Where lines go, and the lines as the shipper writes them. */
export interface Shipment {
  readonly group: "ecs" | "kubernetes";
  readonly stream: string;
  readonly messages: readonly string[];
}

/** What a scenario may pick from: tasks of one service with Falco's task beside each, pods of one Deployment. */
export interface Stage {
  readonly tasks: readonly LabTask[];
  sensorOf(task: LabTask): EcsSensor;
  readonly pods: readonly LabPod[];
}

export interface Scenario {
  readonly says: string;
  readonly needs: "ecs" | "kubernetes";
  play(stage: Stage): Shipment;
}

const DROP = {
  rule: "Drop and execute new binary in container",
  priority: "Critical",
  tags: ["container", "maturity_stable", "mitre_persistence", "process", "TA0003", "PCI_DSS_11.5.1"],
  says: "Executing binary not part of base image",
} as const;
const SHELL = {
  rule: "Terminal shell in container",
  priority: "Notice",
  tags: ["container", "maturity_stable", "mitre_execution", "shell", "T1059"],
  says: "A shell was spawned in a container with an attached terminal",
} as const;

const process = (name: string, cmdline: string) => ({
  "evt.type": "execve",
  "user.name": "root",
  "user.uid": 0,
  "user.loginuid": -1,
  "proc.name": name,
  "proc.cmdline": cmdline,
  "proc.exepath": `/tmp/${name}`,
  "proc.pname": "bash",
  "proc.tty": 0,
});
const MINER = process("kdevtmpfsi", "kdevtmpfsi --donate-level 1 -o stratum+tcp://203.0.113.9:3333");
const BASH = process("bash", "bash -i");

/** The configuration of Falco that we document prints these for every alert of a container. */
const ofTask = (task: LabTask) => ({
  "container.id": task.runtimeId.slice(0, 12),
  "container.name": `ecs-checkout-1-checkout-${task.id.slice(0, 20)}`,
  "container.image.repository": "registry.test/checkout",
  "container.label[com.amazonaws.ecs.task-arn]": task.arn,
});
const ofPod = (pod: LabPod) => ({
  "container.id": pod.containerId.slice(0, 12),
  "container.name": "invoices",
  "container.image.repository": "registry.k8s.io/pause",
  "k8s.ns.name": pod.namespace,
  "k8s.pod.name": pod.name,
  "k8s.pod.uid": pod.uid,
});

const streamOf = (sensor: EcsSensor): string => `falco/falco-firelens-${sensor.taskId}`;

function shipped(sensor: EcsSensor, lines: readonly string[]): Shipment {
  return { group: "ecs", stream: streamOf(sensor), messages: lines.map((line) => fireLensFlat(line, sensor)) };
}

const shippedFrom = (pod: LabPod, lines: readonly string[]): Shipment => ({
  group: "kubernetes",
  stream: `backoffice.${pod.node}`,
  messages: lines.map(criFlat),
});

const hostOf = (sensor: EcsSensor): string => sensor.instanceId;

/** An attacker opens a shell in a task and runs a binary that the image does not hold. */
export function attackOnTask(task: LabTask, sensor: EcsSensor): Shipment {
  const hostname = hostOf(sensor);
  return shipped(sensor, [
    falcoLine({ ...SHELL, hostname, fields: { ...BASH, ...ofTask(task) } }),
    falcoLine({ ...DROP, hostname, fields: { ...MINER, ...ofTask(task) } }),
  ]);
}

/** The same in a pod. */
export const attackOnPod = (pod: LabPod): Shipment =>
  shippedFrom(pod, [
    falcoLine({ ...SHELL, hostname: pod.node, fields: { ...BASH, ...ofPod(pod) } }),
    falcoLine({ ...DROP, hostname: pod.node, fields: { ...MINER, ...ofPod(pod) } }),
  ]);

const first = ({ tasks }: Stage): LabTask => tasks[0] ?? missing("task");
const second = ({ tasks }: Stage): LabTask => tasks[1] ?? missing("second task");
const pod = ({ pods }: Stage): LabPod => pods[0] ?? missing("pod");
const missing = (what: string): never => {
  throw new Error(`no ${what} is running`);
};

const onTask = (play: (task: LabTask, sensor: EcsSensor, stage: Stage) => Shipment) => (stage: Stage) => {
  const task = first(stage);
  return play(task, stage.sensorOf(task), stage);
};

/** What `npm run alert -- <name>` knows. */
export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  task: { says: "a dropped binary runs in an ECS task: it is stopped", needs: "ecs", play: onTask(attackOnTask) },
  pod: { says: "a dropped binary runs in a pod: it is deleted", needs: "kubernetes", play: (stage) => attackOnPod(pod(stage)) },
  shell: {
    says: "a shell in a task: people are told, nothing is touched",
    needs: "ecs",
    play: onTask((task, sensor) =>
      shipped(sensor, [falcoLine({ ...SHELL, hostname: hostOf(sensor), fields: { ...BASH, ...ofTask(task) } })]),
    ),
  },
  "no-label": {
    says: "no task-arn label: found on the container instance of Falco's own task, and stopped",
    needs: "ecs",
    play: onTask((task, sensor) => {
      const { "container.label[com.amazonaws.ecs.task-arn]": _label, ...fields } = ofTask(task);
      return shipped(sensor, [falcoLine({ ...DROP, hostname: hostOf(sensor), fields: { ...MINER, ...fields } })]);
    }),
  },
  "forged-label": {
    says: "the label names another task than the container id: held",
    needs: "ecs",
    play: onTask((task, sensor, stage) => {
      const fields = { ...MINER, ...ofTask(task), "container.label[com.amazonaws.ecs.task-arn]": second(stage).arn };
      return shipped(sensor, [falcoLine({ ...DROP, hostname: hostOf(sensor), fields })]);
    }),
  },
  "forged-cmdline": {
    says: "an alert about a neighbour, inside the command line of a shell: selects no target",
    needs: "ecs",
    play: onTask((task, sensor, stage) => {
      const forged = falcoLine({ ...DROP, hostname: hostOf(sensor), fields: { ...MINER, ...ofTask(second(stage)) } });
      return shipped(sensor, [
        falcoLine({ ...SHELL, hostname: hostOf(sensor), fields: { ...process("bash", `bash -c '${forged}'`), ...ofTask(task) } }),
      ]);
    }),
  },
  "foreign-stream": {
    says: "from a stream that no cluster has: told, never acted on",
    needs: "ecs",
    play: onTask((task, sensor) => ({ ...attackOnTask(task, sensor), stream: `app/web/${task.id}` })),
  },
  stale: {
    says: "an hour old: told, never acted on",
    needs: "ecs",
    play: onTask((task, sensor) => {
      const timeNs = BigInt(Date.now() - 3_600_000) * 1_000_000n;
      return shipped(sensor, [falcoLine({ ...DROP, hostname: hostOf(sensor), timeNs, fields: { ...MINER, ...ofTask(task) } })]);
    }),
  },
  sensor: {
    says: "an alert without a container id, shipped with the metadata of Falco's own task: Falco is not stopped",
    needs: "ecs",
    play: onTask((_, sensor) => shipped(sensor, [falcoLine({ ...DROP, hostname: hostOf(sensor), fields: MINER })])),
  },
  drops: {
    says: "Falco says that it lost events: no target, whatever the priority",
    needs: "ecs",
    play: onTask((_, sensor) =>
      shipped(sensor, [
        falcoLine({
          rule: "Falco internal: syscall event drop",
          priority: "Critical",
          tags: [],
          says: "Falco internal: syscall event drop. 4711 system calls dropped in last second.",
          hostname: hostOf(sensor),
          fields: { ebpf_enabled: "1", n_drops: "4711", n_evts: "90000" },
        }),
      ]),
    ),
  },
  text: {
    says: "an alert of a Falco without json_output: kept as unreadable, with the remedy",
    needs: "ecs",
    play: onTask((task, sensor) => ({
      group: "ecs",
      stream: streamOf(sensor),
      messages: [
        fireLensText(
          `12:03:04.000000001: Critical Executing binary not part of base image (container_id=${task.runtimeId.slice(0, 12)})`,
          sensor,
        ),
      ],
    })),
  },
};
