import { differs } from "../oracle/compare.ts";
import { unseen } from "../oracle/inert.ts";
import { END } from "../payloads/text.ts";
import { exactly, ids, type Route } from "../route.ts";

/** Between ingest and respond nothing is changed: the text arrives as it was written, and stands for itself. */
export const queue: Route = {
  name: "queue entry",
  of: ({ entries, report, kept }) => ({
    entries: entries.map(({ wholeAt, ...entry }) => ({ ...entry, isWhole: wholeAt === null || kept.includes(END) })),
    report,
  }),
  check: (twin, hostile, payload) =>
    differs(ids(twin), ids(hostile), (body) => {
      if (body === ids(payload.text) || body === payload.text) return null;
      const [, start = "", chars = "0"] = /^([\s\S]*) \.\.\. \(cut: (\d+) characters\)?$/.exec(body) ?? [];
      return start.length > 15 && Number(chars) > payload.text.length && payload.text.startsWith(start)
        ? null
        : "another text than was written";
    }),
};

/** One line of JSON after the other, each with its own level and message. */
export const log: Route = {
  name: "log lines",
  of: ({ log: written }) =>
    written
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => {
        const { timestamp, _aws, FalcoToIngest, FalcoToDecision, ...fields } = JSON.parse(line) as Record<string, unknown>;
        return { ...fields, isTimed: timestamp !== undefined || _aws !== undefined };
      }),
  check: (twin, hostile) => differs(ids(twin), ids(hostile), (body) => unseen(JSON.stringify(body))),
};

export const terminal: Route = {
  name: "command line",
  of: ({ terminal: printed }) => printed.split("\n"),
  check: (twin, hostile, payload) => differs(ids(twin), ids(hostile), (body) => unseen(body) ?? exactly(payload, body)),
};

/** StopTask with its reason, and whatever else was changed on AWS: the same whatever was written. */
export const stopReason: Route = {
  name: "StopTask reason",
  closed: true,
  of: ({ effects }) => effects,
  check: (twin, hostile) => differs(ids(twin), ids(hostile), () => "others' text"),
};

/** Labels, annotations, policies, their names, and what is asked with them: the same whatever was written. */
export const cluster: Route = {
  name: "Kubernetes writes",
  closed: true,
  of: ({ effects }) => effects,
  check: (twin, hostile) => differs(ids(twin), ids(hostile), () => "others' text"),
};
