import { isRecord } from "#shared/wire/record.ts";

/** A person asks operate for the report of an incident: infra/schemas/report-request.json. */
export interface ReportRequest {
  readonly incident: string;
  /** What was kept is read again, and its hashes are compared. */
  readonly verify: boolean;
}

const SCHEMA = "falco-responder/report-request/1";

export const encodeReportRequest = (request: ReportRequest): string => JSON.stringify({ schema: SCHEMA, ...request });

/** The request in a body, or what is wrong with it, in words for the one who sent it. Null: it is another kind of request. */
export function decodeReportRequest(body: string): ReportRequest | string | null {
  if (body.length > 4_096) return null;
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return null;
  }
  if (!isRecord(value) || value["schema"] !== SCHEMA) return null;
  const { incident, verify = false } = value;
  if (typeof incident !== "string" || !/^[0-9a-f]{16}$/.test(incident)) return "incident has not 16 hex digits";
  if (typeof verify !== "boolean") return "verify is neither true nor false";
  return { incident, verify };
}
