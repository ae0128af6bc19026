import { ECSClient } from "@aws-sdk/client-ecs";
import { describe, expect, test } from "vitest";
import { taskDefinitions } from "#shared/adapters/task-definitions.ts";
import { ecsCluster, never } from "../playbooks/builders.ts";
import { type Answer, awsDouble, callsIn, failing, inTurn, json } from "./aws-double.ts";

const ARN = "arn:aws:ecs:eu-west-1:111122223333:task-definition/web:7";
const SECRET = "hunter2";
const CONTAINER = {
  name: "app",
  image: "registry.test/web:1",
  essential: false,
  privileged: true,
  readonlyRootFilesystem: true,
  user: "1000",
  stopTimeout: 90,
  command: [`--token=${SECRET}`],
  dockerLabels: { token: SECRET },
  environment: [{ name: "DB_PASSWORD", value: SECRET }],
  secrets: [{ name: "API_KEY", valueFrom: `arn:aws:ssm:eu-west-1:111122223333:parameter/${SECRET}` }],
  linuxParameters: { capabilities: { add: ["SYS_ADMIN"], drop: ["ALL"] } },
  healthCheck: { command: ["CMD", SECRET] },
  logConfiguration: {
    logDriver: "awslogs",
    options: { "awslogs-group": "/ecs/web", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "web" },
  },
};
const BARE = { taskDefinitionArn: ARN, family: "web", revision: 7, status: "ACTIVE" };
const definition = (more: object = {}) => json({ taskDefinition: { ...BARE, ...more } });

async function ecs(...answers: readonly Answer[]) {
  const double = await awsDouble(inTurn(...answers));
  const time = { ms: 0 };
  return Object.assign(double, { time, definitions: taskDefinitions(new ECSClient(double.config), ecsCluster, () => time.ms) });
}

describe("a task definition", () => {
  test("that many tasks run is asked for once, also by those who ask at the same time; another revision is another question", async () => {
    await using double = await ecs(definition(), json({ taskDefinition: { ...BARE, taskDefinitionArn: ARN.replace(":7", ":8") } }));
    await Promise.all([ARN, ARN, ARN].map((arn) => double.definitions.describe(arn, never)));
    await double.definitions.describe(ARN.replace(":7", ":8"), never);
    expect(callsIn(double.asked).map(([, { taskDefinition }]) => taskDefinition)).toEqual([ARN, ARN.replace(":7", ":8")]);
  });

  test("is told with the names of its variables and secrets, and no value ever", async () => {
    const roles = { taskRoleArn: "arn:aws:iam::111122223333:role/shop-task", executionRoleArn: "arn:aws:iam::111122223333:role/exec" };
    await using double = await ecs(
      definition({ ...roles, networkMode: "host", pidMode: "host", ipcMode: "task", containerDefinitions: [CONTAINER] }),
    );
    const facts = await double.definitions.describe(ARN, never);
    expect(facts).toEqual({
      arn: ARN,
      family: "web",
      revision: 7,
      status: "ACTIVE",
      networkMode: "host",
      ...roles,
      pidMode: "host",
      ipcMode: "task",
      containers: [
        {
          name: "app",
          image: "registry.test/web:1",
          essential: false,
          privileged: true,
          readonlyRootFilesystem: true,
          user: "1000",
          stopTimeoutSeconds: 90,
          environment: ["DB_PASSWORD"],
          secrets: ["API_KEY"],
          linuxCapabilities: ["SYS_ADMIN"],
          logs: { driver: "awslogs", group: "/ecs/web", region: "eu-west-1", streamPrefix: "web" },
        },
      ],
    });
    expect(JSON.stringify(facts)).not.toContain(SECRET);
    expect(callsIn(double.asked)).toEqual([["DescribeTaskDefinition", { taskDefinition: ARN }]]);
  });

  test("that leaves things out has ECS's defaults, or says that they are not known", async () => {
    await using double = await ecs(definition({ pidMode: "", taskRoleArn: "", containerDefinitions: [{ name: "app", image: "i" }] }));
    expect(await double.definitions.describe(ARN, never)).toMatchObject({
      networkMode: null,
      taskRoleArn: null,
      executionRoleArn: null,
      pidMode: null,
      ipcMode: null,
      containers: [
        { essential: true, privileged: false, user: null, stopTimeoutSeconds: null, environment: [], linuxCapabilities: [], logs: null },
      ],
    });
  });

  test("with another log driver does not tell its options: they may hold tokens", async () => {
    const logConfiguration = { logDriver: "splunk", options: { "splunk-token": SECRET, "awslogs-group": SECRET } };
    await using double = await ecs(definition({ containerDefinitions: [{ name: "app", image: "i", logConfiguration }] }));
    const logs = { driver: "splunk", group: null, region: null, streamPrefix: null };
    expect(await double.definitions.describe(ARN, never)).toMatchObject({ containers: [{ logs }] });
  });

  test("is asked for once in ten minutes: a revision never changes, its status may", async () => {
    await using double = await ecs(definition(), definition({ status: "INACTIVE" }));
    expect(await double.definitions.describe(ARN, never)).toMatchObject({ status: "ACTIVE" });
    double.time.ms = 599_999;
    expect(await double.definitions.describe(ARN, never)).toMatchObject({ status: "ACTIVE" });
    expect(double.asked).toHaveLength(1);
    double.time.ms = 600_000;
    expect(await double.definitions.describe(ARN, never)).toMatchObject({ status: "INACTIVE" });
  });

  test("that ECS does not know is none, and is asked for again", async () => {
    await using double = await ecs(failing("ClientException"), definition());
    expect(await double.definitions.describe(ARN, never)).toBeNull();
    expect(await double.definitions.describe(ARN, never)).toMatchObject({ revision: 7 });
  });

  test.each<[string, Answer, string]>([
    ["a throttle", failing("ThrottlingException"), "aws_throttled"],
    ["a missing right", failing("AccessDeniedException"), "aws_denied"],
    ["an answer about another revision", definition({ taskDefinitionArn: `${ARN}1` }), "aws_rejected"],
    ["an answer without it", json({}), "aws_rejected"],
  ])("%s is an error, and is not kept", async (_title, answer, code) => {
    await using double = await ecs(answer, definition());
    await expect(double.definitions.describe(ARN, never)).rejects.toMatchObject({ code });
    expect(await double.definitions.describe(ARN, never)).toMatchObject({ revision: 7 });
  });

  test.each(["web", "web:7", ARN.replace(":7", ""), ""])("is not looked for as %j: a family alone is whatever is newest", async (arn) => {
    await using double = await ecs(definition());
    await expect(double.definitions.describe(arn, never)).rejects.toThrow(RangeError);
    expect(double.asked).toEqual([]);
  });
});
