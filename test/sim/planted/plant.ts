import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import { BUGS } from "./bugs.ts";

/**
 * Puts one bug into the text of the product as this thread loads it; no file is changed. Each text must stand there exactly once: a bug that
 * fits no longer is an error, not a bug that nobody finds.
 */
export function plant(name: string): void {
  const bug = BUGS.find((one) => one.name === name);
  if (bug === undefined) throw new Error(`no such planted bug: ${name}`);
  const left = new Set(bug.edits.map(({ file }) => file));
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const edits = url.startsWith("file:") ? bug.edits.filter(({ file }) => fileURLToPath(url).endsWith(`/${file}`)) : [];
      if (edits.length === 0) return loaded;
      let source = typeof loaded.source === "string" ? loaded.source : new TextDecoder().decode(loaded.source as Uint8Array);
      for (const { file, from, to } of edits) {
        if (source.split(from).length !== 2)
          throw new Error(`planted bug "${name}": its text stands ${source.split(from).length - 1} times in ${file}, not once`);
        source = source.replace(from, () => to);
        left.delete(file);
      }
      return { ...loaded, source };
    },
  });
}
