import { tasksContract } from "../contracts/tasks.suite.ts";
import { FakeEcs } from "./tasks.ts";

tasksContract("the fake", () => {
  const ecs = new FakeEcs();
  const ec2InstanceId = "i-0123456789abcdef0";
  const arn = ecs.instance(ec2InstanceId);
  const tasks = ecs.service("web", { family: "web", instance: arn, tags: { team: "shop" }, desired: 2 });
  return Promise.resolve({
    tasks: ecs,
    service: "web",
    taskArns: tasks.map(({ taskArn }) => taskArn),
    instance: { ec2InstanceId, arn },
    wait: () => Promise.resolve(ecs.tick()),
    close: () => Promise.resolve(),
  });
});
