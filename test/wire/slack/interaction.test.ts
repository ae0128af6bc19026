import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readClick } from "#shared/wire/slack/interaction.ts";
import { clickPayload, formOf, RESPONSE_URL, SLACK } from "../../fakes/slack.ts";

const VALUE = `0123456789abcdef.${"0".repeat(32)}`;
const read = (payload: object) => readClick(Buffer.from(formOf(payload)));
const action = (over: object = {}) => ({ type: "button", action_id: "falco-responder:approve", value: VALUE, ...over });

describe("a click", () => {
  test("is read with who, where, which button and what it stands for", () => {
    expect(read(clickPayload("deny", VALUE))).toEqual({
      team: SLACK.team,
      app: SLACK.app,
      user: { team: SLACK.team, id: "U0ALICE" },
      verb: "deny",
      value: VALUE,
      responseUrl: RESPONSE_URL,
      thread: "1700000000.000100",
    });
  });

  test("in a thread is answered in that thread; its user's own team is kept apart from the channel's", () => {
    const foreigner = clickPayload("undo", VALUE, "U9", {
      user: { id: "U9XX", team_id: "T9OTHER" },
      container: { message_ts: "1700000009.1", thread_ts: "1700000000.1" },
    });
    expect(read(foreigner)).toMatchObject({
      verb: "undo",
      team: SLACK.team,
      user: { team: "T9OTHER", id: "U9XX" },
      thread: "1700000000.1",
    });
  });

  test.each<[string, object]>([
    ["another kind of interaction", { type: "view_submission" }],
    ["a button of another app's making", { actions: [action({ action_id: "approve" })] }],
    ["a menu with our name", { actions: [action({ type: "static_select" })] }],
    ["two actions at once", { actions: [action(), action()] }],
    ["no action", { actions: [] }],
  ])("%s is not one of ours; its twin is", (_what, over) => {
    expect(read(clickPayload("approve", VALUE, "U0ALICE", over))).toBe("foreign");
    expect(read(clickPayload("approve", VALUE, "U0ALICE", { actions: [action()] }))).toMatchObject({ verb: "approve" });
  });

  test.each<[string, object]>([
    ["no user", { user: null }],
    ["a user without a team", { user: { id: "U0ALICE" } }],
    ["a user's id of another form", { user: { id: "../U", team_id: SLACK.team } }],
    ["no team", { team: null }],
    ["no app", { api_app_id: undefined }],
    ["a value that is no text", { actions: [action({ value: { a: 1 } })] }],
    ["an endless value", { actions: [action({ value: "x".repeat(201) })] }],
    ["actions that are no list", { actions: "x" }],
  ])("with %s cannot be read", (_what, over) => {
    expect(read(clickPayload("approve", VALUE, "U0ALICE", over))).toBe("unreadable");
  });

  test("keeps no address and no thread that are not of their form", () => {
    expect(read(clickPayload("approve", VALUE, "U0ALICE", { response_url: 7, container: { message_ts: "x" } }))).toMatchObject({
      responseUrl: null,
      thread: null,
    });
  });
});

test.each<[string, string | Uint8Array]>([
  ["another field", `data=${encodeURIComponent("{}")}`],
  ["a second field", `${formOf(clickPayload("approve", VALUE))}&payload=x`],
  ["a field before it", `a=b&${formOf(clickPayload("approve", VALUE))}`],
  ["a broken escape", "payload=%7B%2"],
  ["an escape that is no UTF-8", "payload=%ff"],
  ["bytes that are no UTF-8", Uint8Array.from([...Buffer.from("payload=%7B%7D"), 0xff])],
  ["no JSON", "payload=%7B"],
  ["a list", "payload=%5B%5D"],
  ["nothing", ""],
])("a form with %s cannot be read", (_what, body) => {
  expect(readClick(Buffer.from(body))).toBe("unreadable");
});

test("whatever the bytes are, reading ends with a click or a word", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => ["unreadable", "foreign"].includes(readClick(bytes) as string)));
  fc.assert(
    fc.property(fc.object(), (payload) => {
      const found = read({ ...clickPayload("approve", VALUE), ...payload });
      return typeof found === "string" || found.value === VALUE;
    }),
  );
});
