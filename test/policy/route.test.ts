import { describe, expect, test } from "vitest";
import type { ChannelConfig, Notifications, When } from "#shared/domain/registry.ts";
import { type RouteFacts, route } from "#shared/policy/route.ts";
import { POD, TASK } from "../notify/views.ts";

const channel = (name: string, when?: When): ChannelConfig => ({
  name,
  kind: "sns",
  topicArn: "arn",
  ...(when === undefined ? {} : { when }),
});
const notifications = (...channels: readonly ChannelConfig[]): Notifications => ({ channels, system: ["ops"] });
const about = (more: Partial<RouteFacts> = {}): RouteFacts => ({
  priority: "Warning",
  cluster: "shop",
  workload: null,
  isOwed: false,
  ...more,
});
const pod = { ...POD, namespace: "pay", labels: { team: "payments" } };

describe("who is told", () => {
  test("without routes a rule's channels, and nobody when it names none; but everybody when it must be told", () => {
    const all = notifications(channel("ops"), channel("chat"));
    expect(route(["chat"], about(), all)).toEqual(["chat"]);
    expect(route(["chat", "chat"], about(), all)).toEqual(["chat"]);
    expect(route([], about(), all)).toEqual([]);
    expect(route([], about({ isOwed: true }), all)).toEqual(["ops", "chat"]);
    // A bus that chooses is no route of people.
    const bus: ChannelConfig = { name: "events", kind: "bus", busArn: "arn", when: { priority: "Debug" } };
    expect(route([], about(), notifications(channel("ops"), bus))).toEqual(["events"]);
    expect(route([], about(), notifications(channel("ops"), channel("chat", { priority: "Debug" })))).toEqual(["ops", "chat"]);
  });

  test.each<[string, When, Partial<RouteFacts>, Partial<RouteFacts>]>([
    ["priority", { priority: "Error" }, { priority: "Error" }, { priority: "Warning" }],
    ["cluster", { clusters: ["Shop*", "x"] }, { cluster: "shop-eu" }, { cluster: "myshop" }],
    ["a cluster that is not known", { clusters: ["*"] }, { cluster: "shop" }, { cluster: null }],
    ["namespace", { namespaces: ["pay*"] }, { workload: pod }, { workload: { ...pod, namespace: "shop" } }],
    ["a namespace, of a verified workload only", { namespaces: ["*"] }, { workload: pod }, { workload: null }],
    ["a namespace, which no task has", { namespaces: ["*"] }, { workload: pod }, { workload: TASK }],
    ["label", { labels: { team: "pay*" } }, { workload: pod }, { workload: { ...pod, labels: { team: "web" } } }],
    ["a label that is not there", { labels: { team: "*" } }, { workload: pod }, { workload: { ...pod, labels: {} } }],
    ["all of it", { priority: "Error", clusters: ["shop"] }, { priority: "Alert" }, { priority: "Alert", cluster: "pay" }],
  ])("by %s", (_what, when, taken, left) => {
    const routed = notifications(channel("team", when), channel("ops", { priority: "Emergency" }));
    expect(route([], about(taken), routed)).toEqual(["team"]);
    // Nothing is told to nobody.
    expect(route([], about(left), routed)).toEqual(["ops"]);
  });

  test("a rule's channels narrow the routes, and what they do not take goes to the system's", () => {
    const routed = notifications(channel("team", { priority: "Error" }), channel("chat"), channel("ops"));
    expect(route(["team"], about({ priority: "Error" }), routed)).toEqual(["team"]);
    expect(route(["team"], about({ priority: "Debug" }), routed)).toEqual(["ops"]);
  });

  test("a bus is told everything that fits it, named or not, and is nobody's only message", () => {
    const bus: ChannelConfig = { name: "events", kind: "bus", busArn: "arn" };
    expect(route(["chat"], about(), notifications(channel("chat"), channel("ops"), bus))).toEqual(["chat", "events"]);
    expect(route([], about({ isOwed: true }), notifications(bus))).toEqual(["ops", "events"]);
    expect(route(["chat"], about(), notifications(channel("chat"), { ...bus, when: { priority: "Error" } }))).toEqual(["chat"]);
  });

  test("a name that is no channel's any more is kept: its message ends dead and alarmed", () => {
    expect(route(["gone"], about(), notifications(channel("ops")))).toEqual(["gone"]);
  });
});
