/** A realistic text with a secret in it; none of them was ever one. */
export interface Leak {
  readonly name: string;
  readonly text: string;
  /** What must not leave. */
  readonly secret: string;
  /** What a person needs in order to judge, and must still read. */
  readonly stays: string;
}

const leak = (name: string, text: string, secret: string, stays: string): Leak => ({ name, text, secret, stays });

/** Put together here, so that no scanner of repositories takes them for real. */
const JWT = ["eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiIxMjM0NTY3ODkwIn0", "dozjgNryP4J3jVmNHl0w5N"].join(".");
const AWS_ID = ["AKIA", "IOSFODNN7EXAMPLE"].join("");
const AWS_KEY = ["wJalrXUtnFEMI", "K7MDENG", "bPxRfiCYEXAMPLEKEY"].join("/");
const GITHUB = ["ghp", "16C7e42F292c6912E7710c838347Ae178B4a"].join("_");
const GITLAB = ["glpat", "x5Zk2VtQwLs9RbYdMnGh"].join("-");
const SLACK = ["xoxb", "123456789012", "AbCdEfGhIjKlMnOpQrSt"].join("-");
const STRIPE = ["sk", "live", "4eC39HqLyjWDarjtT1zdp7dc"].join("_");
const GOOGLE = ["AIza", "SyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY"].join("");
const NPM = ["npm", "Zx9vK3mQ7wR2tY8uI5oP1aS4dF6gH0jL"].join("_");
const SENDGRID = ["SG", "ngeVfQFYQlKU0ufo8x5d1A", "TwL2iGABf9DHoTf-09kqeF8tAmbihYzrnopKc-1s5cr"].join(".");
const PEM = ["-----BEGIN RSA PRIVATE KEY-----", "MIIEowIBAAKCAQEAwJ7Hq", "-----END RSA PRIVATE KEY-----"].join(" ");

export const commands: readonly Leak[] = [
  leak("mysql", "mysql -h db -u root -pS3cr3tPw0rd shop", "S3cr3tPw0rd", "mysql -h db -u root"),
  leak("mysqldump", "mysqldump --password=S3cr3tPw0rd --all-databases", "S3cr3tPw0rd", "--all-databases"),
  leak("psql by environment", "PGPASSWORD=hunter2hunter2 psql -h db", "hunter2hunter2", "psql -h db"),
  leak("psql by URL", "psql postgres://app:hunter2hunter2@db:5432/shop", "hunter2hunter2", "db:5432/shop"),
  leak("sshpass", "sshpass -p tr0ub4dor ssh root@10.0.0.9", "tr0ub4dor", "ssh root@10.0.0.9"),
  leak("curl user", "curl -u admin:tr0ub4dor https://api.internal/x", "tr0ub4dor", "api.internal"),
  leak("curl bearer", `curl -H "Authorization: Bearer ${JWT}" api.internal`, JWT, "api.internal"),
  leak("curl basic", 'curl -H "Authorization: Basic YWRtaW46dHIwdWI0ZG9y" api.internal', "YWRtaW46dHIwdWI0ZG9y", "api.internal"),
  leak("curl API key", 'curl -H "X-Api-Key: 9f8e7d6c5b4a39281706" api.internal', "9f8e7d6c5b4a39281706", "api.internal"),
  leak("curl cookie", 'curl -H "Cookie: session=k7s9d8f7g6h5j4" api.internal', "k7s9d8f7g6h5j4", "api.internal"),
  leak("curl data", "curl -d client_secret=q8w7e6r5t4y3 login.internal", "q8w7e6r5t4y3", "login.internal"),
  leak("curl JSON", `curl -d '{"user":"a","password":"q8w7e6r5t4"}' login.internal`, "q8w7e6r5t4", "login.internal"),
  leak("wget", "wget --user=a --password=tr0ub4dor files.internal", "tr0ub4dor", "files.internal"),
  leak("docker login", "docker login -u robot -p tr0ub4dor registry.internal", "tr0ub4dor", "registry.internal"),
  leak("docker run", "docker run -e DB_PASSWORD=tr0ub4dor shop/web", "tr0ub4dor", "shop/web"),
  leak("helm", "helm install x ./x --set auth.password=tr0ub4dor", "tr0ub4dor", "helm install x"),
  leak("kubectl secret", "kubectl create secret generic a --from-literal=k=tr0ub4dor", "tr0ub4dor", "kubectl create secret"),
  leak("kubectl token", `kubectl --token=${JWT} get pods`, JWT, "get pods"),
  leak("aws configure", `aws configure set aws_secret_access_key ${AWS_KEY}`, AWS_KEY, "aws configure set"),
  leak("aws environment", `AWS_SECRET_ACCESS_KEY=${AWS_KEY} aws s3 ls`, AWS_KEY, "aws s3 ls"),
  leak("aws key id", `AWS_ACCESS_KEY_ID=${AWS_ID} aws s3 ls`, AWS_ID, "aws s3 ls"),
  leak("aws session", "AWS_SESSION_TOKEN=IQoJb3JpZ2luX2VjEJr3 aws s3 ls", "IQoJb3JpZ2luX2VjEJr3", "aws s3 ls"),
  leak("redis", "redis-cli -a tr0ub4dor KEYS *", "tr0ub4dor", "KEYS *"),
  leak("redis server", "redis-server --requirepass tr0ub4dor --port 7000", "tr0ub4dor", "--port 7000"),
  leak("mongo", "mongosh mongodb://app:tr0ub4dor@db/shop", "tr0ub4dor", "db/shop"),
  leak("ldap", "ldapsearch -D cn=admin -w tr0ub4dor -b dc=x", "tr0ub4dor", "-b dc=x"),
  leak("smb", "smbclient //files/share -U admin%tr0ub4dor -c ls", "tr0ub4dor", "-c ls"),
  leak("vault", "vault login s.aBcDeFgHiJkLmNoPqRsTuVwX", "s.aBcDeFgHiJkLmNoPqRsTuVwX", "vault login"),
  leak("vault environment", "VAULT_TOKEN=hvs.aBcDeFgHiJkLmNoPqRsTuVwX vault read x", "aBcDeFgHiJkLmNoPqRsTuVwX", "vault read x"),
  leak("git clone", `git clone https://oauth2:${GITLAB}@gitlab.internal/a.git`, GITLAB, "gitlab.internal/a.git"),
  leak("GitHub token", `GH_TOKEN=${GITHUB} gh repo list`, GITHUB, "gh repo list"),
  leak("GitHub token alone", `./deploy ${GITHUB} now`, GITHUB, "./deploy"),
  leak("Slack token", `notify --to ops ${SLACK}`, SLACK, "notify --to ops"),
  leak(
    "Slack webhook",
    `curl ${["https://hooks.slack.com", "services", "T0AAA", "B0BBB", "aBcDeFgHiJ"].join("/")} -d x`,
    "aBcDeFgHiJ",
    "-d x",
  ),
  leak("Stripe key", `charge ${STRIPE} 100`, STRIPE, "charge"),
  leak("Google key", `geocode ${GOOGLE} Berlin`, GOOGLE, "Berlin"),
  leak("npm token", `publish ${NPM} pkg`, NPM, "publish"),
  leak("npm configuration", "npm config set //registry.internal/:_authToken tr0ub4dor99", "tr0ub4dor99", "npm config set"),
  leak("SendGrid key", `mail ${SENDGRID} a@b`, SENDGRID, "mail"),
  leak("private key", `echo ${PEM} > id`, "MIIEowIBAAKCAQEAwJ7Hq", "echo"),
  leak("openssl", "openssl enc -aes-256-cbc -pass pass:tr0ub4dor -in a", "tr0ub4dor", "-aes-256-cbc"),
  leak("zip", "zip -P tr0ub4dor out.zip /etc/passwd", "tr0ub4dor", "out.zip"),
  leak("7z", "7z a -ptr0ub4dor out.7z /data", "tr0ub4dor", "out.7z"),
  leak("chpasswd", "sh -c echo root:tr0ub4dor | chpasswd", "tr0ub4dor", "chpasswd"),
  leak("passwd by standard input", "sh -c echo tr0ub4dor | passwd --stdin root", "tr0ub4dor", "passwd --stdin root"),
  leak("htpasswd", "htpasswd -bc .htpasswd admin tr0ub4dor", "tr0ub4dor", ".htpasswd admin"),
  leak("sqlplus", "sqlplus scott/tr0ub4dor@db", "tr0ub4dor", "sqlplus"),
  leak("SQL", "mysql -e CREATE USER x IDENTIFIED BY 'tr0ub4dor'", "tr0ub4dor", "CREATE USER x"),
  leak("PHP session", "curl -b PHPSESSID=k7s9d8f7g6h5j4 shop.internal", "k7s9d8f7g6h5j4", "shop.internal"),
  leak(
    "signed URL",
    "curl s3.internal/a?X-Amz-Signature=9f8e7d6c5b4a3928170615243342516070818a",
    "9f8e7d6c5b4a3928170615243342516070818a",
    "s3.internal/a",
  ),
  leak("connection string", "app --connection-string=Server=db;Password=tr0ub4dor;Timeout=5", "tr0ub4dor", "app"),
  leak("storage key", `AccountKey=${"aB3/".repeat(10)}== upload`, "aB3/aB3/aB3", "upload"),
  leak("Django", "DJANGO_SECRET_KEY=k7s9d8f7g6h5j4l3 python manage.py", "k7s9d8f7g6h5j4l3", "python manage.py"),
  leak("Rails", "RAILS_MASTER_KEY=0f1e2d3c4b5a69788796a5b4c3d2e1f0 rails c", "0f1e2d3c4b5a69788796a5b4c3d2e1f0", "rails c"),
  leak("proxy", "https_proxy=http://user:tr0ub4dor@proxy:3128 apk add x", "tr0ub4dor", "proxy:3128"),
  leak(
    "Telegram",
    `curl api.telegram.org/bot${["123456789", "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1"].join(":")}/sendMessage`,
    "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1",
    "api.telegram.org",
  ),
  leak("RDP", "xfreerdp /u:admin /p:tr0ub4dor /v:10.0.0.9", "tr0ub4dor", "/v:10.0.0.9"),
  leak("FTP", "lftp -u admin,tr0ub4dor ftp.internal", "tr0ub4dor", "ftp.internal"),
  leak("Windows user", "net user svc tr0ub4dor /add", "tr0ub4dor", "/add"),
  leak(
    "age key",
    `age -i ${["AGE-SECRET-KEY-1", "QWERTYUIOPASDFGHJKLZXCVBNM234567"].join("")} -d x`,
    "QWERTYUIOPASDFGHJKLZXCVBNM234567",
    "-d x",
  ),
  leak(
    "OpenAI key",
    `OPENAI_API_KEY=${["sk-proj", "aBcDeFgHiJkLmNoPqRsTuVwXyZ012345"].join("-")} python x.py`,
    "aBcDeFgHiJkLmNoPqRsTuVwXyZ012345",
    "python x.py",
  ),
  leak("password split by a zero width space", "mysql --pass\u200bword=tr0ub4dor shop", "tr0ub4dor", "mysql"),
  leak("password in colour", "mysql --\u001b[31mpassword\u001b[0m=tr0ub4dor shop", "tr0ub4dor", "mysql"),
  leak("password behind a line break", "curl x\n-H 'Authorization: Bearer k7s9d8f7g6h5j4l3k2' y", "k7s9d8f7g6h5j4l3k2", "curl x"),
  leak("password behind much else", `run ${"x".repeat(600)} --password tr0ub4dor`, "tr0ub4dor", "run"),
];
