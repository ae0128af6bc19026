import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { type AnyRequest, decodeRequest, encodeRequest, versionOf } from "#shared/wire/operate.ts";

const published = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(
  JSON.parse(readFileSync("infra/schemas/operate.json", "utf8")) as object,
);
const ID = "1f0c2d3e4a5b6c7d";
const mute = { verb: "mute", incident: ID, cluster: null, rule: null, who: null, seconds: 3_600, reason: "a test" } as const;
const list = { verb: "list", state: "open", cluster: null, rule: null, sinceMs: null, waiting: false, most: 20, cursor: null } as const;
const pause = { verb: "pause", scope: "fleet", reason: "a test", untilMs: null } as const;

const REQUESTS: readonly AnyRequest[] = [
  ...(["show", "approve", "deny", "undo", "release"] as const).map((verb) => ({ verb, incident: ID, action: null, target: null })),
  { verb: "undo", incident: ID, action: "ecs:stop-task", target: "arn:x" },
  list,
  { ...list, state: "closed", cluster: "shop", rule: "shell", sinceMs: 1, waiting: true, most: 100, cursor: "2026-11-28" },
  mute,
  { ...mute, incident: null, cluster: "shop", rule: "shell", who: "service/web" },
  { verb: "unmute", mute: ID },
  { verb: "mutes" },
  pause,
  { ...pause, verb: "resume", scope: "cluster/shop", reason: null, untilMs: 1_800_000_000_000 },
  { verb: "status" },
];

describe("a request", () => {
  test.each(REQUESTS.map((request) => [`${request.verb} ${JSON.stringify(request).length}`, request] as const))(
    "%s comes out as it went in, and is as published",
    (_what, request) => {
      const body = encodeRequest(request);
      expect(decodeRequest(body)).toEqual(request);
      expect(published(JSON.parse(body)), JSON.stringify(published.errors)).toBe(true);
    },
  );

  test("of the version before is taken, with its own verbs only, and answered in its version", () => {
    const old = (verb: string) => JSON.stringify({ schema: "falco-responder/operate/1", verb, incident: ID, action: null, target: null });
    expect(decodeRequest(old("approve"))).toEqual({ verb: "approve", incident: ID, action: null, target: null });
    expect(published(JSON.parse(old("approve")))).toBe(true);
    expect(decodeRequest(old("release"))).toBe("verb is none of show, approve, deny, undo");
    expect(decodeRequest(old("approve").replace("operate/1", "operate/3"))).toContain("update the command line tool");
    expect(versionOf(old("show"))).toBe(1);
    expect(versionOf(encodeRequest(list))).toBe(2);
  });

  const bad: readonly (readonly [string, AnyRequest, Record<string, unknown>, string])[] = [
    ["a mute without a reason", mute, { reason: " " }, "reason"],
    ["a mute for longer than 30 days", mute, { seconds: 30 * 86_400 + 1 }, "30 days"],
    ["a mute for a fraction", mute, { seconds: 60.5 }, "seconds"],
    ["a mute for no time", mute, { seconds: 0 }, "seconds"],
    ["a mute of everything", mute, { incident: null }, "a mute of everything is a pause"],
    ["a mute of a whole cluster", mute, { incident: null, cluster: "shop" }, "all of cluster, rule and who"],
    ["a list of too many rows", list, { most: 101 }, "most"],
    ["a list of an unknown state", list, { state: "half" }, "state"],
    ["a list since nonsense", list, { sinceMs: "yesterday" }, "sinceMs"],
    ["a list that waits perhaps", list, { waiting: "yes" }, "waiting"],
    ["a pause without a reason", pause, { reason: null }, "reason"],
    ["a pause of a strange scope", pause, { scope: "planet" }, "scope"],
    ["an unmute of nothing", { verb: "unmute", mute: ID }, { mute: "x" }, "16 hex digits"],
  ];
  test.each(bad)("%s is refused with the reason, also by the published schema; as it was, it is taken", (_what, good, change, because) => {
    const spoilt = { ...(JSON.parse(encodeRequest(good)) as object), ...change };
    expect(decodeRequest(JSON.stringify(spoilt))).toContain(because);
    expect(published(spoilt)).toBe(false);
    expect(typeof decodeRequest(encodeRequest(good))).toBe("object");
  });
});
