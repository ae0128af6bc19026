import { Command, Option } from "commander";
import { incidentCommands } from "./commands/incidents.ts";
import { muteCommands } from "./commands/mute.ts";
import { switchCommands } from "./commands/switch.ts";
import { webUrl } from "./parse.ts";
import { EXIT } from "./run.ts";

/** The whole command line; nothing is asked before it is parsed. */
export function programOf(): Command {
  const program = new Command("falco-responder")
    .description("Look at incidents, decide about what falco-responder asks, take back what it did, pause it.")
    .addOption(new Option("--stage <stage>", "stage of the deployment").default("dev").env("FALCO_RESPONDER_STAGE"))
    .option("--region <region>", "AWS Region of the deployment (default: as the AWS CLI finds it)")
    .addOption(
      new Option("--url <url>", "function URL of operate, when it cannot be looked up").argParser(webUrl).env("FALCO_RESPONDER_URL"),
    )
    .option("--json", "print the answer as one line of JSON (infra/schemas/answer.json)")
    .showSuggestionAfterError()
    .exitOverride((error) => {
      process.exit(error.exitCode === 0 ? 0 : EXIT.usage);
    })
    .addHelpText(
      "after",
      `
Examples:
  falco-responder incidents list --waiting
  falco-responder show 1f0c2d3e4a5b6c7d
  falco-responder approve 1f0c2d3e4a5b6c7d --action ecs:scale-service-to-zero
  falco-responder pause --reason "deploying the mesh"

Times are in your zone (TZ). NO_COLOR switches colours off. Completion: source <(falco-responder complete bash), or zsh, fish.
Needs lambda:InvokeFunctionUrl, and lambda:InvokeFunction under the condition lambda:InvokedViaFunctionUrl, on the operate function
(and lambda:GetFunctionUrlConfig, unless --url is given): docs/permissions.md, "People".
Exit codes: 0 done, 1 refused (the reason says what to do), 2 wrong usage, 3 the service cannot be reached.`,
    );
  incidentCommands(program);
  muteCommands(program);
  switchCommands(program);
  return program;
}
