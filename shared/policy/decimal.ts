const DECIMAL = /^([+-]?)(\d{1,400})(?:\.(\d{1,400}))?(?:[eE]([+-]?\d{1,3}))?$/;

export interface Decimal {
  readonly digits: bigint;
  /** The number is digits * 10^-scale. */
  readonly scale: number;
}

/** Exact, of any size up to a few hundred digits: an `evt.time` in ns does not fit a double. Null: not a decimal number. */
export function readDecimal(text: string): Decimal | null {
  const found = DECIMAL.exec(text);
  if (found === null) return null;
  const fraction = found[3] ?? "";
  const digits = BigInt(`${found[2] ?? ""}${fraction}`);
  const scale = fraction.length - Number(found[4] ?? 0);
  const signed = found[1] === "-" ? -digits : digits;
  return scale >= 0 ? { digits: signed, scale } : { digits: signed * 10n ** BigInt(-scale), scale: 0 };
}

/** Negative, 0 or positive as a is below, equal to or above b. */
export function compareDecimals(a: Decimal, b: Decimal): number {
  const scale = Math.max(a.scale, b.scale);
  const left = a.digits * 10n ** BigInt(scale - a.scale);
  const right = b.digits * 10n ** BigInt(scale - b.scale);
  return left < right ? -1 : left > right ? 1 : 0;
}
