import type { At, DirectApi, Kind, KubernetesApi, PatchOperation } from "#shared/ports/kubernetes.ts";

/** Writes in words, as an API server gets them; an ending such as ": conflict" says that it did not take the write. */
export const said = {
  /** The uid of what we made ourselves is the server's choice. */
  delete: (kind: Kind, at: At & { readonly uid: string }): string =>
    `delete ${of(kind, at)}${at.name.startsWith("falco-responder-") ? "" : ` (${at.uid})`}`,
  evict: (at: At & { readonly uid: string }): string => `evict ${at.namespace}/${at.name} (${at.uid})`,
  create: (kind: Kind, at: At): string => `create ${of(kind, at)}`,
  patch: (kind: Kind, at: At, ...what: readonly string[]): string => `patch ${of(kind, at)}: ${what.toSorted().join(" ")}`,
} as const;

const of = ({ group, resource }: Kind, { namespace, name }: At): string =>
  `${group === "" ? "" : `${group}/`}${resource} ${namespace === null ? "" : `${namespace}/`}${name}`;

/** What a patch touches, two steps deep, less what it only tests: "metadata.labels". */
export const touched = (operations: readonly PatchOperation[]): readonly string[] => [
  ...new Set(operations.filter(({ op }) => op !== "test").map(({ path }) => path.split("/").slice(1, 3).join("."))),
];

export type Write = "create" | "patch" | "delete" | "evict";

/** What others do right before and after a write, dry runs left out. Whatever they throw kills the pipeline, or is the server's answer. */
export interface Around {
  before: (write: Write, kind: Kind) => void;
  after: (write: Write, kind: Kind) => void;
}

const TAKEN = ["accepted", "created", "patched"];

/** The API server, with every write that it gets and that is no dry run written down: also what then changed nothing. */
export function noting(api: KubernetesApi, pods: Kind, around: Around, effects: string[]): DirectApi {
  const noted = async <T extends { readonly kind: string }>(
    write: Write,
    kind: Kind,
    dryRun: boolean | undefined,
    words: string,
    go: () => Promise<T>,
  ): Promise<T> => {
    if (dryRun === true) return await go();
    around.before(write, kind);
    const answer = await go();
    effects.push(TAKEN.includes(answer.kind) ? words : `${words}: ${answer.kind}`);
    around.after(write, kind);
    return answer;
  };
  return {
    get: (kind, namespace, name, signal) => api.get(kind, namespace, name, signal),
    list: (kind, where, signal) => api.list(kind, where, signal),
    logs: (at, options, signal) => api.logs(at, options, signal),
    create: (kind, object, options, signal) => {
      const at = { namespace: object.metadata.namespace ?? null, name: object.metadata.name };
      return noted("create", kind, options.dryRun, said.create(kind, at), () => api.create(kind, object, options, signal));
    },
    patch: (kind, at, operations, options, signal) =>
      noted("patch", kind, options.dryRun, said.patch(kind, at, ...touched(operations)), () =>
        api.patch(kind, at, operations, options, signal),
      ),
    delete: (kind, at, options, signal) =>
      noted("delete", kind, options.dryRun, said.delete(kind, at), () => api.delete(kind, at, options, signal)),
    evict: (at, options, signal) => noted("evict", pods, options.dryRun, said.evict(at), () => api.evict(at, options, signal)),
  };
}
