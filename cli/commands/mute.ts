import type { Command } from "commander";
import { hexId, muteSeconds, reason } from "../parse.ts";
import { type Place, run } from "../run.ts";

interface MuteOptions extends Place {
  readonly cluster?: string;
  readonly rule?: string;
  readonly workload?: string;
  readonly for: number;
  readonly reason: string;
}

export function muteCommands(program: Command): void {
  const mute = program
    .command("mute")
    .description("Let a policy rule be silent about one owner or workload for a while. Its alerts are still recorded and counted.")
    .argument("[incident]", "mute what this incident is about", hexId)
    .option("--cluster <name>", "without an incident: the cluster, as falco-responder.yml names it")
    .option("--rule <name>", "without an incident: the policy rule")
    .option("--workload <name>", 'without an incident: the owner or workload as lists show it, such as "Deployment/shop/web"')
    .requiredOption("--for <time>", "how long, at most 30d: 30m, 4h, 7d", muteSeconds)
    .requiredOption("--reason <text>", "why: everyone who looks at the mutes or at a held alert reads it", reason)
    .addHelpText(
      "after",
      `
While it lasts, what the rule would do is held ("muted by ..."), and nobody is told. It ends by itself.
A workload that is also accused by another rule is acted on by that rule.

Examples:
  falco-responder mute 1f0c2d3e4a5b6c7d --for 4h --reason "penetration test, ticket 123"
  falco-responder mute --cluster shop-eks --rule shell --workload Deployment/shop/web --for 30m --reason "debugging"`,
    );
  mute.action((incident: string | undefined, _own: unknown, self: Command) => {
    const { cluster, rule, workload, for: seconds, reason: why, ...place } = self.optsWithGlobals<MuteOptions>();
    const named = [cluster, rule, workload];
    if (incident === undefined && named.includes(undefined))
      self.error("error: give an incident, or all of --cluster, --rule and --workload: to be silent about everything is a pause");
    if (incident !== undefined && named.some((one) => one !== undefined))
      self.error("error: give either an incident, or --cluster, --rule and --workload");
    return run(
      {
        verb: "mute",
        incident: incident ?? null,
        cluster: cluster ?? null,
        rule: rule ?? null,
        who: workload ?? null,
        seconds,
        reason: why,
      },
      place,
    );
  });

  program
    .command("unmute")
    .description("End a mute before its time.")
    .argument("<mute>", '16 hex digits, as "mutes" shows them', hexId)
    .addHelpText("after", "\nExample:\n  falco-responder unmute 0a1b2c3d4e5f6071")
    .action((id: string, _own: unknown, self: Command) => run({ verb: "unmute", mute: id }, self.optsWithGlobals<Place>()));

  program
    .command("mutes")
    .description("What is muted, by whom and why; also what was, for eight days.")
    .addHelpText("after", "\nExample:\n  falco-responder mutes --json")
    .action((_own: unknown, self: Command) => run({ verb: "mutes" }, self.optsWithGlobals<Place>()));
}
