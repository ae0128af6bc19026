/**
 * Takes secrets out of texts that leave the ledger: command lines, environments, URLs, headers. What is not a secret stays readable,
 * because a person has to judge the command. Texts are bounded and no expression nests repetitions, so hostile text is read in time.
 * What cannot be seen: a secret without a telling name, flag, shape or entropy (`./run hunter2`).
 */

const MASK = "[redacted]";

type Replace = string | ((match: string, ...groups: string[]) => string);
type Pattern = readonly [RegExp, Replace];

/** Values that name where a secret is, or say that there is none. */
const NOT_A_VALUE = String.raw`(?!(?:\$\{?[A-Za-z_]\w{0,60}\}?|\*{3,}|<NA>|null|true|false|none|stdin|\[redacted\])(?=$|[\s"'&;,|)}\]]))`;
/** To the end of the word; `&`, `;`, `,` and quotes end it only where something new begins behind them. */
const WORD = String.raw`(?:[^\s"'&;,]|[&;,](?![\s"']|$|[\w .-]{1,40}=)|["'](?![\s,}\])&;|]|$))+`;
const QUOTED = String.raw`"(?:[^"\\]|\\.)+"|'[^']+'`;
const VALUE = `(?:${NOT_A_VALUE}(?:${QUOTED}|${WORD}))`;

/** Names whose value is a secret when the name ends so: DB_PASSWORD=, clientSecret:, X-Amz-Signature=. Not: PASSWORD_FILE, max_tokens. */
const NAMES = `(?:pass(?:word|wd|phrase)|passwort|(?:(?<![a-z])|(?<=db|my|ssh|user|root|admin|sql|ftp|mail|smtp|redis|key|store|trust))pass|(?:(?<![a-z])|(?<=db|user|my|sa))pwd(?!=["']?[/.~])|(?<!:)secret|token|(?:api|access|secret|private|shared|account|auth|encryption|signing|master|license|session|storage|subscription|service|deploy|app)[_-]?key|secretaccesskey|credentials?|connection[_-]?string|signature|(?<![a-z])sig|j?session[_-]?id|phpsessid|(?<=[_-])auth|bearer|webhook[_-]?url)`;

/** Shapes that are secrets wherever they stand. The first group stays, so that a person knows what leaked. */
const SHAPES: readonly Pattern[] = [
  [
    /-----BEGIN ([A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?)-----[\s\S]*?(?:-----END [A-Z0-9 ]{0,40}-----|$)/g,
    (_m, kind) => `[redacted ${kind.toLowerCase()}]`,
  ],
  [/\bAGE-SECRET-KEY-1[A-Z0-9]{10,}/g, MASK],
  [/\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)?/g, "[redacted jwt]"],
  // The last four of an access key id tell which key to disable, and open nothing.
  [/\b(AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{12}([A-Z0-9]{4})\b/g, (_m, kind, tail) => `${kind}…${tail}`],
  [/\b(gh[pousr]_)[A-Za-z0-9]{20,}/g, `$1${MASK}`],
  [/\b(github_pat_)\w{20,}/g, `$1${MASK}`],
  [/\b(gl(?:pat|rt|dt|cbt|ptt|soat)-)[\w.-]{15,}/g, `$1${MASK}`],
  [/\b(xox[abceoprs]-|xapp-)[\w-]{8,}/g, `$1${MASK}`],
  [/(hooks\.slack(?:-gov)?\.com\/(?:services|workflows|triggers)\/)[\w/-]{6,}/g, `$1${MASK}`],
  [/((?:discord|discordapp)\.com\/api\/(?:v\d+\/)?webhooks\/)[\w/-]{6,}/g, `$1${MASK}`],
  [/\b((?:sk|rk|pk)_(?:live|test)_)[A-Za-z0-9]{10,}/g, `$1${MASK}`],
  [/\b(whsec_)[A-Za-z0-9+/=]{16,}/g, `$1${MASK}`],
  [/\b(sk-(?:ant-|proj-|svcacct-)?)[A-Za-z0-9_-]{20,}/g, `$1${MASK}`],
  [/\b(AIza)[\w-]{35}/g, `$1${MASK}`],
  [/\b(ya29\.)[\w-]{20,}/g, `$1${MASK}`],
  [/\b(npm_)[A-Za-z0-9]{30,}/g, `$1${MASK}`],
  [/\b(pypi-)[\w-]{30,}/g, `$1${MASK}`],
  [/\b(SG\.)[\w-]{16,}\.[\w-]{16,}/g, `$1${MASK}`],
  [/\b(dop_v1_|doo_v1_|dor_v1_|shpat_|shpss_|dckr_pat_|glsa_|hf_|NRAK-|lin_api_|hv[sbr]\.)[A-Za-z0-9_-]{16,}/g, `$1${MASK}`],
  [/\b(SK|AC)[0-9a-f]{32}\b/g, `$1${MASK}`],
  [/\b(\d{8,10}:)AA[\w-]{33}\b/g, `$1${MASK}`],
];

const HEADERS: readonly Pattern[] = [
  [
    new RegExp(
      String.raw`((?:proxy-)?authorization["']?\s{0,4}[:=]\s{0,4}["']?(?:(?:bearer|basic|token|digest|negotiate|apikey|ntlm)\s{1,4})?)${NOT_A_VALUE}(?!(?:bearer|basic|token|digest|AWS4-HMAC-SHA256)\b)[^\s"',;]+`,
      "gi",
    ),
    `$1${MASK}`,
  ],
  [/\b(bearer\s{1,4})(?!\[redacted)(?=[A-Za-z0-9._~+/=-]{0,200}\d|[A-Za-z0-9._~+/=-]{20})[A-Za-z0-9._~+/=-]{8,}/gi, `$1${MASK}`],
  [/\b(basic\s{1,4})(?=[A-Za-z0-9+/]{0,200}[A-Z0-9=])[A-Za-z0-9+/]{12,}={0,2}/g, `$1${MASK}`],
  [/\b(Basic\s{1,4})[A-Za-z0-9+/]{12,}={0,2}/g, `$1${MASK}`],
  [
    /\b((?:x-(?:api|auth|access|functions|goog-api|vault|amz-security|consul|gitlab|shopify-access|csrf|ms-authorization)-?(?:key|token|auxiliary)?|private-token|api-key|apikey|x-amz-security-token)["']?\s{0,4}:\s{0,4}["']?)(?!\[redacted)[^\s"',;]+/gi,
    `$1${MASK}`,
  ],
  [/\b((?:set-)?cookie["']?\s{0,4}:\s{0,4})(?!\s{0,4}\[redacted)[^"'\r\n]{1,8192}?(?=["'\r\n]|\shttps?:\/\/|\s-|$)/gi, `$1${MASK}`],
];

const URLS: readonly Pattern[] = [
  // user:password@host. A password may hold an "@"; a port is not a password.
  [/(:\/\/[^\s/?#:@"']{0,256}:)(?!\d{1,5}(?:[/?#\s]|$))(?!\[redacted\]@)[^\s"'<>]{1,512}(@)/g, `$1${MASK}$2`],
  // A token alone before the host.
  [/(:\/\/)(?!\[redacted)[^\s/?#:@"']{16,512}(@)/g, `$1${MASK}$2`],
  // user:password@host without a scheme; not image:tag@sha256:..., not host:22@.
  [/((?:^|[\s"'=/])[\w.-]{1,64}:)(?!\/\/|\d{1,5}@|\[redacted\])[^\s:@/"']{1,128}(@)(?!sha\d{3}:)(?=[\w.-])/g, `$1${MASK}$2`],
  [/([?&](?:code|key|auth|access|pw|p|password|jwt|state|sig|se?ctok)=)(?!\[redacted)(?=[^\s&#"']{12})[^\s&#"']+/gi, `$1${MASK}`],
];

const PAIRS: readonly Pattern[] = [
  // name=value, name: value, "name": "value", name => value. With ":" alone a value must follow at once or after a space.
  [new RegExp(String.raw`(${NAMES}["']?\s{0,2}(?:=>?|:(?!\/\/))\s{0,2})${VALUE}`, "gi"), `$1${MASK}`],
  // --password value, -token value. Not --password-stdin, --token-file; a path is where a key is, not the key.
  [
    new RegExp(
      String.raw`((?:^|[\s"'])--?[\w-]{0,40}?(?:password|passwd|passphrase|pass|pwd|secret|token|api-?key|access-?key|secret-?key|auth-?key|private-?key|credential)["']?[\s,]{1,4})(?!-|\.{0,2}\/|~\/|(?:file|env|fd):)${VALUE}`,
      "gi",
    ),
    `$1${MASK}`,
  ],
  // aws configure set aws_secret_access_key VALUE; requirepass VALUE; IDENTIFIED BY 'VALUE'.
  [
    new RegExp(
      String.raw`\b(aws_secret_access_key|aws_session_token|requirepass|masterauth|identified\s{1,4}by|_authToken)(\s{1,4})${VALUE}`,
      "gi",
    ),
    `$1$2${MASK}`,
  ],
  [new RegExp(String.raw`(--from-literal[=\s]{1,2}["']?[\w.-]{1,253}=)${VALUE}`, "g"), `$1${MASK}`],
  [/\b(pass:)(?!\[redacted)[^\s"']+/g, `$1${MASK}`],
];

/** `command ... flag value`, where the flag is too short to tell by itself: `ssh -p 22` and `mkdir -p` stay. */
const flag = (commands: string, flags: string, separator: string): Pattern => [
  new RegExp(String.raw`(\b(?:${commands})\b[^|;\n]{0,400}?\s(?:${flags})${separator})(?!\[redacted)${VALUE}`, "g"),
  `$1${MASK}`,
];
const USER_AND = String.raw`["']?[^\s:"'%]{0,128}[:%]`;

const COMMANDS: readonly Pattern[] = [
  // Attached only: `mysql -p db` asks for the password, and db is a name.
  flag(String.raw`mysql\w*|mariadb[\w-]*|percona[\w-]*|xtrabackup|mycli`, "-p", ""),
  flag("sshpass", "-p", String.raw`\s{0,4}`),
  flag(
    String.raw`docker|podman|buildah|skopeo|nerdctl|helm|oras|crane|az|oc|cf|mongo\w*|influx|rabbitmqadmin|twine`,
    "-p",
    String.raw`\s{1,4}`,
  ),
  flag("redis-cli|keydb-cli|valkey-cli", "-a", String.raw`\s{1,4}`),
  flag("curl|wget|http|https|xh", "-u|-U|--user|--proxy-user|-a|--auth", String.raw`[\s=]{0,4}${USER_AND}`),
  flag("smbclient|rpcclient|smbmap|net", "-U", String.raw`\s{0,4}${USER_AND}`),
  flag(String.raw`ldap\w+`, "-w", String.raw`\s{0,4}`),
  flag("mosquitto_pub|mosquitto_sub|sqlcmd|bcp|zip|unzip", "-P", String.raw`\s{0,4}`),
  flag("7z|7za|7zr", "-p", ""),
  flag("xfreerdp|rdesktop", "/p:|-p", String.raw`\s{0,4}`),
  flag("lftp", "-u", String.raw`\s{0,4}["']?[^\s,]{1,128},`),
  [/\b(sqlplus\s{1,4}(?:-\w\s{1,4}){0,4}[\w.]{1,64}\/)(?!\[redacted)[^\s@]{1,256}/g, `$1${MASK}`],
  [/\b(vault\s{1,4}login\s{1,4}(?:-\S{1,64}\s{1,4}){0,4})(?![-[])\S{8,512}/g, `$1${MASK}`],
  [/\b(htpasswd\s{1,4}-\w{0,8}b\w{0,8}\s{1,4}\S{1,256}\s{1,4}\S{1,128}\s{1,4})(?!\[redacted)\S{1,256}/g, `$1${MASK}`],
  [/\b(net\s{1,4}user\s{1,4}[\w.-]{1,64}\s{1,4})(?![/[])\S{1,256}/gi, `$1${MASK}`],
  [
    /(\becho\s{1,4}(?:-\w{1,4}\s{1,4})?["']?[\w.-]{1,64}:)(?!\[redacted)[^\s|"']{1,256}(?=["']?\s{0,4}\|\s{0,4}(?:sudo\s{1,4})?chpasswd)/g,
    `$1${MASK}`,
  ],
  [
    /(\becho\s{1,4}(?:-\w{1,4}\s{1,4})?)(?!\[redacted)[^\s|]{1,256}(?=\s{0,4}\|\s{0,4}(?:sudo\s{1,4}-S|(?:sudo\s{1,4})?passwd\s{1,4}--stdin|su\b))/g,
    `$1${MASK}`,
  ],
];

const PATTERNS: readonly Pattern[] = [...SHAPES, ...HEADERS, ...URLS, ...PAIRS, ...COMMANDS];

/** name=VALUE where VALUE looks drawn at random: mixed case with digits, or long hex under a name that ends in "key". */
const RANDOM_VALUE = /([\w.-]{1,64}["']?[=:]["']?)([A-Za-z0-9+/_-]{24,}={0,2})(?![A-Za-z0-9+/_=-])/g;
const HEX_KEY = /(key["']?\s{0,2}[=:]\s{0,2}["']?)(?:0x)?[0-9a-fA-F]{32,}\b/gi;

/** A text is read this far at most; nothing behind it is ever shown. */
const READ = 8_192;

/** The text without its secrets. Idempotent. `read`: longer texts are cut there (8,192 characters at most), at a word. */
export function redact(text: string, read: number = READ): string {
  let result = bounded(text, Math.min(read, READ));
  for (const [pattern, replace] of PATTERNS)
    result = typeof replace === "string" ? result.replace(pattern, replace) : result.replace(pattern, replace);
  return result
    .replace(HEX_KEY, `$1${MASK}`)
    .replace(RANDOM_VALUE, (whole: string, name: string, value: string) => (looksRandom(value) ? `${name}${MASK}` : whole));
}

/** Half a secret at the cut would not be recognised: the last word goes with it, or what may be the beginning of one. */
function bounded(text: string, read: number): string {
  if (text.length <= read) return text;
  const cut = text.slice(0, read);
  const word = /\s\S{0,1024}$/.exec(cut)?.index ?? Math.max(read - 256, 0);
  return `${cut.slice(0, word)} […]`;
}

function looksRandom(value: string): boolean {
  if (!/[A-Z]/.test(value) || !/[a-z]/.test(value) || !/[0-9]/.test(value)) return false;
  const segments = value.split("/");
  if (/^\/[a-z]{2,12}\//.test(value) || (value.startsWith("/") && segments.every((segment) => segment.length < 24))) return false;
  if (segments.length > 2 && segments.every((segment) => segment.length < 16)) return false;
  return entropy(value) >= 4;
}

/** Shannon entropy, bits per character. */
function entropy(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}
