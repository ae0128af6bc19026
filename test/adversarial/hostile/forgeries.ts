import type { FieldValue } from "#shared/domain/alert.ts";
import type { Registry } from "#shared/domain/registry.ts";
import type { World } from "../../fakes/world.ts";
import { at, type Shot } from "../stage.ts";

/** What both stages have, and forgeries change. */
export interface Scene {
  readonly world: World;
  readonly shot: Shot;
  registry: Registry;
}

/** A line that somebody made up or tampered with, and its twin, which differs in that one fact. */
export interface Forgery {
  readonly family: string;
  readonly name: string;
  readonly refuse: (scene: Scene) => void;
  readonly act: (scene: Scene) => void;
  /** Why nothing is done, as it is recorded. */
  readonly because: RegExp;
}

const nothing = (): void => undefined;
const shown = (value: unknown): string => JSON.stringify(value) ?? "(none)";

const GROUPS: readonly ((group: string) => string)[] = [
  (group) => `${group}/`,
  (group) => group.toUpperCase(),
  (group) => `${group} `,
  (group) => ` ${group}`,
  (group) => group.slice(1),
  (group) => group.replace("o", "\u043e"),
  (group) => `${group}\u0000`,
  (group) => `${group}\u200b`,
  (group) => `${group}-2`,
  (group) => `${group}/../${group}`,
  () => "",
  () => "*",
  () => "__proto__",
];
const groups = GROUPS.map(
  (of, n): Forgery => ({
    family: "unregistered group",
    name: `a log group of nearly the same name, ${n + 1}`,
    refuse: ({ shot }) => {
      shot.logGroup = of(shot.logGroup);
    },
    act: nothing,
    because: /no cluster is registered/,
  }),
);

const owners = ["999999999999", "111122223334", "", "111122223333 ", "11112222333", "0"].map(
  (owner): Forgery => ({
    family: "unregistered account",
    name: `the log group of account ${shown(owner)}`,
    refuse: ({ shot }) => {
      shot.owner = owner;
    },
    act: nothing,
    because: /an account that is not registered/,
  }),
);

/** The stream is always falco/1. */
const prefixed = (scene: Scene, streamPrefix: string): void => {
  const clusters = scene.registry.clusters.map((cluster) => ({
    ...cluster,
    sources: cluster.sources.map((source) => ({ ...source, streamPrefix })),
  }));
  scene.registry = { ...scene.registry, clusters };
};
const streams = ["Falco/", "falco/2", "/falco/", "falco/1/", "falco\u200b/", "alco/1", "*", "falco/*", " falco/"].map(
  (prefix): Forgery => ({
    family: "unregistered stream",
    name: `the streams of the cluster begin with ${shown(prefix)}`,
    refuse: (scene) => prefixed(scene, prefix),
    act: (scene) => prefixed(scene, "falco/"),
    because: /no cluster is registered/,
  }),
);

const LIES: Readonly<Record<string, readonly FieldValue[]>> = {
  "static.cluster": ["other", "SHOP-PROD", "shop-prod ", "shop-prod\u200b", "", 1, true, null, ["shop-prod"], { name: "shop-prod" }],
  "static.account": ["999999999999", 1, "", "0111122223333", "1.11122223333e11", null, ["111122223333"].concat("x")],
  "static.region": ["us-east-1", "EU-WEST-1", "eu-west-1 ", "", null, ["eu-west-1"], 1],
};
const truthOf = ({ registry, shot }: Scene, key: string): string => {
  const cluster = registry.clusters.find(({ sources }) => sources.some(({ logGroup }) => logGroup === shot.logGroup));
  return { "static.cluster": cluster?.name, "static.account": cluster?.account, "static.region": cluster?.region }[key] ?? "";
};
const statics = Object.entries(LIES).flatMap(([key, lies]) =>
  lies.map(
    (lie): Forgery => ({
      family: "static field",
      name: `${key} is ${shown(lie)}`,
      refuse: ({ shot }) => {
        shot.fields[key] = lie;
      },
      act: (scene) => {
        scene.shot.fields[key] = truthOf(scene, key);
      },
      because: /names another (cluster|account|region)/,
    }),
  ),
);

const TIMES: readonly (readonly [string, (world: World) => string | null, RegExp])[] = [
  ["absent", () => null, /carries no time/],
  ["empty", () => "", /carries no time/],
  ["in words", () => "now", /carries no time/],
  ["without a zone", (world) => at(world, -10_000).replace("Z", ""), /carries no time/],
  ["with a blank", (world) => at(world, -10_000).replace("T", " "), /carries no time/],
  ["with a line break behind", (world) => `${at(world, -10_000)}\n`, /carries no time/],
  ["of seconds", (world) => String(Math.floor(world.clock.now() / 1_000)), /carries no time/],
  ["month 13", () => "2026-13-01T11:59:50.000000000Z", /carries no time/],
  ["16 minutes old", (world) => at(world, -16 * 60_000), /old/],
  ["a day old", (world) => at(world, -86_400_000), /old/],
  ["of 1970", () => "1970-01-01T00:00:00.000000000Z", /old/],
  ["3 minutes ahead", (world) => at(world, 3 * 60_000), /future|ahead/],
  ["of the year 9999", () => "9999-12-31T23:59:59.999999999Z", /future|ahead/],
  ["in another zone than it says", (world) => at(world, -10_000).replace("Z", "-01:00"), /future|ahead/],
];
const times = TIMES.map(
  ([name, time, because]): Forgery => ({
    family: "time",
    name: `the alert's time is ${name}`,
    refuse: ({ world, shot }) => {
      shot.time = time(world);
    },
    act: nothing,
    because,
  }),
);

const IDS: readonly FieldValue[] = [
  null,
  "",
  "<NA>",
  "host",
  "abc",
  "0123456789abcdef",
  "ffffffffffff",
  12,
  1e21,
  true,
  ["x"],
  { id: "x" },
  "__proto__",
  "../../x",
];
const containers = IDS.map(
  (id): Forgery => ({
    family: "container id",
    name: `container.id is ${shown(id)}`,
    refuse: ({ shot }) => {
      shot.fields["container.id"] = id;
    },
    act: nothing,
    because: /./,
  }),
);
const SPOILT: readonly (readonly [string, (id: string) => FieldValue])[] = [
  ["in capitals", (id) => id.toUpperCase().replace(/^\d+$/, "ABCDEFABCDEF")],
  ["cut to 11", (id) => id.slice(0, 11)],
  ["with a blank behind", (id) => `${id} `],
  ["with a line break behind", (id) => `${id}\n`],
  ["with a NUL behind", (id) => `${id}\u0000`],
  ["with a zero width space within", (id) => `${id.slice(0, 6)}\u200b${id.slice(6)}`],
  ["with a scheme", (id) => `containerd://${id}`],
  ["in a list", (id) => [id]],
  ["in an object", (id) => ({ id })],
  ["with another end", (id) => `${id}${"0".repeat(52)}`],
];
const spoilt = SPOILT.map(
  ([name, of]): Forgery => ({
    family: "container id",
    name: `the container's id stands ${name}`,
    refuse: ({ shot }) => {
      shot.fields["container.id"] = of(String(shot.fields["container.id"]));
    },
    act: nothing,
    because: /./,
  }),
);

const named = ["ecs_task_arn", "container_id", "task_arn", "container.id", "docker_id", "pod_name", "pod_id", "uid"];
/** What a shipper says is about Falco's own task and pod, even where it names the offender's container. */
const sensors = named.map(
  (key): Forgery => ({
    family: "shipper's metadata",
    name: `the container stands in ${key} of the shipper alone`,
    refuse: ({ shot }) => {
      shot.sensor[key] = String(shot.fields["container.id"]);
      shot.fields["container.id"] = null;
    },
    act: ({ shot }) => {
      shot.sensor[key] = String(shot.fields["container.id"]);
    },
    because: /./,
  }),
);

export const forgeries: readonly Forgery[] = [...groups, ...owners, ...streams, ...statics, ...times, ...containers, ...spoilt, ...sensors];

/** Keys and numbers within an alert that is whole otherwise, as text: a parser may read them in several ways. Only ECS ships it flat. */
const INSIDE: readonly (readonly [name: string, refuse: (line: string) => string, act: (line: string) => string])[] = [
  [
    "the container under __proto__ of the fields",
    (line) => line.replace(/"container\.id":"([0-9a-f]+)"/, '"__proto__":{"container.id":"$1"}'),
    proto,
  ],
  ["the fields under __proto__", (line) => line.replace('"output_fields":', '"__proto__":'), proto],
  ["the rule under __proto__", (line) => line.replace(/"rule":"[^"]*"/, '"__proto__":{"rule":"Terminal shell in container"}'), proto],
  [
    "the container under constructor",
    (line) => line.replace(/"container\.id":"([0-9a-f]+)"/, '"constructor":{"prototype":{"container.id":"$1"}}'),
    proto,
  ],
  [
    "the container a second time, another",
    (line) => line.replace(/("container\.id":"[0-9a-f]+")/, '$1,"container.id":"ffffffffffff"'),
    same,
  ],
  [
    "the full id beside it, another",
    (line) => line.replace(/("container\.id":"[0-9a-f]+")/, `$1,"container.full_id":"${"f".repeat(64)}"`),
    same,
  ],
  ["the fields a second time, empty", (line) => line.replace(/}$/, ',"output_fields":{}}'), same],
  ["the rule a second time, another", (line) => line.replace(/}$/, ',"rule":"Quiet"}'), same],
  ["the priority a second time, none", (line) => line.replace(/}$/, ',"priority":"None"}'), same],
  ["fields that are a text", (line) => line.replace(/"output_fields":{/, '"output_fields":"x","was":{'), same],
  ["fields that are a list", (line) => line.replace(/"output_fields":{/, '"output_fields":[],"was":{'), same],
  ["a rule that is a list", (line) => line.replace(/"rule":"[^"]*"/, '"rule":["Terminal shell in container"]'), same],
  ["a rule of another spelling", (line) => line.replace("Terminal shell", "Terminal  shell"), same],
  ["a rule with a zero width space", (line) => line.replace("Terminal shell", "Terminal\u200b shell"), same],
  ["a rule in Cyrillic", (line) => line.replace("Terminal", "T\u0435rminal"), same],
];
function same(line: string): string {
  return line;
}
function proto(line: string): string {
  return line.replace(/}$/, ',"__proto__":{"output_fields":{"container.id":"ffffffffffff"}},"constructor":1}');
}
const NUMBERS = [
  "1e400",
  "-1e400",
  "1e-400",
  "123456789012345678901234567890",
  "0.1000000000000000055511151231257827",
  "-0",
  "9007199254740993",
  "1E5",
];

export const insides: readonly Forgery[] = [
  ...INSIDE.map(
    ([name, refuse, act]): Forgery => ({
      family: "keys",
      name,
      refuse: ({ shot }) => {
        shot.line = refuse;
      },
      act: ({ shot }) => {
        shot.line = act;
      },
      because: /./,
    }),
  ),
  ...NUMBERS.map(
    (number): Forgery => ({
      family: "numbers",
      name: `the container's id is ${number}, which no field of its own makes one`,
      refuse: ({ shot }) => {
        shot.line = (line) => line.replace(/"container\.id":"[0-9a-f]+"/, `"container.id":${number}`);
      },
      act: ({ shot }) => {
        shot.line = (line) => line.replace('"output_fields":{', `"output_fields":{"evt.res":${number},`);
      },
      because: /./,
    }),
  ),
];
