import type { Answer } from "#shared/pipeline/operate.ts";
import type { AnyRequest, ListRequest } from "#shared/wire/operate.ts";
import { explain, printAnswer } from "./answer.ts";
import { ask, CallError, findUrl } from "./call.ts";

/** Of every verb. */
export interface Place {
  readonly stage: string;
  readonly region?: string;
  readonly url?: string;
  readonly json?: true;
}

/** 0 done or shown, 1 refused, 2 wrong usage, 3 the service cannot be reached or asked. */
export const EXIT = { refused: 1, usage: 2, unreachable: 3 } as const;

const SCHEMA = "falco-responder/answer/2";

export async function run(request: AnyRequest, place: Place): Promise<void> {
  try {
    const url = place.url ?? (await findUrl(place.stage, place.region));
    const answer = request.verb === "list" ? await listed(request, url, place.region) : await ask(url, request, place.region);
    if (place.json === true) console.log(JSON.stringify({ ...answer, schema: SCHEMA }));
    else printAnswer(answer);
    process.exitCode = answer.kind === "refused" ? EXIT.refused : 0;
  } catch (thrown) {
    if (!(thrown instanceof CallError)) throw thrown;
    const { message, remedy } = thrown;
    if (place.json === true) console.log(JSON.stringify({ schema: SCHEMA, kind: "error", because: message, remedy }));
    else console.error(explain(thrown));
    process.exitCode = EXIT.unreachable;
  }
}

const MOST_PER_CALL = 100;
const MOST_CALLS = 40;

/** The service looks at so many incidents per call: it is asked until the rows are there, or there are no more. */
async function listed(request: ListRequest, url: string, region: string | undefined): Promise<Answer> {
  const incidents: Extract<Answer, { readonly kind: "listed" }>["incidents"][number][] = [];
  let { cursor } = request;
  for (let call = 1; ; call++) {
    const most = Math.min(MOST_PER_CALL, request.most - incidents.length);
    const answer = await ask(url, { ...request, most, cursor }, region);
    if (answer.kind !== "listed") return answer;
    incidents.push(...answer.incidents);
    cursor = answer.next;
    if (cursor === null || incidents.length >= request.most || call === MOST_CALLS) return { ...answer, incidents };
  }
}
