import { BlockList, isIP } from "node:net";
import type { Alert } from "#shared/domain/alert.ts";

/** Where Falco puts the other end of a connection, the surest first: `fd.rip` is the remote one, the server's is it for what the pod dialled. */
const FIELDS = ["fd.rip", "fd.sip"] as const;

/** Never the other end of an attack: ourselves, the link, everybody, nobody. */
const NOT_REMOTE = new BlockList();
for (const [net, prefix] of [
  ["0.0.0.0", 8],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
] as const)
  NOT_REMOTE.addSubnet(net, prefix, "ipv4");
for (const [net, prefix] of [
  ["::", 127],
  ["fe80::", 10],
  ["ff00::", 8],
] as const)
  NOT_REMOTE.addSubnet(net, prefix, "ipv6");

/**
 * The remote address of the connection that the alert is about, in one spelling per address (an IPv4 address mapped into IPv6 is the IPv4
 * one). Null: the alert names none that could be meant, or its fields do not agree that it is an address.
 */
export function remoteOf({ fields }: Pick<Alert, "fields">): string | null {
  for (const key of FIELDS) {
    const value = Object.hasOwn(fields, key) ? fields[key] : undefined;
    if (value === undefined || value === null || value === "" || value === "<NA>") continue;
    return typeof value === "string" ? canonical(value) : null;
  }
  return null;
}

/** One spelling per address (RFC 5952); null: it is none, or none that could be the other end. */
export function canonical(address: string): string | null {
  if (isIP(address) === 4) return NOT_REMOTE.check(address, "ipv4") ? null : address;
  if (isIP(address) !== 6 || address.includes("%")) return null;
  const spelt = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(spelt);
  if (mapped === null) return NOT_REMOTE.check(spelt, "ipv6") ? null : spelt;
  const words = [mapped[1], mapped[2]].map((word) => Number.parseInt(word ?? "0", 16));
  return canonical(words.flatMap((word) => [word >> 8, word & 255]).join("."));
}
