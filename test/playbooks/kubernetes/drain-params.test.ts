import { describe, expect, test } from "vitest";
import { drain } from "#shared/playbooks/kubernetes/drain.ts";
import type { Params } from "#shared/playbooks/playbook.ts";
import { because, planned } from "../ecs-stage.ts";
import { NodeStage } from "./node-stage.ts";
import { OCCASION } from "./traffic-stage.ts";

const DRAIN = "kubernetes:drain";

describe("parameters", () => {
  test("presets", () => {
    expect(planned(new NodeStage().planning(DRAIN)).params).toEqual({
      max_wait_period: 60,
      ignore_daemonsets: true,
      ignore_statefulsets: false,
      ignore_errors: false,
      excluded_namespaces: [],
      wait_period_excluded_namespaces: [],
    });
  });

  test.each<[Params, RegExp]>([
    [{ ignore_daemonsets: false }, /made again on the same node/],
    [{ ignore_daemonsets: "true" }, /can only be true/],
    [{ ignore_statefulsets: "true" }, /true or false/],
    [{ ignore_errors: 1 }, /true or false/],
    [{ max_wait_period: 601 }, /0 to 600/],
    [{ max_wait_period: -1 }, /0 to 600|whole number/],
    [{ min_healthy_replicas: "101%" }, /min_healthy_replicas must be/],
    [{ min_healthy_replicas: "half" }, /min_healthy_replicas must be/],
    [{ excluded_namespaces: "kube-system" }, /list of names/],
    [{ excluded_namespaces: ["kube_system"] }, /list of names/],
    [{ wait_period_excluded_namespaces: ["a/b"] }, /list of names/],
    [{ expires_after: "2d" }, /expires_after/],
    [{ force: true }, /not known/],
  ])("refuses %j", (params, why) => {
    expect(because(new NodeStage().planning(DRAIN, params))).toMatch(why);
  });

  test.each<[Params]>([
    [{ ignore_daemonsets: true }],
    [{ ignore_statefulsets: true, ignore_errors: true }],
    [{ max_wait_period: "600" }],
    [{ min_healthy_replicas: "100%" }],
    [{ excluded_namespaces: ["kube-system"], wait_period_excluded_namespaces: ["batch"] }],
    [{ expires_after: "24h" }],
  ])("plans %j", (params) => {
    const plan = planned(new NodeStage().planning(DRAIN, params));
    expect(drain.expiry?.afterMs(plan)).toBe(params["expires_after"] === undefined ? null : 24 * 3_600_000);
  });

  test("a pod on no node is refused, and what is no pod", () => {
    const stage = new NodeStage();
    expect(because(stage.planning(DRAIN, {}, { node: null }))).toContain("on no node");
    expect(because(drain.plan({ ...stage.workload(), kind: "task" } as never, {}, OCCASION))).toContain("target is a task");
  });
});
