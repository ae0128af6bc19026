import { expect, test } from "vitest";
import { remoteOf } from "#shared/policy/remote.ts";

test.each([
  ["203.0.113.9", "203.0.113.9"],
  ["2001:DB8:0:0::1", "2001:db8::1"],
  ["::ffff:203.0.113.9", "203.0.113.9"],
  ["::ffff:cb00:7109", "203.0.113.9"],
  ["10.0.0.7", "10.0.0.7"],
])("the remote address %s is %s, in one spelling", (said, wanted) => {
  expect(remoteOf({ fields: { "fd.rip": said } })).toBe(wanted);
});

test.each([
  ["127.0.0.1", "the pod itself"],
  ["::1", "the pod itself"],
  ["0.0.0.0", "nobody"],
  ["169.254.169.254", "the link, and the metadata service"],
  ["fe80::1", "the link"],
  ["224.0.0.1", "everybody"],
  ["255.255.255.255", "everybody"],
  ["::ffff:127.0.0.1", "the pod itself"],
  ["203.0.113.9/0", "no address"],
  ["203.0.113.9 ", "no address"],
  ["fe80::1%eth0", "no address"],
  ["evil.example", "no address"],
  ["2130706433", "no address"],
])("%s is %s: nothing is denied for it", (said) => {
  expect(remoteOf({ fields: { "fd.rip": said } })).toBeNull();
});

test("the remote end comes before the server's, and what is not a text is none, whatever the other says", () => {
  expect(remoteOf({ fields: { "fd.rip": "203.0.113.9", "fd.sip": "203.0.113.10" } })).toBe("203.0.113.9");
  expect(remoteOf({ fields: { "fd.rip": "<NA>", "fd.sip": "203.0.113.10" } })).toBe("203.0.113.10");
  expect(remoteOf({ fields: { "fd.rip": 7, "fd.sip": "203.0.113.10" } })).toBeNull();
  expect(remoteOf({ fields: {} })).toBeNull();
});
