type Write = typeof process.stdout.write;

/** What is written to standard output and standard error meanwhile, also by consoles of their own; nothing of it gets out. */
export async function captured(during: () => Promise<void> | void): Promise<string> {
  let all = "";
  const take = (chunk: unknown): boolean => {
    all += typeof chunk === "string" ? chunk : Buffer.from(chunk as Uint8Array).toString("utf8");
    return true;
  };
  const print = (...texts: readonly unknown[]): void => void take(`${texts.map(String).join(" ")}\n`);
  const former = { out: process.stdout.write, err: process.stderr.write, log: console.log, error: console.error };
  process.stdout.write = take as Write;
  process.stderr.write = take as Write;
  // A test runner has consoles of its own.
  console.log = print;
  console.error = print;
  try {
    await during();
  } finally {
    process.stdout.write = former.out;
    process.stderr.write = former.err;
    console.log = former.log;
    console.error = former.error;
  }
  return all;
}
