import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { counted, type Digest, type Gist, MOST_INCIDENTS } from "#shared/domain/digest.ts";
import { renderDigestSlack, renderDigestSns } from "#shared/notify/digest.ts";
import { slackRefuses, snsRefuses } from "../fakes/channel-rules.ts";
import { published } from "./schemas.ts";

const valid = published("digest");
const gist = (kind: Gist["kind"], more: Partial<Gist> = {}): Gist => ({
  kind,
  rule: "shells",
  cluster: "shop",
  action: null,
  urgent: false,
  ...more,
});
const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);

/** `times` messages of each gist, each of an incident of its own, a second apart. */
function digestOf(...groups: readonly (readonly [times: number, gist: Gist])[]): Digest {
  let digest: Digest | null = null;
  let n = 0;
  for (const [times, one] of groups) for (let i = 0; i < times; i += 1) digest = counted(digest, one, `inc${++n}`, NOW + n * 1_000);
  if (digest === null) throw new Error("no message");
  return digest;
}
const slackText = (digest: Digest): string => JSON.stringify(renderDigestSlack({ digest, stage: "prod" }));
const mail = (digest: Digest) => ({
  kind: "sns" as const,
  topicArn: "arn:aws:sns:eu-west-1:123456789012:falco",
  ...renderDigestSns({ digest, stage: "prod" }),
});

describe("a digest", () => {
  test("says how many of what, where, in how long, and that nothing in it waits", () => {
    const digest = digestOf(
      [100, gist("would-act")],
      [20, gist("would-act", { rule: "miners" })],
      [20, gist("hold")],
      [2, gist("done", { rule: null, cluster: null, action: "ecs:stop-task" })],
    );
    for (const text of [slackText(digest), mail(digest).text]) {
      expect(text).toContain("142 more messages about 142 incidents in 2 min");
      expect(text).toMatch(/\*?120\*? observed only, would have acted \(100 rule `?shells`?, cluster `?shop`?; 20 rule `?miners`?/);
      expect(text).toMatch(/\*?2\*? done and verified \(2 ecs:stop-task\)/);
      expect(text).toContain("None of them waits for an answer, failed or is unknown");
      expect(text).toContain("npm run responder -- show inc1 --stage prod");
    }
    expect(mail(digest).subject).toBe("Falco: 142 more messages about 142 incidents in 2 min");
  });

  test("several messages of one incident are one incident; one more than it remembers is said to be more", () => {
    const two = counted(counted(null, gist("hold"), "inc", NOW), gist("done"), "inc", NOW);
    expect(mail(two).text).toContain("2 more messages about 1 incident at once");
    expect(mail(digestOf([MOST_INCIDENTS, gist("hold")])).text).toContain(`${MOST_INCIDENTS} incidents`);
    expect(mail(digestOf([MOST_INCIDENTS + 1, gist("hold")])).text).toContain(
      `1001 more messages about more than ${MOST_INCIDENTS} incidents`,
    );
  });

  test("whatever is folded, every message is counted once, in the text, the document and the limits", () => {
    const anyGist = fc.record<Gist>({
      kind: fc.constantFrom("act", "would-act", "hold", "tell", "done", "requested", "skipped", "refused"),
      rule: fc.option(fc.string({ maxLength: 200, unit: "binary" })),
      cluster: fc.option(fc.string({ maxLength: 50 })),
      action: fc.constantFrom(null, "ecs:stop-task"),
      urgent: fc.constant(false),
    });
    fc.assert(
      fc.property(fc.array(anyGist, { minLength: 1, maxLength: 400 }), (gists) => {
        const digest = digestOf(...gists.map((one) => [1, one] as const));
        expect(digest.groups.reduce((sum, { count }) => sum + count, 0)).toBe(gists.length);
        const sns = mail(digest);
        expect(snsRefuses(sns)).toBeNull();
        expect([valid(JSON.parse(sns.body)), valid.errors]).toEqual([true, null]);
        const said = [...sns.text.matchAll(/^ - (\d+) /gm)].reduce((sum, [, count]) => sum + Number(count), 0);
        expect(said).toBe(gists.length);
        expect(slackRefuses(renderDigestSlack({ digest, stage: null }))).toBeNull();
      }),
      { numRuns: 60 },
    );
  });

  test("a hostile name of a rule does nothing", () => {
    const rule = "`<!channel>` <https://evil.test|ok> @here *x* \u202e\u001b[31m\r\n- 9 forged token=hunter2hunter2";
    const digest = digestOf([3, gist("hold", { rule, cluster: rule })]);
    const { text, blocks } = renderDigestSlack({ digest, stage: "prod" });
    const shown = blocks.map((block) => ("text" in block ? block.text.text : block.elements.map((one) => one.text).join(" "))).join("\n");
    for (const outside of shown.split("`").filter((_, position) => position % 2 === 0))
      expect(outside).not.toMatch(/<|https:|@here|\*x|\p{Cf}|[^\P{Cc}\n]/u);
    expect(text).not.toContain("evil");
    expect(mail(digest).text).not.toMatch(/https:|\n- 9|\p{Cf}|[^\P{Cc}\n]/u);
    expect(`${shown}${mail(digest).body}`).not.toContain("hunter2hunter2");
  });
});
