import { setTimeout as sleep } from "node:timers/promises";
import { createSecureContext } from "node:tls";
import { Pool } from "undici";
import type { Answer, Ask } from "#shared/adapters/kubernetes/ask.ts";
import type { Access, Again, Endpoint } from "#shared/adapters/kubernetes/endpoint.ts";
import { connectionError, neverArrived } from "#shared/adapters/kubernetes/errors.ts";

export type Send = (ask: Ask, signal: AbortSignal) => Promise<Answer>;

const METHODS = { get: "GET", list: "GET", create: "POST", patch: "PATCH", delete: "DELETE" } as const;
/** For all tries together. */
const REQUEST_MS = 5_000;
const RETRIES = 2;
/** A server that wants more time gets it from the queue's redelivery. */
const WAIT_MAX_MS = 2_000;
const BODY_MAX = 32 * 1024 * 1024;
/** The API server closes after 90 s; a function that was frozen meanwhile would find a dead connection. */
const IDLE_MS = 60_000;
/** What a batch of ten alerts asks at once waits a moment here: a new connection costs both sides more than a request. */
const CONNECTIONS = 8;

/**
 * Requests to one API server. Connections are kept; the server's certificate is always verified. Any status is an answer. A read is repeated
 * at most twice when the server fails; a write only when it certainly did not arrive, or the server itself says by Retry-After that it
 * did nothing (as client-go does): its repetition would find its own effect, and take it for somebody else's.
 */
export function transport(cluster: string, access: Access): Send {
  const pools = poolOfNow();
  return async (ask, signal) => {
    const reads = METHODS[ask.verb] === "GET";
    const renewed = new Set<Again["because"]>();
    let endpoint = await access.endpoint(signal);
    const bound = AbortSignal.any([signal, AbortSignal.timeout(REQUEST_MS)]);
    const untilMs = performance.now() + REQUEST_MS;
    const renew = async (because: Again["because"]): Promise<void> => {
      renewed.add(because);
      endpoint = await access.endpoint(signal, { because, was: endpoint });
    };
    for (let left = RETRIES; ; left--) {
      let answer: Answer;
      try {
        answer = await once(pools(endpoint), endpoint, ask, bound);
      } catch (thrown) {
        const again = left > 0 && !bound.aborted && !renewed.has("unreachable") && (reads || neverArrived(thrown));
        if (!again) throw connectionError(thrown, cluster, ask, signal, access.advice);
        await renew("unreachable");
        continue;
      }
      if (answer.status === 401 && left > 0 && !renewed.has("refused")) {
        await renew("refused");
        continue;
      }
      const waitMs = left > 0 ? pause(answer, mayRepeat(ask), RETRIES - left) : null;
      if (waitMs === null || performance.now() + waitMs >= untilMs) return answer;
      await sleep(waitMs, undefined, { signal: bound }).catch((thrown: unknown) => {
        throw connectionError(thrown, cluster, ask, signal, access.advice);
      });
    }
  };
}

const mayRepeat = ({ verb, once: isOnce }: Ask): boolean => METHODS[verb] === "GET" && isOnce !== true;

/** How long to wait before asking again; null: what was answered stands. */
function pause({ status, retryAfterMs }: Answer, reads: boolean, tried: number): number | null {
  if (status !== 429 && status < 500) return null;
  if (retryAfterMs !== null) return retryAfterMs <= WAIT_MAX_MS ? retryAfterMs : null;
  return reads ? 200 * 2 ** tried : null;
}

async function once({ pool, prefix }: ReturnType<ReturnType<typeof poolOfNow>>, { identity }: Endpoint, ask: Ask, signal: AbortSignal) {
  const headers: Record<string, string> = { accept: "application/json", "user-agent": "falco-responder" };
  if (identity.by === "token") headers["authorization"] = `Bearer ${identity.token}`;
  if (ask.body !== undefined) headers["content-type"] = ask.verb === "patch" ? "application/json-patch+json" : "application/json";
  const response = await pool.request({
    path: prefix + ask.path,
    method: METHODS[ask.verb],
    headers,
    body: ask.body === undefined ? null : JSON.stringify(ask.body),
    signal,
  });
  const text = await response.body.text();
  return { status: response.statusCode, text, retryAfterMs: secondsIn(response.headers["retry-after"]) } satisfies Answer;
}

/** The API server writes whole seconds. */
const secondsIn = (header: string | string[] | undefined): number | null =>
  typeof header === "string" && /^\d{1,6}$/.test(header) ? Number(header) * 1_000 : null;

/** One pool while server, CA and certificate stay what they are; a token does not belong to a connection. `prefix`: of the server's path. */
function poolOfNow(): (endpoint: Endpoint) => { readonly pool: Pool; readonly prefix: string } {
  let open: { readonly of: Endpoint; readonly pool: Pool; readonly prefix: string } | undefined;
  return (endpoint) => {
    if (open !== undefined && sameConnection(open.of, endpoint)) return open;
    // What is under way there ends first.
    void open?.pool.close();
    const { server, ca, identity } = endpoint;
    const { origin, pathname } = new URL(server);
    const ours = identity.by === "certificate" ? { cert: identity.certificate, key: identity.key } : {};
    // Over HTTP/2 all requests would share one connection, and its fate.
    const pool = new Pool(origin, {
      connections: CONNECTIONS,
      // Made once: to read the CA anew for each connection costs more than the rest of it.
      connect: { secureContext: createSecureContext({ ca, ...ours }), rejectUnauthorized: true, timeout: 3_000 },
      keepAliveTimeout: IDLE_MS,
      keepAliveMaxTimeout: IDLE_MS,
      maxResponseSize: BODY_MAX,
      allowH2: false,
    });
    open = { of: endpoint, pool, prefix: pathname.replace(/\/$/, "") };
    return open;
  };
}

const sameConnection = (a: Endpoint, b: Endpoint): boolean =>
  a.server === b.server && a.ca === b.ca && certificateOf(a) === certificateOf(b);

const certificateOf = ({ identity }: Endpoint): string => (identity.by === "certificate" ? identity.certificate + identity.key : "");
