import { BlockList, isIP } from "node:net";
import type { FieldValue } from "#shared/domain/alert.ts";
import type { Test } from "#shared/domain/policy.ts";
import { compareDecimals, readDecimal } from "#shared/policy/decimal.ts";
import { globTest, regexTest } from "#shared/policy/pattern.ts";

/** null: the question cannot be put to this value. `not` leaves it so: what cannot be read is never taken for the opposite. */
export type Truth = boolean | null;

export type ValueTest = (value: FieldValue | undefined) => Truth;

type Scalar = string | number | boolean;

const MAX_ELEMENTS = 1_000;

/** Compiles a test of a policy. Throws SyntaxError for what packaging refuses: a pattern, CIDR or number that cannot be read. */
export function valueTest(test: Test): ValueTest {
  switch (test.op) {
    case "exists":
      return (value) => (elements(value)?.length !== 0) === test.value;
    case "not": {
      const inner = valueTest(test.test);
      return (value) => {
        if (elements(value)?.length === 0) return test.orAbsent;
        const truth = inner(value);
        return truth === null ? null : !truth;
      };
    }
    case "all": {
      const inner = test.tests.map(valueTest);
      return (value) => both(inner.map((each) => each(value)));
    }
    default:
      return ofElements(scalarTest(test));
  }
}

const both = (truths: readonly Truth[]): Truth => (truths.includes(false) ? false : truths.includes(null) ? null : true);

/** Any element may say yes; else one that cannot be asked leaves it open. */
const ofElements =
  (test: (value: Scalar) => Truth): ValueTest =>
  (value) => {
    const all = elements(value);
    if (all === null) return null;
    let open = false;
    for (const element of all) {
      const truth = test(element);
      if (truth === true) return true;
      if (truth === null) open = true;
    }
    return open ? null : false;
  };

/** What is there: no elements for absent in any of Falco's spellings; null for what is not text, number, boolean or a flat list of them. */
function elements(value: FieldValue | undefined): readonly Scalar[] | null {
  if (value === undefined || value === null || value === "" || value === "<NA>") return [];
  if (typeof value !== "object") return [value];
  if (!Array.isArray(value) || value.length > MAX_ELEMENTS) return null;
  const flat: Scalar[] = [];
  for (const element of value as readonly FieldValue[]) {
    if (element === null || element === "" || element === "<NA>") continue;
    if (typeof element === "object") return null;
    flat.push(element);
  }
  return flat;
}

type ScalarQuestion = Exclude<Test, { readonly op: "exists" | "not" | "all" }>;

function scalarTest(test: ScalarQuestion): (value: Scalar) => Truth {
  switch (test.op) {
    case "equals":
      return equalsTest(test.values);
    case "glob":
      return anyOf(test.values.map(globTest));
    case "regex":
      return anyOf(test.values.map(regexTest));
    case "cidr":
      return cidrTest(test.values);
    default:
      return numberTest(test.op, test.value);
  }
}

const anyOf =
  (tests: readonly ((text: string) => boolean)[]) =>
  (value: Scalar): boolean => {
    const text = String(value);
    return tests.some((test) => test(text));
  };

/** By text; a number also by its value, so that 1e3 and 1000 are one. */
function equalsTest(values: readonly string[]): (value: Scalar) => boolean {
  const texts = new Set(values);
  const numbers = values.map(readDecimal).filter((decimal) => decimal !== null);
  return (value) => {
    if (texts.has(String(value))) return true;
    if (typeof value !== "number" || numbers.length === 0) return false;
    const decimal = readDecimal(String(value));
    return decimal !== null && numbers.some((number) => compareDecimals(decimal, number) === 0);
  };
}

function cidrTest(values: readonly string[]): (value: Scalar) => Truth {
  const list = new BlockList();
  for (const value of values) {
    const cidr = readCidr(value);
    if (cidr === null) throw new SyntaxError(`"${value}" is not an address block`);
    list.addSubnet(cidr.address, cidr.bits, cidr.family);
  }
  return (value) => {
    const text = String(value);
    const family = text.includes("%") ? 0 : isIP(text);
    return family === 0 ? null : list.check(text, family === 4 ? "ipv4" : "ipv6");
  };
}

/** "10.0.0.0/8", "2001:db8::/32", or one address. Null when it is neither. */
export function readCidr(text: string): { readonly address: string; readonly bits: number; readonly family: "ipv4" | "ipv6" } | null {
  const found = /^([0-9a-fA-F.:]+)(?:\/(\d{1,3}))?$/.exec(text);
  const address = found?.[1] ?? "";
  const family = isIP(address);
  if (family === 0) return null;
  const most = family === 4 ? 32 : 128;
  const bits = found?.[2] === undefined ? most : Number(found[2]);
  return bits > most ? null : { address, bits, family: family === 4 ? "ipv4" : "ipv6" };
}

function numberTest(op: "<" | "<=" | ">" | ">=", wanted: string): (value: Scalar) => Truth {
  const bound = readDecimal(wanted);
  if (bound === null) throw new SyntaxError(`"${wanted}" is not a number`);
  return (value) => {
    const decimal = typeof value === "boolean" ? null : readDecimal(String(value));
    if (decimal === null) return null;
    const order = compareDecimals(decimal, bound);
    if (op === "<") return order < 0;
    if (op === "<=") return order <= 0;
    return op === ">" ? order > 0 : order >= 0;
  };
}
