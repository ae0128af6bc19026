import type { Command } from "commander";
import { reason, until } from "../parse.ts";
import { type Place, run } from "../run.ts";

interface SwitchOptions extends Place {
  readonly cluster?: string;
  readonly reason?: string;
  readonly until?: number;
}

export function switchCommands(program: Command): void {
  program
    .command("pause")
    .description("Stop every new action, at once. Alerts are still recorded and told; undo and evidence go on.")
    .option("--cluster <name>", "only in this cluster")
    .requiredOption("--reason <text>", "why: everybody is told", reason)
    .option("--until <time>", "remind people then: 4h, or 2026-11-29T08:00Z. It stays paused until somebody resumes", until)
    .addHelpText(
      "after",
      `
Examples:
  falco-responder pause --reason "deploying the mesh"
  falco-responder pause --cluster shop-eks --until 2h --reason "node upgrade"`,
    )
    .action((_own: unknown, self: Command) => turn("pause", self));

  program
    .command("resume")
    .description("End a pause. What else still pauses is said.")
    .option("--cluster <name>", "the pause of this cluster")
    .option("--reason <text>", "why: everybody is told", reason)
    .addHelpText("after", "\nExamples:\n  falco-responder resume\n  falco-responder resume --cluster shop-eks")
    .action((_own: unknown, self: Command) => turn("resume", self));

  program
    .command("status")
    .description("Whether anything is paused, by whom and why, and what is muted.")
    .addHelpText("after", "\nExample:\n  falco-responder status --stage prod")
    .action((_own: unknown, self: Command) => run({ verb: "status" }, self.optsWithGlobals<Place>()));
}

function turn(verb: "pause" | "resume", self: Command): Promise<void> {
  const { cluster, reason: why, until: untilMs, ...place } = self.optsWithGlobals<SwitchOptions>();
  const scope = cluster === undefined ? "fleet" : `cluster/${cluster}`;
  return run({ verb, scope, reason: why ?? null, untilMs: untilMs ?? null }, place);
}
