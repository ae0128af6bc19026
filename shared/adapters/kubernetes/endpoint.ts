import { createPrivateKey, X509Certificate } from "node:crypto";
import { PipelineError } from "#shared/domain/error.ts";

/** Where an API server is, and who we are there: as it is now. */
export interface Endpoint {
  /** https://host[:port][/prefix], without a slash at the end. */
  readonly server: string;
  /** PEM. Nobody else's certificate is accepted. */
  readonly ca: string;
  readonly identity: Identity;
}

/** `certificate` and `key`: PEM. */
export type Identity =
  | { readonly by: "token"; readonly token: string }
  | { readonly by: "certificate"; readonly certificate: string; readonly key: string };

/** One way to reach an API server. */
export interface Access {
  /** `again`: what failed with the endpoint that was given before. Whoever can learn something new looks now, the others give the same again. */
  endpoint(signal: AbortSignal, again?: Again): Promise<Endpoint>;
  readonly advice: Advice;
}

export interface Again {
  /** refused: 401. unreachable: no connection, or a certificate that is not of the CA. */
  readonly because: "refused" | "unreachable";
  readonly was: Endpoint;
}

/** What the operator must look at, by what went wrong; each ends a sentence that says what. */
export interface Advice {
  /** 401 */
  readonly unauthorized: string;
  /** 403: to whom the rights are to be bound. */
  readonly forbidden: string;
  /** The server's certificate is not of the CA. */
  readonly certificate: string;
  /** Nobody answers. */
  readonly unreachable: string;
}

/** Checks an address. `where` names it in our words. A token sent in clear, or to whoever answers, would be everybody's. */
export function address(server: string, caData: string, where: string): Pick<Endpoint, "server" | "ca"> {
  const url = URL.parse(server);
  const ca = Buffer.from(caData, "base64").toString("utf8");
  if (url?.protocol !== "https:" || url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "")
    throw new PipelineError("config_invalid", `${where}: the server must be a plain https:// address`);
  if (!isCertificate(ca)) throw new PipelineError("config_invalid", `${where}: the CA must be a PEM certificate in base64`);
  return { server: `${url.origin}${url.pathname.replace(/\/+$/, "")}`, ca };
}

/** Checks a client certificate and its key, both PEM. Neither is in the message. */
export function clientIdentity(certificate: string, key: string, where: string): Identity {
  try {
    if (new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))) return { by: "certificate", certificate, key };
  } catch {
    throw new PipelineError("config_invalid", `${where}: the client certificate and its key must be PEM, the key without a passphrase`);
  }
  throw new PipelineError("config_invalid", `${where}: the key is not that of the client certificate`);
}

/** Only what fits in a header goes on. */
export function bearerIdentity(token: unknown, where: string): Identity {
  if (typeof token === "string" && /^[\x21-\x7e]+$/.test(token)) return { by: "token", token };
  throw new PipelineError("config_invalid", `${where} holds no bearer token`);
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}
