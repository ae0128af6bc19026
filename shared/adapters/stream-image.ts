import { unmarshall } from "@aws-sdk/util-dynamodb";
import type { Item } from "#shared/ports/table.ts";

/** As its exact text where a double would change it: the default throws, and a number set by hand would stop the stream. */
const numberOf = (text: string): number | string =>
  Number.isFinite(Number(text)) && (!/^-?\d{16,}$/.test(text) || Number.isSafeInteger(Number(text))) ? Number(text) : text;

/**
 * The item in a new image of the ledger's stream, as the table's reader gives it: without the attribute that only the index needs.
 * https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_StreamRecord.html
 */
export function itemOfImage(image: Readonly<Record<string, unknown>>): Item {
  const { gsi: _partition, ...item } = unmarshall(image as Parameters<typeof unmarshall>[0], { wrapNumbers: numberOf });
  return item as Item;
}
