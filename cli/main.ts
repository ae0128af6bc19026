import { Command, InvalidArgumentError, Option } from "commander";
import type { OperateRequest } from "#shared/wire/operate.ts";
import { explain, printAnswer } from "./answer.ts";
import { ask, CallError, findUrl } from "./call.ts";
import { addReport } from "./report.ts";

interface Options {
  readonly stage: string;
  readonly region?: string;
  readonly url?: string;
  readonly action?: string;
  readonly target?: string;
  readonly json?: true;
}

/** Exit codes: 0 done or shown, 1 refused, 2 wrong usage, 3 the service cannot be reached or asked. */
const REFUSED = 1;
const USAGE = 2;
const UNREACHABLE = 3;

function webUrl(text: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) throw new InvalidArgumentError("it is no URL of a function.");
  return text;
}

function incidentId(text: string): string {
  if (!/^[0-9a-f]{16}$/.test(text)) throw new InvalidArgumentError("it has not 16 hex digits.");
  return text;
}

const program = new Command("falco-responder")
  .description("Decide about what falco-responder asks, and take back what it did.")
  .addOption(new Option("--stage <stage>", "stage of the deployment").default("dev").env("FALCO_RESPONDER_STAGE"))
  .option("--region <region>", "AWS Region of the deployment (default: as the AWS CLI finds it)")
  .addOption(new Option("--url <url>", "function URL of operate, when it cannot be looked up").argParser(webUrl).env("FALCO_RESPONDER_URL"))
  .option("--json", "print the answer as JSON")
  .exitOverride((error) => {
    process.exit(error.exitCode === 0 ? 0 : USAGE);
  })
  .addHelpText(
    "after",
    `
Examples:
  falco-responder show 1f0c2d3e4a5b6c7d
  falco-responder approve 1f0c2d3e4a5b6c7d --action ecs:scale-service-to-zero
  falco-responder undo 1f0c2d3e4a5b6c7d --action ecs:scale-service-to-zero --stage prod

Needs lambda:InvokeFunctionUrl, and lambda:InvokeFunction under the condition lambda:InvokedViaFunctionUrl, on the operate function
(and lambda:GetFunctionUrlConfig, unless --url is given): docs/permissions.md, "People".
Exit codes: 0 done, 1 refused (the reason says what to do), 2 wrong usage, 3 the service cannot be reached.`,
  );

const verbs = [
  ["show", "Show an incident: what was done, what waits for a person, what can be taken back."],
  ["approve", "Say yes to an action that waits. The target is looked at again before it is done."],
  ["deny", "Say no to an action that waits."],
  ["undo", "Take back an action, as far as its target is still as the action left it."],
] as const;

for (const [verb, description] of verbs) {
  const command = program
    .command(verb)
    .description(description)
    .argument("<incident>", "16 hex digits, as in the notification", incidentId);
  if (verb !== "show")
    command
      .option("--action <action>", "which action, when the incident has several")
      .option("--target <uid>", "which target (or the end of its id), when there are several");
  command.action((incident: string, _own: unknown, self: Command) => go(verb, incident, self.optsWithGlobals<Options>()));
}

async function go(verb: OperateRequest["verb"], incident: string, options: Options): Promise<void> {
  const request: OperateRequest = { verb, incident, action: options.action ?? null, target: options.target ?? null };
  try {
    const url = options.url ?? (await findUrl(options.stage, options.region));
    const answer = await ask(url, request, options.region);
    if (options.json === true) console.log(JSON.stringify(answer));
    else printAnswer(answer);
    process.exitCode = answer.kind === "refused" ? REFUSED : 0;
  } catch (thrown) {
    if (!(thrown instanceof CallError)) throw thrown;
    console.error(explain(thrown));
    process.exitCode = UNREACHABLE;
  }
}

addReport(program.command("incidents").description("Look at incidents."), incidentId);

await program.parseAsync();
