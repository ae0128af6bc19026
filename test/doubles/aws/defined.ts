import type { ContainerDefinition, TaskDefinition } from "@aws-sdk/client-ecs";

/** What `DEFINED` of the contract of TaskDefinitions describes, as ECS has it: with values that must not leave the adapter. */
export const defined: { readonly definition: Partial<TaskDefinition>; readonly containers: readonly ContainerDefinition[] } = {
  definition: { networkMode: "bridge", pidMode: "host", ipcMode: "task", taskRoleArn: "arn:aws:iam::111122223333:role/web" },
  containers: [
    {
      name: "app",
      image: "registry.test/web:1",
      essential: true,
      memory: 64,
      privileged: true,
      readonlyRootFilesystem: true,
      user: "1000",
      stopTimeout: 20,
      command: ["serve", "--token=secret-command"],
      environment: [{ name: "TOKEN", value: "secret-value" }],
      secrets: [{ name: "PASSWORD", valueFrom: "secret-reference" }],
      linuxParameters: { capabilities: { add: ["SYS_ADMIN"] } },
      dockerLabels: { label: "secret-label" },
      logConfiguration: {
        logDriver: "awslogs",
        options: { "awslogs-group": "/shop/web", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "web" },
      },
    },
    { name: "router", image: "registry.test/router:1", essential: false, memory: 64 },
  ],
};
