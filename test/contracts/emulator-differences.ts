import type { Differences } from "./cases.ts";

const SCALING = "there is no Application Auto Scaling";
const PROTECTION = "GetTaskProtection and UpdateTaskProtection answer empty, whatever the task";
const DRAINING = "there is no UpdateContainerInstancesState";
const GROUPS = "there is no ModifyNetworkInterfaceAttribute";

/**
 * What the suites show on the double and the emulator cannot, by port and case, with the reason. Each is expected to fail there: a newer emulator
 * that can do it turns its row red. Ports and cases that do not stand here run alike on both.
 */
export const NOT_ON_THE_EMULATOR = {
  services: {
    "a DAEMON service says so and takes no count": "UpdateService takes a desired count for a DAEMON service too",
    "the capacities of a service that is scaled automatically are told, and of one that is not there are none": SCALING,
    "while scaling out is suspended a count of zero stays, and the capacities are as they were": SCALING,
    "without suspension automatic scaling raises a count of zero again": SCALING,
  },
  marks: {
    "a task of a service is protected for the minutes asked, anew each time, and no longer when it is taken off": PROTECTION,
    "a task of no service cannot be protected": PROTECTION,
    "a task that ECS does not know cannot be protected": PROTECTION,
    "a task that was told to stop can no longer be protected": PROTECTION,
    "a task that ECS does not know takes no tag": "UntagResource takes any ARN",
    "the tags of a task die with it, and a stopped task takes no new ones": "tags stay on a stopped task",
  },
  instances: {
    "an agent that is away is told": "the agents of the patched container instances are always connected",
    "an unknown instance and one that is still registering cannot be drained": DRAINING,
    "a drained instance loses the task of the service, which is replaced elsewhere, and keeps the one of none": DRAINING,
    "an instance goes back to ACTIVE, also twice": DRAINING,
  },
  network: {
    "the interfaces of a machine are listed, its own and those of tasks, told apart": "no interface says whether AWS manages it",
    "a machine that is not there has none": "the filter attachment.instance-id is ignored",
    "the groups given are the whole new set, and the old ones can be put back": GROUPS,
    "an interface that is not there is gone": GROUPS,
    "the interface of a task cannot be changed by anyone": GROUPS,
    "a group of another VPC, an unknown one and no group at all change nothing": GROUPS,
  },
} as const satisfies Readonly<Record<string, Differences>>;
