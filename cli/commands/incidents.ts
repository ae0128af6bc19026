import { type Command, Option } from "commander";
import type { ListRequest, OperateRequest } from "#shared/wire/operate.ts";
import { hexId, rows, since } from "../parse.ts";
import { addReport } from "../report.ts";
import { type Place, run } from "../run.ts";

const INCIDENT = "16 hex digits, as in the notification";

interface ListOptions extends Place {
  readonly state: ListRequest["state"];
  readonly cluster?: string;
  readonly rule?: string;
  readonly since?: number;
  readonly waiting?: true;
  readonly limit: number;
  readonly cursor?: string;
}

export function incidentCommands(program: Command): void {
  const incidents = program.command("incidents").description("List incidents, and show one.");
  const list = incidents.command("list").description("Incidents, the newest first.");
  list
    .addOption(new Option("--state <state>", "open, closed, or all").choices(["open", "closed", "all"]).default("open"))
    .option("--cluster <name>", "only of this cluster, as falco-responder.yml names it")
    .option("--rule <name>", "only of this policy rule")
    .option("--since <time>", "opened since then: 6h, 2d, or 2026-11-28T20:00Z (default: 30 days)", since)
    .option("--waiting", "only those that wait for a person")
    .option("--limit <rows>", "at most so many rows", rows, 20)
    .option("--cursor <cursor>", "go on where a list ended")
    .addHelpText(
      "after",
      `
Examples:
  falco-responder incidents list
  falco-responder incidents list --waiting --cluster shop-eks
  falco-responder incidents list --state all --since 2d --limit 100 --json`,
    )
    .action((_own: unknown, self: Command) => {
      const { state, cluster, rule, since: sinceMs, waiting, limit, cursor, ...place } = self.optsWithGlobals<ListOptions>();
      const request: ListRequest = {
        verb: "list",
        state,
        cluster: cluster ?? null,
        rule: rule ?? null,
        sinceMs: sinceMs ?? null,
        waiting: waiting === true,
        most: limit,
        cursor: cursor ?? null,
      };
      return run(request, place);
    });
  const about = "Show an incident: what was done, what waits for a person, what can be taken back.";
  addReport(incidents, hexId);
  ofIncident(incidents, "show", about, "falco-responder incidents show 1f0c2d3e4a5b6c7d");
  ofIncident(program, "show", `${about} Short for "incidents show".`, "falco-responder show 1f0c2d3e4a5b6c7d --json");
  for (const [verb, description, example] of DECISIONS) {
    ofIncident(program, verb, description, example)
      .option("--action <action>", "which action, when the incident has several")
      .option("--target <uid>", "which target (or the end of its id), when there are several");
  }
}

const DECISIONS = [
  [
    "approve",
    "Say yes to an action that waits. The target is looked at again before it is done.",
    "falco-responder approve 1f0c2d3e4a5b6c7d --action ecs:scale-service-to-zero",
  ],
  ["deny", "Say no to an action that waits. Nothing is done.", "falco-responder deny 1f0c2d3e4a5b6c7d"],
  [
    "undo",
    "Take back an action, as far as its target is still as the action left it.",
    "falco-responder undo 1f0c2d3e4a5b6c7d --action ecs:scale-service-to-zero --stage prod",
  ],
  [
    "release",
    "Let an isolated or protected workload go. It was accused, and nothing in it was repaired: the answer says what it gets back.",
    "falco-responder release 1f0c2d3e4a5b6c7d --action kubernetes:quarantine",
  ],
] as const;

interface IncidentOptions extends Place {
  readonly action?: string;
  readonly target?: string;
}

const ofIncident = (parent: Command, verb: OperateRequest["verb"], description: string, example: string): Command =>
  parent
    .command(verb)
    .description(description)
    .argument("<incident>", INCIDENT, hexId)
    .addHelpText("after", `\nExample:\n  ${example}`)
    .action((incident: string, _own: unknown, self: Command) => {
      const { action, target, ...place } = self.optsWithGlobals<IncidentOptions>();
      return run({ verb, incident, action: action ?? null, target: target ?? null }, place);
    });
