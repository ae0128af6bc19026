import { crc32 } from "node:zlib";

/** A ZIP archive of one stored file, as CreateFunction takes it. https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT */
export function zipOf(name: string, text: string): Buffer {
  const [file, title] = [Buffer.from(text), Buffer.from(name)];
  // Version, flags, method (stored), time, date (1980-01-01), CRC, both sizes, length of the name, of the extra field.
  const about = Buffer.alloc(26);
  about.writeUInt16LE(20, 0);
  about.writeUInt16LE(0x21, 8);
  about.writeUInt32LE(crc32(file), 10);
  about.writeUInt32LE(file.length, 14);
  about.writeUInt32LE(file.length, 18);
  about.writeUInt16LE(title.length, 22);
  const local = Buffer.concat([Buffer.from("PK\x03\x04"), about, title, file]);
  // Made by (Unix), the same again, then comment, disk, attributes (rw-r--r--) and where the local header is.
  const rest = Buffer.alloc(14);
  rest.writeUInt32LE(0o100644 * 0x10000, 6);
  const central = Buffer.concat([Buffer.from("PK\x01\x02\x14\x03"), about, rest, title]);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(1, 4);
  end.writeUInt16LE(1, 6);
  end.writeUInt32LE(central.length, 8);
  end.writeUInt32LE(local.length, 12);
  return Buffer.concat([local, central, Buffer.from("PK\x05\x06"), end]);
}
