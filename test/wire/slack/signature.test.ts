import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isFresh, isSigned, signatureOf } from "#shared/wire/slack/signature.ts";

const bytes = (text: string): Buffer => Buffer.from(text);

describe("Slack's signature", () => {
  test("is HMAC-SHA256 over version, timestamp and body, as in Slack's own example", () => {
    // https://docs.slack.dev/authentication/verifying-requests-from-slack gives secret, timestamp, body and signature of one request.
    const body =
      "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    const signed = { timestamp: "1531420618", signature: "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503" };
    expect(isSigned(signed, bytes(body), "8f742231b10e8888abcd99yyyzzz85a5")).toBe(true);
    expect(isSigned(signed, bytes(`${body}x`), "8f742231b10e8888abcd99yyyzzz85a5")).toBe(false);
  });

  test("fits its own secret, timestamp and bytes; whatever differs in any of them does not", () => {
    // Slack's are 32 hex digits. (HMAC fills a short key with zero bytes: keys that end with them would be one.)
    const anySecret = fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: 32, maxLength: 32 });
    const anyTime = fc.integer({ min: 1, max: 4_000_000_000 }).map(String);
    fc.assert(
      fc.property(
        anySecret,
        anySecret,
        anyTime,
        anyTime,
        fc.uint8Array({ maxLength: 300 }),
        fc.uint8Array({ maxLength: 300 }),
        (secret, secret2, time, time2, body, body2) => {
          const signed = { timestamp: time, signature: signatureOf(secret, time, body) };
          expect(isSigned(signed, body, secret)).toBe(true);
          expect(isSigned(signed, body, secret2)).toBe(secret === secret2);
          expect(isSigned({ ...signed, timestamp: time2 }, body, secret)).toBe(time === time2);
          expect(isSigned(signed, body2, secret)).toBe(Buffer.compare(body, body2) === 0);
        },
      ),
    );
  });

  test("with any one character changed fits no more, and no text of another form is compared at all", () => {
    const good = signatureOf("s", "1700000000", bytes("payload=x"));
    const fits = (signature: string) => isSigned({ signature, timestamp: "1700000000" }, bytes("payload=x"), "s");
    expect(fits(good)).toBe(true);
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.string({ unit: "grapheme", minLength: 1, maxLength: 1 }), (at, char) => {
        const changed = `${good.slice(0, at)}${char}${good.slice(at + 1)}`;
        expect(fits(changed)).toBe(changed === good);
      }),
    );
    fc.assert(fc.property(fc.string(), (text) => fits(text) === (text === good)));
    for (const other of [
      good.toUpperCase(),
      good.slice(3),
      `v1=${good.slice(3)}`,
      `${good}0`,
      good.slice(0, -1),
      ` ${good}`,
      `${good}\n`,
      "",
    ])
      expect(fits(other)).toBe(false);
  });

  test("of an empty secret is none", () => {
    expect(isSigned({ signature: signatureOf("", "1", bytes("")), timestamp: "1" }, bytes(""), "")).toBe(false);
  });
});

describe("a timestamp", () => {
  const NOW = 1_700_000_000_000;
  test.each([
    ["now", "1700000000", true],
    ["five minutes old", "1699999700", true],
    ["a second older", "1699999699", false],
    ["five minutes ahead", "1700000300", true],
    ["a second further", "1700000301", false],
    ["no number", "now", false],
    ["a number in another form", "1.7e9", false],
    ["with a sign", "+1700000000", false],
    ["with a leading zero", "01700000000", false],
    ["with a space", "1700000000 ", false],
    ["endless", "9".repeat(400), false],
    ["empty", "", false],
  ])("%s", (_what, timestamp, fresh) => {
    expect(isFresh(timestamp, NOW)).toBe(fresh);
  });
});
