/** A piece of a mrkdwn text as Slack reads it. https://docs.slack.dev/messaging/formatting-message-text */
export type Token =
  | { readonly kind: "text" | "code"; readonly text: string }
  | { readonly kind: "link"; readonly target: string; readonly text: string };

/**
 * Slack's reading of a text: code spans end on their line, `<...>` is a link or a mention, three entities are decoded. Throws for what Slack
 * would read in more than one way: a raw `&`, `<` or `>` that opens nothing, a backtick that closes nothing.
 */
export function readMrkdwn(source: string): readonly Token[] {
  const tokens: Token[] = [];
  let plain = "";
  const flush = (): void => {
    if (plain !== "") tokens.push({ kind: "text", text: decoded(plain) });
    plain = "";
  };
  for (let at = 0; at < source.length; at++) {
    const character = source[at];
    if (character === "`") {
      const end = source.indexOf("`", at + 1);
      const body = source.slice(at + 1, end);
      if (end === -1 || body === "" || body.includes("\n")) throw new Error(`a backtick that opens no code span at ${at}`);
      if (/[<>]/.test(body)) throw new Error(`a control character of mrkdwn in a code span at ${at}`);
      flush();
      tokens.push({ kind: "code", text: decoded(body) });
      at = end;
    } else if (character === "<") {
      const end = source.indexOf(">", at);
      const body = source.slice(at + 1, end);
      if (end === -1 || body.includes("<")) throw new Error(`a "<" that opens nothing at ${at}`);
      flush();
      const [target = "", label = ""] = body.split("|");
      tokens.push({ kind: "link", target: decoded(target), text: decoded(label) });
      at = end;
    } else if (character === ">") throw new Error(`a ">" that closes nothing at ${at}`);
    else plain += character;
  }
  flush();
  return tokens;
}

function decoded(text: string): string {
  const stray = /&(?!(?:amp|lt|gt);)/.exec(text);
  if (stray !== null) throw new Error(`a raw "&" at ${stray.index} of "${text.slice(0, 60)}"`);
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}
