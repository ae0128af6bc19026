import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { normalise } from "#shared/wire/falco/alert.ts";
import { exactNumber } from "#shared/wire/falco/exact-number.ts";
import { readTimeMs } from "#shared/wire/falco/time.ts";
import { isRecord } from "#shared/wire/record.ts";
import { alertText } from "../fixtures/shapes.ts";

const read = (source: string, cluster: string | null = "prod") => {
  const body: unknown = JSON.parse(source);
  if (!isRecord(body)) throw new Error("the test's own JSON is no object");
  return normalise({ body, source, under: null }, cluster);
};
const alert = (source: string, cluster: string | null = "prod") => {
  const result = read(source, cluster);
  if (result.kind !== "alert") throw new Error(result.because);
  return result.alert;
};
const withFields = (fields: string) => `{"rule":"r","priority":"Error","time":"2026-11-23T18:59:58Z","output_fields":${fields}}`;

describe("numbers are never rounded silently", () => {
  test("whole numbers beyond 2^53 are their exact text, wherever they stand and however the line is written", () => {
    const big = "1795460398123456789";
    for (const source of [
      alertText(),
      alertText().replace('"evt.time":', '"evt.time": '),
      alertText().replace('"proc.tty"', '"proc.rate":0.5,"proc.tty"'),
      alertText({ fields: { "x.list": [1, "@@1795460398123456789@@"] } }),
      alertText({ cmdline: `sh -c "\\"evt.time\\":12"` }),
      alertText({ fields: { "evt.time": undefined, 'q"evt.time': 1, "evt.time\u00e9": "@@1795460398123456789@@" } }).replace(
        '"evt.time\u00e9"',
        '"evt.time"',
      ),
    ]) {
      expect(alert(source).fields["evt.time"], source).toBe(big);
    }
  });

  test.each([
    ["9007199254740990.7", "9007199254740990.7"],
    ["1.00000000000000000001", "1.00000000000000000001"],
    ["0.1", 0.1],
    ["1.50", 1.5],
    ["1846.4", 1846.4],
    ["1e3", 1000],
    ["12e3", 12000],
    ["-1", -1],
    ["9007199254740991", 9007199254740991],
    ["9007199254740992", "9007199254740992"],
    ["-9007199254740993", "-9007199254740993"],
    ["18446744073709551615", "18446744073709551615"],
    ["1e400", "1e400"],
    ["0.30000000000000000000000000001", "0.30000000000000000000000000001"],
  ])("%s", (text, expected) => {
    expect(alert(withFields(`{"a":${text},"b":"x"}`)).fields["a"]).toBe(expected);
    expect(alert(withFields(`{"a":{"b":[${text}]}}`)).fields["a"]).toEqual({ b: [expected] });
    expect(exactNumber(text, Number(text))).toBe(expected);
  });

  test("any number, anywhere among any texts: a number in the fields is exactly what was written", () => {
    const number = fc.oneof(
      fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).map(String),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
      fc.tuple(fc.nat(), fc.nat()).map(([a, b]) => `${a}.${b}`),
      fc.tuple(fc.integer(), fc.integer({ min: -30, max: 30 })).map(([a, b]) => `${a}e${b}`),
    );
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.string(),
          fc.oneof(
            number,
            fc.string().map((text) => JSON.stringify(text)),
          ),
        ),
        fc.boolean(),
        (members, tail) => {
          const fields = `{${Object.entries(members)
            .map(([key, text]) => `${JSON.stringify(key)}:${text}`)
            .join(",")}}`;
          const source = `{"output":"x","output_fields":${fields}${tail ? ',"priority":"Error","rule":"r"}' : ',"rule":"r","priority":"Error"}'}`;
          const exact = alert(source).fields;
          for (const [key, text] of Object.entries(members)) {
            const value = exact[key];
            if (text.startsWith('"')) expect(value).toBe(JSON.parse(text));
            else if (typeof value === "string") expect(value).toBe(text);
            else expect(sameDecimal(text, String(value)), `${text} became ${String(value)}`).toBe(true);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("identity", () => {
  const id = (source: string, cluster: string | null = "prod") => alert(source, cluster).id;

  test("the same for every spelling of the same content, and for whatever shippers add outside the fields", () => {
    const one = id(alertText());
    expect(one).toMatch(/^[0-9a-f]{64}$/);
    expect(id(JSON.stringify(JSON.parse(alertText()), null, 2).replace(/1795460398123456\d+/, "1795460398123456789"))).toBe(one);
    expect(id(alertText().replace(/[^ -~]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`))).toBe(one);
    expect(id(alertText({ source: "stdout" }).replace('"hostname":"ip-10-0-3-7"', '"hostname":"other","uuid":"1"'))).toBe(one);
    expect(id(alertText().replace('"user.loginuid":-1,"user.name":"root"', '"user.name":"root","user.loginuid":-1'))).toBe(one);
    expect(id(alertText().replace("docker.io/library", "docker.io\\/library"))).toBe(one);
  });

  test("another with another cluster, rule, time or field, down to the last digit", () => {
    const ids = [
      id(alertText()),
      id(alertText(), "shop"),
      id(alertText(), null),
      id(alertText({ rule: "Other" })),
      id(alertText({ time: "2026-11-23T18:59:58.123456788Z" })),
      id(alertText({ fields: { "evt.time": "@@1795460398123456788@@" } })),
      id(alertText({ fields: { "evt.time": "1795460398123456789" } })),
      id(alertText({ fields: { "user.name": null } })),
      id(alertText({ fields: { "user.name": "<NA>" } })),
      id(alertText({ fields: { extra: 1 } })),
    ];
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("the order of keys and the spelling never matter (property)", () => {
    const value = fc.oneof(fc.string(), fc.integer(), fc.constant(null), fc.boolean(), fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n }));
    const json = (entries: readonly (readonly [string, unknown])[], blank: string) =>
      withFields(
        `{${entries.map(([key, field]) => `${JSON.stringify(key)}:${blank}${typeof field === "bigint" ? String(field) : JSON.stringify(field)}`).join(`,${blank}`)}}`,
      );
    fc.assert(
      fc.property(fc.dictionary(fc.string(), value), (fields) => {
        const entries = Object.entries(fields);
        const one = id(json(entries, ""));
        expect(id(json(entries.toReversed(), " "))).toBe(one);
        expect(
          id(
            json(
              entries.toSorted(([a], [b]) => (a < b ? -1 : 1)),
              "",
            ),
          ),
        ).toBe(one);
      }),
    );
  });

  test("a key of an object's prototype is a key like any other", () => {
    const source = withFields('{"constructor":"a","__proto__":"b","a":9007199254740993}');
    expect(Object.entries(alert(source).fields)).toEqual(
      expect.arrayContaining([
        ["__proto__", "b"],
        ["a", "9007199254740993"],
      ]),
    );
    expect(id(source)).not.toBe(id(withFields('{"constructor":"a","__proto__":"c","a":9007199254740993}')));
  });
});

describe("what an alert says of its target", () => {
  const target = (fields: object) => {
    const { containerId, onHost } = alert(withFields(JSON.stringify(fields)));
    return { containerId, onHost };
  };
  const full = "3f9d0c4a11be".padEnd(64, "0");

  test.each([
    [{ "container.id": "3f9d0c4a11be" }, { containerId: "3f9d0c4a11be", onHost: false }],
    [
      { "container.id": "3f9d0c4a11be", "container.full_id": full },
      { containerId: full, onHost: false },
    ],
    [
      { "container.id": null, "container.full_id": full },
      { containerId: full, onHost: false },
    ],
    [
      { "container.id": "aaaaaaaaaaaa", "container.full_id": full },
      { containerId: null, onHost: false },
    ],
    [{ "container.id": "host" }, { containerId: null, onHost: true }],
    [
      { "container.id": "host", "container.full_id": full },
      { containerId: null, onHost: true },
    ],
    [{ "container.id": "" }, { containerId: null, onHost: false }],
    [{ "container.id": "<NA>" }, { containerId: null, onHost: false }],
    [{ "container.id": null }, { containerId: null, onHost: false }],
    [{ "container.id": "3F9D0C4A11BE" }, { containerId: null, onHost: false }],
    [{ "container.id": "3f9d0c4a11b" }, { containerId: null, onHost: false }],
    [{ "container.id": "3f9d0c4a11be*" }, { containerId: null, onHost: false }],
    [{ "container.id": ["3f9d0c4a11be"] }, { containerId: null, onHost: false }],
    [{}, { containerId: null, onHost: false }],
  ])("%j", (fields, expected) => {
    expect(target(fields)).toEqual(expected);
  });
});

test("Falco speaking of itself is internal, whatever its priority", () => {
  expect(alert(alertText({ rule: "Falco internal: syscall event drop", priority: "Critical" })).internal).toBe(true);
  expect(alert(alertText({ source: "internal" })).internal).toBe(true);
  expect(alert(alertText({ rule: "About Falco internal: x" })).internal).toBe(false);
});

test("a time without a zone, or none, is no time; the text stays as it was", () => {
  expect(readTimeMs("2026-11-23T18:59:58.123456789Z")).toBe(Date.parse("2026-11-23T18:59:58.123Z"));
  expect(readTimeMs("2026-11-23T18:59:58+0100")).toBe(Date.parse("2026-11-23T17:59:58Z"));
  for (const text of ["2026-11-23T18:59:58", "2021-04-13T20:58:00.746609046Z+2", "yesterday", "", "2026-13-45T99:99:99Z"])
    expect(readTimeMs(text)).toBeNull();
  expect(alert(alertText({ time: "2021-04-13T20:58:00.746609046Z+2" }))).toMatchObject({
    time: "2021-04-13T20:58:00.746609046Z+2",
    timeMs: null,
  });
  expect(alert('{"rule":"r","priority":3,"time":{"seconds":1570094449,"nanos":259268899}}')).toMatchObject({
    time: "2019-10-03T09:20:49.259268899Z",
    priority: "Error",
  });
});

test("fields that are no object or nested without end are a reason, never a crash", () => {
  expect(read(withFields("[]"))).toMatchObject({ kind: "unreadable", because: expect.stringContaining("no object") });
  expect(read(withFields(`{"a":${"[".repeat(20)}1${"]".repeat(20)}}`)).kind).toBe("alert");
  expect(read(withFields(`{"a":${"[".repeat(200)}1${"]".repeat(200)}}`))).toMatchObject({ kind: "unreadable" });
  expect(read(withFields(`{"a":${'{"a":'.repeat(200_000)}1${"}".repeat(200_000)}}`))).toMatchObject({ kind: "unreadable" });
});

/** Whether two decimal spellings mean the same number, by exact arithmetic. */
function sameDecimal(a: string, b: string): boolean {
  const [x, y] = [scaled(a), scaled(b)];
  const least = Math.min(x.exponent, y.exponent);
  return x.digits * 10n ** BigInt(x.exponent - least) === y.digits * 10n ** BigInt(y.exponent - least);
}

function scaled(text: string): { readonly digits: bigint; readonly exponent: number } {
  const [mantissa = "0", power = "0"] = text.toLowerCase().split("e");
  const [whole = "0", fraction = ""] = mantissa.split(".");
  return { digits: BigInt(`${whole}${fraction}`), exponent: Number(power) - fraction.length };
}
