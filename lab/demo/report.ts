import pc from "picocolors";
import type { SnsMessage } from "../inbox.ts";
import type { SlackMessage } from "../slack-double.ts";

/** Prints what happens, remembers what was observed, and says at the end what was not. */
export class Report {
  readonly #missing: string[] = [];
  #seen = 0;
  #alertAt = Date.now();

  title(text: string): void {
    console.log(`\n${pc.bold(text)}`);
  }

  note(text: string): void {
    console.log(pc.dim(`  ${text}`));
  }

  /** From here on, times are since the alert. */
  alert(text: string): void {
    this.#alertAt = Date.now();
    console.log(`  ${pc.red("alert")}     ${text}`);
  }

  /** Awaits one thing that must be observed; false: it was not, and why is remembered. */
  async observe(what: string, look: () => Promise<string>): Promise<boolean> {
    try {
      const found = await look();
      this.#seen++;
      console.log(`  ${pc.green(this.#since())} ${what}: ${found}`);
      return true;
    } catch (thrown) {
      const because = thrown instanceof Error ? thrown.message : String(thrown);
      this.#missing.push(what);
      console.log(`  ${pc.red("not seen ")} ${what}: ${because}`);
      return false;
    }
  }

  missed(what: string): void {
    this.#missing.push(what);
  }

  sns(message: SnsMessage): void {
    console.log(`  ${pc.cyan("SNS")}       ${pc.bold(message.subject)}`);
    const { text } = readable(message.body);
    indent(text.split("\n").slice(0, 40));
  }

  slack(message: SlackMessage): void {
    console.log(`  ${pc.magenta("Slack")}     ${pc.bold(message.text.split("\n")[0] ?? "")}`);
    indent(message.blocks.flatMap(textsOf).slice(0, 40));
  }

  /** Prints the closing lines; true when all was observed. */
  close(): boolean {
    console.log("");
    if (this.#missing.length === 0 && this.#seen > 0) {
      console.log(pc.green(`all ${this.#seen} observations made`));
      return true;
    }
    console.log(pc.red(`not observed (${this.#missing.length} of ${this.#seen + this.#missing.length}):`));
    for (const what of this.#missing) console.log(pc.red(`  - ${what}`));
    return false;
  }

  #since(): string {
    return `+${((Date.now() - this.#alertAt) / 1000).toFixed(1)} s`.padEnd(9);
  }
}

/** The notification's own text for people; the body as it is when it is not of our schema. */
function readable(body: string): { readonly text: string } {
  try {
    const { text } = JSON.parse(body) as { text?: unknown };
    return { text: typeof text === "string" ? text : body };
  } catch {
    return { text: body };
  }
}

const indent = (lines: readonly string[]): void => {
  for (const line of lines)
    if (line.trim() !== "") console.log(pc.dim(`            ${line.length > 130 ? `${line.slice(0, 127)}...` : line}`));
};

/** Every text of a block, in its order. */
function textsOf(block: unknown): string[] {
  if (typeof block === "string") return [];
  if (Array.isArray(block)) return block.flatMap(textsOf);
  if (typeof block !== "object" || block === null) return [];
  const { type, text } = block as { type?: unknown; text?: unknown };
  if ((type === "mrkdwn" || type === "plain_text") && typeof text === "string") return text.split("\n");
  return Object.values(block).flatMap(textsOf);
}
